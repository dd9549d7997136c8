// Plans with `without_items` are copied without the items that go: what such a copy takes and has.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace sparing_copies_test {

using test::lines;

// Its copies are told from a new one by their number; a container that is copied takes one more.
template <class Value>
struct numbered_allocator {
  using value_type = Value;
  int number = 0;

  numbered_allocator() = default;
  explicit numbered_allocator(int given) : number(given) {}
  template <class Other>
  numbered_allocator(const numbered_allocator<Other>& other) : number(other.number) {}
  [[nodiscard]] numbered_allocator select_on_container_copy_construction() const {
    return numbered_allocator(number + 1);
  }
  Value* allocate(std::size_t count) { return std::allocator<Value>().allocate(count); }
  void deallocate(Value* at, std::size_t count) { std::allocator<Value>().deallocate(at, count); }
  friend bool operator==(const numbered_allocator&, const numbered_allocator&) = default;
};

template <class Items>
struct sparing_plan {
  Items items;
  int rank = 0;
  [[nodiscard]] sparing_plan without_items() const { return {{}, rank}; }
};

struct base_plan {
  std::vector<test::item> items;
  [[nodiscard]] base_plan without_items() const { return {}; }
};
// Inherits a `without_items` that would lose its own member.
struct derived_plan : base_plan {
  derived_plan() = default;
  derived_plan(base_plan base) : base_plan(std::move(base)) {}
  int rank = 0;
};

template <class Plans>
Plans three_plans() {
  Plans plans;
  int rank = 0;
  for (const lines& keys : {lines{"a", "b", "c"}, lines{"b", "x", "c"}, lines{"a"}}) {
    auto& plan = plans.emplace_back();
    for (const std::string& key : keys) plan.items.insert(plan.items.end(), {key});
    plan.rank = rank++;
  }
  return plans;
}

TEST_CASE("plans with without_items are copied also where their items have no push_back") {
  const auto plans = three_plans<std::vector<sparing_plan<std::set<test::item>>>>();
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(test::keys_of(result) == lines{"a b c", "x", ""});
  REQUIRE(result[1].rank == 1);
}

TEST_CASE("plans with without_items are copied also where they lie in no std::vector") {
  const auto plans = three_plans<std::deque<sparing_plan<std::vector<test::item>>>>();
  REQUIRE(test::keys_of(dcp::dedup_tensors(plans)) == lines{"a b c", "x", ""});
}

TEST_CASE("a copy of plans takes the allocator that a copy of their container takes") {
  using plan = sparing_plan<std::vector<test::item>>;
  using plans_list = std::vector<plan, numbered_allocator<plan>>;
  plans_list plans(numbered_allocator<plan>(7));
  plans.resize(2);
  for (plan& each : plans) each.items = {{"a"}};

  const plans_list copied = dcp::dedup_tensors(plans);

  REQUIRE(plans_list(plans).get_allocator().number == 8);
  REQUIRE(copied.get_allocator().number == 8);
  REQUIRE(copied[1].items.empty());
}

TEST_CASE("a copy has room for the items that stay, and no more") {
  const auto plans = three_plans<std::vector<sparing_plan<std::vector<test::item>>>>();
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(result.capacity() == 3);
  REQUIRE(result[0].items.capacity() == 3);
  REQUIRE(result[1].items.capacity() == 1);
  REQUIRE(result[2].items.capacity() == 0);
}

TEST_CASE("a without_items that returns a base of the plan is not taken for a copy") {
  const auto plans = three_plans<std::vector<derived_plan>>();
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(test::keys_of(result) == lines{"a b c", "x", ""});
  REQUIRE(result[2].rank == 2);
}

}  // namespace sparing_copies_test
