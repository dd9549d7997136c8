// An lvalue is left as it was; the result is a copy.

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

}  // namespace lvalue_untouched_test
