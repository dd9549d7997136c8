// Each index that occurs in the plans occurs exactly once in the result: none is lost, none is left twice.

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace exactly_once_test {

using test::keys_of;
using test::lines;
using test::plans_of;

// The same for an lvalue and an rvalue; both have to give this result.
lines deduplicated(const lines& keys) {
  auto plans = plans_of(keys);
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(dcp::dedup_tensors(std::move(plans)) == result);
  return keys_of(result);
}

// Equal hashes for all: == alone can tell two of them apart.
struct clashing {
  std::uint64_t value = 0;
  friend bool operator==(const clashing&, const clashing&) = default;
};

// The identity as a hash, as std::hash has it for integers in practice.
struct identity_hashed {
  std::uint64_t value = 0;
  friend bool operator==(const identity_hashed&, const identity_hashed&) = default;
};

template <class Index>
struct item_with {
  Index index;
};

template <class Index>
struct plan_with {
  std::vector<item_with<Index>> items;
};

}  // namespace exactly_once_test

template <>
struct std::hash<exactly_once_test::clashing> {
  std::size_t operator()(const exactly_once_test::clashing&) const noexcept { return 0; }
};

template <>
struct std::hash<exactly_once_test::identity_hashed> {
  std::size_t operator()(const exactly_once_test::identity_hashed& index) const noexcept {
    return static_cast<std::size_t>(index.value);
  }
};

namespace exactly_once_test {

// `values` in one plan, then from the back in a second; returns how often each is left in both.
template <class Index>
std::map<std::uint64_t, int> left_of(const std::vector<std::uint64_t>& values) {
  std::vector<plan_with<Index>> plans(2);
  for (const std::uint64_t value : values)
    for (auto& plan : plans) plan.items.push_back({{value}});
  std::reverse(plans[1].items.begin(), plans[1].items.end());
  std::map<std::uint64_t, int> left;
  for (const auto& plan : dcp::dedup_tensors(std::move(plans)))
    for (const auto& item : plan.items) ++left[item.index.value];
  return left;
}

template <class Index>
void require_each_once(const std::vector<std::uint64_t>& values) {
  std::map<std::uint64_t, int> once;
  for (const std::uint64_t value : values) once[value] = 1;
  REQUIRE(left_of<Index>(values) == once);
}

std::vector<std::uint64_t> numbers(std::uint64_t count, std::uint64_t step) {
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = 0; i != count; ++i) values.push_back(i * step);
  return values;
}

TEST_CASE("an index that several plans name stays in one of them") {
  REQUIRE(deduplicated({"a b", "a b", "b a"}) == lines{"a b", "", ""});
  REQUIRE(deduplicated({"a b c", "b d", "d a e"}) == lines{"a b c", "d", "e"});
}

TEST_CASE("an index that one plan names several times stays once") {
  REQUIRE(deduplicated({"a a"}) == lines{"a"});
  REQUIRE(deduplicated({"a b a a b"}) == lines{"a b"});
  REQUIRE(deduplicated({"a a", "a a"}) == lines{"a", ""});
  REQUIRE(deduplicated({"b", "a b a", "a"}) == lines{"b", "a", ""});
  REQUIRE(deduplicated({"c", "", "a b a", "c c b"}) == lines{"c", "", "a b", ""});
}

TEST_CASE("no plans give no plans, and plans without items stay") {
  REQUIRE(deduplicated({}) == lines{});
  REQUIRE(deduplicated({""}) == lines{""});
  REQUIRE(deduplicated({"", "", ""}) == lines{"", "", ""});
  REQUIRE(deduplicated({"", "a", "", "a b", ""}) == lines{"", "a", "", "b", ""});
}

TEST_CASE("a plan that loses all its items stays, empty, in its place") {
  REQUIRE(deduplicated({"a b", "a", "c"}) == lines{"a b", "", "c"});
}

TEST_CASE("deduplicating twice changes nothing more") {
  const auto once = dcp::dedup_tensors(plans_of({"a b a", "b c", "c d a"}));
  REQUIRE(dcp::dedup_tensors(once) == once);
}

TEST_CASE("names are told apart by every byte, and the empty name is one too") {
  using namespace std::string_literals;
  std::vector<test::plan> plans(2);
  for (auto& plan : plans) plan.items = {{""s}, {"a"s}, {"a\0"s}, {"a\0b"s}, {"A"s}, {"\xC3\xA9"s}, {"e\xCC\x81"s}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0] == plans[0]);
  REQUIRE(result[1].items.empty());
}

TEST_CASE("no offset, a scalar's empty offset and {0} are three offsets") {
  std::vector<dcp::SavePlan> plans(2);
  for (auto& plan : plans)
    for (const std::optional<dcp::Size>& offset :
         {std::optional<dcp::Size>{}, {dcp::Size{}}, {dcp::Size{0}}, {dcp::Size{0, 0}}})
      plan.items.push_back({.index = {.fqn = "a", .offset = offset}});

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0] == plans[0]);
  REQUIRE(result[0].items.size() == 4);
  REQUIRE(result[1].items.empty());
}

TEST_CASE("indices that differ in the hint alone are one index") {
  std::vector<dcp::SavePlan> plans(3);
  plans[0].items = {{.index = {.fqn = "a", .offset = dcp::Size{4, 0}, .index = 1}}};
  plans[1].items = {{.index = {.fqn = "a", .offset = dcp::Size{4, 0}, .index = 2}}};
  plans[2].items = {{.index = {.fqn = "a", .offset = dcp::Size{4, 0}}}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0] == plans[0]);
  REQUIRE(result[1].items.empty());
  REQUIRE(result[2].items.empty());
}

TEST_CASE("indices whose hashes are all equal are told apart") { require_each_once<clashing>(numbers(500, 1)); }

TEST_CASE("indices whose hashes differ in the upper bits alone are told apart") {
  require_each_once<identity_hashed>(numbers(3000, std::uint64_t{1} << 32));
  require_each_once<identity_hashed>(numbers(1000, std::uint64_t{1} << 54));
}

TEST_CASE("indices whose hashes are consecutive numbers or multiples of a power of two are told apart") {
  require_each_once<identity_hashed>(numbers(3000, 1));
  require_each_once<identity_hashed>(numbers(3000, 4096));
}

TEST_CASE("hundreds of thousands of items are handled as a handful are") {
  require_each_once<identity_hashed>(numbers(150'000, 1));
}

}  // namespace exactly_once_test
