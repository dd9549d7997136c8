// A rank that has no part of a tensor plans an empty shard all the same, whose offset may be that of another rank's
// shard: then PyTorch threw the real one away (pytorch PR 150862). Here what writes nothing never displaces what writes
// something, or may.

#include <dcp/balanced.hpp>
#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../policies.hpp"
#include "../policy_model.hpp"
#include "../rounds.hpp"

namespace empty_items_test {

constexpr std::nullopt_t unknown = std::nullopt;
using bytes = std::optional<std::uint64_t>;

struct shard {
  std::string index;
  bytes size;
  [[nodiscard]] bytes storage_size() const { return size; }
  friend bool operator==(const shard&, const shard&) = default;
};

template <class Items>
struct basic_plan {
  Items items;
  friend bool operator==(const basic_plan&, const basic_plan&) = default;
};
using plan = basic_plan<std::vector<shard>>;
using plans_list = std::vector<plan>;

using redundant_items = std::vector<std::vector<dcp::duplicate>>;

template <class Plans>
redundant_items redundant_in(const Plans& plans, const dcp::options& settings = {}) {
  const dcp::duplicates found = dcp::find_duplicates(plans, settings);
  redundant_items lists;
  for (std::size_t rank = 0; rank != found.plans(); ++rank)
    lists.emplace_back(found.in(rank).begin(), found.in(rank).end());
  return lists;
}

redundant_items by_model(const plans_list& plans, const dcp::keep_policy& policy) {
  return test::policy_model(
      plans, [](const shard& of) { return of.index; }, [](const shard& of) { return of.size; }, policy);
}

// What a policy is shown of the first shared index.
struct shown {
  std::vector<std::uint32_t> holders;
  std::uint64_t bytes = 0;
};

shown first_shared(const plans_list& plans) {
  shown result;
  const auto look = [&](const dcp::shared_indices& shared) {
    result = {{shared.holders(0).begin(), shared.holders(0).end()}, shared.bytes(0)};
    return test::keep_last(shared);
  };
  static_cast<void>(dcp::find_duplicates(plans, {.keep = look}));
  return result;
}

TEST_CASE("an empty item in an earlier plan gives way to one that writes something, for an lvalue and an rvalue") {
  plans_list plans{{{{"w", 0}, {"a", 1}}}, {{{"a", 1}, {"w", 8}}}};
  const plans_list expected{{{{"a", 1}}}, {{{"w", 8}}}};

  REQUIRE(redundant_in(plans) == redundant_items{{{0, 1, 1}}, {{0, 0, 1}}});
  REQUIRE(dcp::dedup_tensors(plans) == expected);
  auto erased = plans;
  dcp::erase_duplicates(erased, dcp::find_duplicates(plans));
  REQUIRE(erased == expected);
  REQUIRE(dcp::dedup_tensors(std::move(plans)) == expected);
}

TEST_CASE("an empty item gives way to one whose size is not known") {
  REQUIRE(redundant_in(plans_list{{{{"w", 0}}}, {{{"w", unknown}}}}) == redundant_items{{{0, 1, 0}}, {}});
}

TEST_CASE("an item whose size is not known gives way to none") {
  REQUIRE(redundant_in(plans_list{{{{"w", unknown}}}, {{{"w", 8}}}}) == redundant_items{{}, {{0, 0, 0}}});
}

TEST_CASE("of items that are all empty the first stays") {
  REQUIRE(redundant_in(plans_list{{{{"w", 0}}}, {{{"w", 0}, {"w", 0}}}}) ==
          redundant_items{{}, {{0, 0, 0}, {1, 0, 0}}});
}

TEST_CASE("an empty item gives way within its own plan") {
  REQUIRE(redundant_in(plans_list{{{{"w", 0}, {"w", 8}, {"w", 9}}}}) == redundant_items{{{0, 0, 1}, {2, 0, 1}}});
  REQUIRE(redundant_in(plans_list{{{{"w", 0}, {"w", 8}}}, {{{"w", 0}, {"w", 9}}}}) ==
          redundant_items{{{0, 0, 1}}, {{0, 0, 1}, {1, 0, 1}}});
}

TEST_CASE("of three plans the first that writes something, or may, keeps the index") {
  REQUIRE(redundant_in(plans_list{{{{"w", 0}}}, {{{"w", 8}}}, {{{"w", 9}}}}) ==
          redundant_items{{{0, 1, 0}}, {}, {{0, 1, 0}}});
  REQUIRE(redundant_in(plans_list{{{{"w", 0}}}, {{{"w", 0}}}, {{{"w", unknown}}}}) ==
          redundant_items{{{0, 2, 0}}, {{0, 2, 0}}, {}});
}

TEST_CASE("items in a list, and plans with empty items past the first block, are decided alike") {
  std::vector<basic_plan<std::list<shard>>> lists(2);
  for (int i = 0; i != 200; ++i) {
    lists[0].items.push_back({std::to_string(i), i == 150 ? 0 : 1});
    lists[1].items.push_back({std::to_string(i), 1});
  }

  const auto found = redundant_in(lists);

  REQUIRE(found[0] == std::vector<dcp::duplicate>{{150, 1, 150}});
  REQUIRE(found[1].size() == 199);
}

TEST_CASE("the holders that a policy is shown are the plans that write something") {
  const shown some = first_shared({{{{"w", 0}}}, {{{"w", 7}}}, {{{"w", 0}}}, {{{"w", 9}}}});
  REQUIRE(some.holders == std::vector<std::uint32_t>{1, 3});
  REQUIRE(some.bytes == 7);

  const shown none = first_shared({{{{"w", 0}}}, {{{"w", 0}}}});
  REQUIRE(none.holders == std::vector<std::uint32_t>{0, 1});
  REQUIRE(none.bytes == 0);
}

TEST_CASE("an index's bytes are those of its first item that writes something, or may") {
  REQUIRE(first_shared({{{{"w", 0}, {"w", 5}, {"w", 6}}}, {{{"w", 7}}}}).bytes == 5);
  REQUIRE(first_shared({{{{"w", unknown}}}, {{{"w", 7}}}}).bytes == 0);
}

TEST_CASE("an index that one plan alone writes is its own, though others have it empty") {
  std::vector<std::uint64_t> own;
  const auto look = [&](const dcp::shared_indices& shared) {
    REQUIRE(shared.size() == 0);
    for (std::size_t plan = 0; plan != shared.plans(); ++plan) own.push_back(shared.own_bytes(plan));
    return std::vector<std::uint32_t>();
  };

  const plans_list plans{{{{"w", 0}}}, {{{"w", 7}}}};
  REQUIRE(redundant_in(plans, {.keep = look}) == redundant_items{{{0, 1, 0}}, {}});
  REQUIRE(own == std::vector<std::uint64_t>{0, 7});
}

TEST_CASE("a policy that names a plan whose item is empty is refused") {
  plans_list plans{{{{"w", 0}}}, {{{"w", 7}}}, {{{"w", 7}}}};
  const auto before = plans;
  const dcp::keep_policy first_plan = [](const dcp::shared_indices& shared) {
    return std::vector<std::uint32_t>(shared.size(), 0);
  };

  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), {.keep = first_plan}), std::invalid_argument);
  REQUIRE(plans == before);
}

