// An index of several parts needs no struct and no hash of its own: one line of a trait, with std::tie, makes one of
// the members of an item.

#include <dcp/dedup_tensors.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "../catch.hpp"

namespace indices_of_parts_test {

struct chunk_item {
  std::string fqn;
  std::vector<std::int64_t> offsets;
};

struct plan_of_chunks {
  std::vector<chunk_item> items;
};

// Shows its offsets as a view of what it holds.
struct viewing_item {
  std::string fqn;
  std::vector<std::int64_t> offsets;
};

template <class Index>
struct item {
  Index index;
};

template <class Index>
struct plan {
  std::vector<item<Index>> items;
};

// Has no std::hash.
struct ranged_optional {
  std::optional<int> value;
  [[nodiscard]] bool has_value() const { return value.has_value(); }
  const int& operator*() const { return *value; }
  [[nodiscard]] const int* begin() const { return value ? &*value : nullptr; }
  [[nodiscard]] const int* end() const { return value ? &*value + 1 : nullptr; }
  friend bool operator==(const ranged_optional&, const ranged_optional&) = default;
};

std::string log_of(const auto& plans) {
  std::string message;
  static_cast<void>(
      dcp::find_duplicates(plans, {.log = [&](const dcp::log_record& record) { message = record.message; }}));
  return message;
}

// `others` differ from `index` and from each other; all are told apart, and equal ones found.
template <class Index>
void require_told_apart(std::vector<Index> indices) {
  std::vector<plan<Index>> plans(2);
  for (const Index& index : indices) plans[0].items.push_back({index});
  plans[1].items.assign(plans[0].items.rbegin(), plans[0].items.rend());

  const dcp::duplicates found = dcp::find_duplicates(plans, {.log = [](const dcp::log_record&) {}});

  REQUIRE(found.in(0).empty());
  REQUIRE(found.in(1).size() == indices.size());
  for (const dcp::duplicate& each : found.in(1)) REQUIRE(each.keeper_position == indices.size() - 1 - each.position);
}

}  // namespace indices_of_parts_test

template <>
struct dcp::write_item_traits<indices_of_parts_test::chunk_item> {
  static auto index(const indices_of_parts_test::chunk_item& item) { return std::tie(item.fqn, item.offsets); }
};

template <>
struct dcp::write_item_traits<indices_of_parts_test::viewing_item> {
  static auto index(const indices_of_parts_test::viewing_item& item) {
    return std::pair(std::string_view(item.fqn), std::span<const std::int64_t>(item.offsets));
  }
};

namespace indices_of_parts_test {

TEST_CASE("one line with std::tie makes an index of a name and offsets") {
  std::vector<plan_of_chunks> plans{{{{"w", {0, 0}}, {"w", {4, 0}}, {"b", {}}}},
                                    {{{"w", {4, 0}}, {"w", {0, 4}}, {"b", {0}}, {"b", {}}}}};

  REQUIRE(log_of(plans) == "Duplicate keys to remove: {1: [('w', (4, 0)), ('b', ())]}");
  const auto result = dcp::dedup_tensors(std::move(plans));
  REQUIRE(result[0].items.size() == 3);
  REQUIRE(result[1].items.size() == 2);
  REQUIRE(result[1].items[0].offsets == std::vector<std::int64_t>{0, 4});
  REQUIRE(result[1].items[1].offsets == std::vector<std::int64_t>{0});
}

TEST_CASE("the views of an index may be a std::span, which has no ==") {
  struct viewed_plan {
    std::vector<viewing_item> items;
  };
  std::vector<viewed_plan> plans{{{{"w", {0, 0}}, {"w", {4, 0}}}}, {{{"w", {4, 0}}, {"w", {4}}, {"w", {4, 1}}}}};

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1].items.size() == 2);
  REQUIRE(result[1].items[0].offsets == std::vector<std::int64_t>{4});
}

TEST_CASE("indices of standard types without a std::hash are told apart") {
  require_told_apart<std::pair<std::string, int>>({{"a", 1}, {"a", 2}, {"b", 1}, {"", 0}});
  require_told_apart<std::tuple<int, std::string, std::uint8_t>>({{1, "a", 2}, {2, "a", 1}, {1, "b", 2}, {1, "a", 3}});
  require_told_apart<std::array<int, 3>>({{1, 2, 3}, {3, 2, 1}, {1, 3, 2}, {0, 0, 0}});
  require_told_apart<std::vector<std::int64_t>>({{}, {0}, {0, 0}, {1}, {1, 0}, {0, 1}});
  require_told_apart<std::deque<std::string>>({{}, {""}, {"", ""}, {"ab"}, {"a", "b"}});
  require_told_apart<std::list<int>>({{1, 2}, {2, 1}, {}});
  require_told_apart<std::optional<std::vector<int>>>({std::nullopt, std::vector<int>{}, std::vector<int>{0}});
  require_told_apart<std::pair<std::optional<std::pair<int, int>>, std::array<std::string, 2>>>(
      {{std::nullopt, {"a", "b"}}, {std::pair(1, 2), {"a", "b"}}, {std::pair(2, 1), {"a", "b"}}});
  require_told_apart<std::vector<std::vector<int>>>({{{1}, {2}}, {{1, 2}}, {{}, {1, 2}}, {{1, 2}, {}}});
  require_told_apart<std::vector<bool>>({{true, false}, {false, true}, {true}, {}});
}

TEST_CASE("an index may be one of several types") {
  require_told_apart<std::variant<int, std::string>>({1, 2, "1", "2"});
}

struct item_with_a_place {
  std::string name;
  std::optional<std::pair<std::int64_t, std::int64_t>> place;
  // No pair can be assigned trivially, and so no optional of one is copied trivially. It owns nothing all the same.
  [[nodiscard]] std::tuple<std::string_view, std::optional<std::pair<std::int64_t, std::int64_t>>> index() const {
    return {name, place};
  }
};

TEST_CASE("parts that own nothing may be returned by value") {
  std::vector<std::vector<item_with_a_place>> plans(2, {{"a", {{0, 1}}}, {"a", {{0, 2}}}, {"a", {}}});
  plans = dcp::dedup_tensors(std::move(plans));
  REQUIRE(plans[0].size() == 3);
  REQUIRE(plans[1].empty());
}

TEST_CASE("an optional that is a range as well, as in C++26, is an optional") {
  require_told_apart<std::pair<int, ranged_optional>>({{1, {}}, {1, {1}}, {1, {2}}, {2, {}}});
}

TEST_CASE("the hash of parts tells tens of thousands of offsets apart") {
  std::vector<plan<std::pair<std::string, std::array<std::int64_t, 2>>>> plans(2);
  for (auto& each : plans)
    for (std::int64_t row = 0; row != 200; ++row)
      for (std::int64_t column = 0; column != 200; ++column)
        each.items.push_back({{"layer.weight", {row * 4096, column * 4096}}});

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[0].items.size() == 40'000);
  REQUIRE(result[1].items.empty());
}

}  // namespace indices_of_parts_test
