// An lvalue is left as it was; the result is a copy, and, where plans can be copied without their items, one of only
// those items that stay.

#include <dcp/dedup_tensors.hpp>

#include <list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace lvalue_untouched_test {

using test::keys_of;
using test::lines;
using test::plans_of;

// Counts how often an item is copied.
struct counted {
  std::string index;
  static inline int copies = 0;

  explicit counted(std::string name) : index(std::move(name)) {}
  counted(const counted& other) : index(other.index) { ++copies; }
  counted& operator=(const counted& other) {
    index = other.index;
    ++copies;
    return *this;
  }
  counted(counted&&) noexcept = default;
  counted& operator=(counted&&) noexcept = default;
  ~counted() = default;
};

struct sparing_plan {
  std::vector<counted> items;
  [[nodiscard]] sparing_plan without_items() const { return {}; }
};

// Says by its trait what sparing_plan says by a member.
struct plain_plan {
  std::vector<counted> items;
  int rank = 0;
};

template <class Plan>
std::vector<Plan> replicas(int ranks, int items) {
  std::vector<Plan> plans(static_cast<std::size_t>(ranks));
  for (auto& plan : plans)
    for (int i = 0; i != items; ++i) plan.items.emplace_back("layer." + std::to_string(i));
  return plans;
}

}  // namespace lvalue_untouched_test

template <>
struct dcp::save_plan_traits<lvalue_untouched_test::plain_plan> {
  static auto& items(auto& plan) { return plan.items; }
  static lvalue_untouched_test::plain_plan without_items(const lvalue_untouched_test::plain_plan& plan) {
    return {{}, plan.rank};
  }
};

namespace lvalue_untouched_test {

TEST_CASE("an lvalue has the same items in the same places afterwards") {
  auto plans = plans_of({"a b", "b c a", "c"});
  const auto before = plans;
  const test::plan* const plan_address = plans.data();
  const test::item* const item_address = plans[1].items.data();

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(keys_of(result) == lines{"a b", "c", ""});
  REQUIRE(plans == before);
  REQUIRE(plans.data() == plan_address);
  REQUIRE(plans[1].items.data() == item_address);
}

TEST_CASE("a const lvalue will do, and so will a const rvalue, which is copied") {
  const auto plans = plans_of({"a b", "b c"});
  const auto before = plans;

  REQUIRE(keys_of(dcp::dedup_tensors(plans)) == lines{"a b", "c"});
  REQUIRE(keys_of(dcp::dedup_tensors(std::move(plans))) == lines{"a b", "c"});
  REQUIRE(plans == before);
}

TEST_CASE("the result is a container of the argument's type, by value") {
  auto plans = plans_of({"a"});
  const std::list<test::plan> list(plans.begin(), plans.end());

  STATIC_REQUIRE(std::is_same_v<decltype(dcp::dedup_tensors(plans)), std::vector<test::plan>>);
  STATIC_REQUIRE(std::is_same_v<decltype(dcp::dedup_tensors(std::move(plans))), std::vector<test::plan>>);
  STATIC_REQUIRE(std::is_same_v<decltype(dcp::dedup_tensors(list)), std::list<test::plan>>);
}

TEST_CASE("the result of an lvalue shares nothing with it") {
  auto plans = plans_of({"a b", "a c"});
  auto result = dcp::dedup_tensors(plans);
  const auto expected = result;

  plans[0].items[0].index = "changed";
  plans.clear();

  REQUIRE(result == expected);
}

TEST_CASE("of plans that have without_items, only the items that stay are copied") {
  const auto plans = replicas<sparing_plan>(8, 100);
  counted::copies = 0;

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(counted::copies == 100);
  REQUIRE(result[0].items.size() == 100);
  for (std::size_t rank = 1; rank != 8; ++rank) REQUIRE(result[rank].items.empty());
}

TEST_CASE("a trait's without_items serves as a member does") {
  auto plans = replicas<plain_plan>(8, 100);
  for (int rank = 0; rank != 8; ++rank) plans[static_cast<std::size_t>(rank)].rank = rank;
  counted::copies = 0;

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(counted::copies == 100);
  for (int rank = 0; rank != 8; ++rank) REQUIRE(result[static_cast<std::size_t>(rank)].rank == rank);
}

}  // namespace lvalue_untouched_test