TEST_CASE("balancing leaves no index to a plan whose item is empty") {
  plans_list plans(4);
  for (std::size_t i = 0; i != 40; ++i)
    for (std::size_t rank = 0; rank != 4; ++rank)
      plans[rank].items.push_back({"w" + std::to_string(i), rank == i % 4 || rank == (i + 1) % 4 ? 100 : 0});

  const auto result = dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced});

  std::size_t count = 0;
  for (const plan& each : result)
    for (const shard& it : each.items) {
      REQUIRE(it.size == bytes(100));
      ++count;
    }
  REQUIRE(count == 40);
}

TEST_CASE("random lists with empty items are decided as the model does, by every policy") {
  const dcp::keep_policy policies[] = {dcp::keep::first, test::keep_last, dcp::keep::balanced};
  for (std::uint64_t seed = 1; seed <= test::rounds(20'000U); ++seed) {
    std::mt19937_64 engine(seed);
    const auto below = [&](std::uint64_t bound) { return engine() % bound; };
    plans_list plans(below(5));
    for (plan& each : plans)
      for (std::uint64_t count = below(9); count != 0; --count) {
        const std::uint64_t kind = below(4);
        each.items.push_back({std::string(1, static_cast<char>('a' + below(8))),
                              kind == 0 ? bytes() : bytes(kind == 1 ? 0 : below(100))});
      }
    for (const dcp::keep_policy& policy : policies) {
      INFO("seed " << seed << ", policy " << &policy - policies);
      REQUIRE(redundant_in(plans, {.keep = policy}) == by_model(plans, policy));
    }
  }
}

}  // namespace empty_items_test
