// Pointers to plans are copied without the plans: an lvalue of them was changed. And where two ranks had one plan object
// between them, each took the other's items for replicas of its own, and both lost all. Two plans with the same items
// object are refused now, as is an lvalue whose copy shares its items.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <list>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../other_containers.hpp"
#include "../plans.hpp"

using test::lines;

namespace {

// Its trait has two overloads, as if it owned what it points to.
struct handle {
  std::shared_ptr<test::plan> plan;
};

// Holds its items by pointer, so that a copy has the same.
struct pointing_plan {
  std::shared_ptr<std::vector<test::item>> list;
};

struct handle_plan {
  test::shared_list<test::item> items;
};

std::shared_ptr<test::plan> shared_plan(std::vector<test::item> items) {
  return std::make_shared<test::plan>(test::plan{std::move(items), 0});
}

const std::vector<test::item> some_items{{"a", 1}, {"b", 2}};

}  // namespace

template <>
struct dcp::save_plan_traits<handle> {
  static auto& items(handle& of) { return of.plan->items; }
  static const auto& items(const handle& of) { return of.plan->items; }
};

template <>
struct dcp::save_plan_traits<std::shared_ptr<test::plan>> {
  static auto& items(std::shared_ptr<test::plan>& of) { return of->items; }
  static const auto& items(const std::shared_ptr<test::plan>& of) { return of->items; }
};

template <>
struct dcp::save_plan_traits<pointing_plan> {
  static auto& items(pointing_plan& of) { return *of.list; }
  static const auto& items(const pointing_plan& of) { return *of.list; }
};

TEST_CASE("two plans that share one object are refused before anything is changed, and can be looked at") {
  const auto plan = shared_plan(some_items);
  std::vector<std::shared_ptr<test::plan>> plans{plan, shared_plan({{"c", 3}}), plan};

  REQUIRE(dcp::find_duplicates(plans).size() == 2);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(plans), std::invalid_argument);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans)), std::invalid_argument);
  REQUIRE(plan->items == some_items);
  REQUIRE(plans.size() == 3);
}

TEST_CASE("a decision for distinct plans is not carried out on plans that share one object") {
  const dcp::duplicates found = dcp::find_duplicates(test::plans_of({"a b", "a b"}));
  const auto plan = shared_plan(some_items);

  std::vector<std::shared_ptr<test::plan>> pointers{plan, plan};
  REQUIRE_THROWS_AS(dcp::erase_duplicates(pointers, found), std::invalid_argument);
  std::vector<test::plan*> plain{plan.get(), plan.get()};
  REQUIRE_THROWS_AS(dcp::erase_duplicates(plain, found), std::invalid_argument);
  REQUIRE(plan->items == some_items);
}

TEST_CASE("plans whose items lie in one object behind a pointer are refused") {
  const auto list = std::make_shared<std::vector<test::item>>(some_items);
  std::vector<pointing_plan> plans{{list}, {list}};

  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans)), std::invalid_argument);
  REQUIRE(*list == some_items);
}

TEST_CASE("plans with handles of the same items are refused") {
  const test::shared_list<test::item> list{{"a", 1}, {"b", 2}};
  std::vector<handle_plan> plans{{list}, {list}};

  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans)), std::invalid_argument);
  REQUIRE(list.size() == 2);

  std::vector<handle_plan> distinct{{{{"a"}, {"b"}}}, {{{"b"}, {"c"}}}};
  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(distinct))) == lines{"a b", "c"});
}

TEST_CASE("plans that share nothing but their emptiness are fine") {
  const auto empty = shared_plan({});
  std::vector<std::shared_ptr<test::plan>> plans{empty, shared_plan(some_items), empty};

  REQUIRE(dcp::find_duplicates(plans).empty());
  REQUIRE(dcp::dedup_tensors(std::move(plans))[1]->items == some_items);
}

TEST_CASE("an lvalue whose copy shares its items is refused and left as it was") {
  const std::vector<std::shared_ptr<test::plan>> pointers{shared_plan(some_items), shared_plan(some_items)};
  REQUIRE_THROWS_AS(dcp::dedup_tensors(pointers), std::invalid_argument);
  REQUIRE(pointers[1]->items == some_items);

  const std::list<handle> handles{{shared_plan(some_items)}, {shared_plan(some_items)}};
  REQUIRE_THROWS_AS(dcp::dedup_tensors(handles), std::invalid_argument);
  REQUIRE(handles.back().plan->items == some_items);

  std::vector<pointing_plan> lists;
  for (int rank = 0; rank != 2; ++rank) lists.push_back({std::make_shared<std::vector<test::item>>(some_items)});
  REQUIRE_THROWS_AS(dcp::dedup_tensors(lists), std::invalid_argument);
  REQUIRE(*lists[1].list == some_items);
}

TEST_CASE("an rvalue of distinct plans behind pointers is worked on in place") {
  std::vector<std::shared_ptr<test::plan>> plans{shared_plan(some_items), shared_plan({{"b", 3}, {"c", 4}})};
  const auto second = plans[1];

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1] == second);
  REQUIRE(second->items == std::vector<test::item>{{"c", 4}});
}

TEST_CASE("one item object in two plans is no shared items object") {
  const auto item = std::make_shared<const test::item>(test::item{"a", 1});
  const std::vector<test::basic_plan<std::vector<std::shared_ptr<const test::item>>>> plans{{{item}, 0}, {{item}, 1}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0].items.size() == 1);
  REQUIRE(result[1].items.empty());
}

TEST_CASE("a null pointer for a plan or an item is refused, and the message says where it is") {
  const auto message_of = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  std::vector<std::unique_ptr<test::plan>> plans(2);
  plans[0] = std::make_unique<test::plan>();
  REQUIRE(message_of([&] { static_cast<void>(dcp::find_duplicates(plans)); }) == "dcp: plan 1 is a null pointer");
  REQUIRE(message_of([&] { static_cast<void>(dcp::dedup_tensors(std::move(plans))); }) ==
          "dcp: plan 1 is a null pointer");

  std::vector<test::basic_plan<std::vector<std::unique_ptr<test::item>>>> items(2);
  items[0].items.push_back(std::make_unique<test::item>());
  items[1].items.push_back(std::make_unique<test::item>());
  items[1].items.emplace_back();
  REQUIRE(message_of([&] { static_cast<void>(dcp::dedup_tensors(std::move(items))); }) ==
          "dcp: item 1 of plan 1 is a null pointer");
  REQUIRE(items[1].items.size() == 2);
}
