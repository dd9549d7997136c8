// Large input has right results, in time that is linear: a quadratic step would not end within the test's time limit.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../policies.hpp"
#include "../rounds.hpp"

namespace scale_test {

struct numbered {
  std::uint64_t index;
};

struct numbered_plan {
  std::vector<numbered> items;
};

struct named {
  std::string_view index;
};

struct named_plan {
  std::vector<named> items;
};

struct clashing {
  int value;
  friend bool operator==(const clashing&, const clashing&) = default;
};

struct clashing_item {
  clashing index;
};

struct clashing_plan {
  std::vector<clashing_item> items;
};

}  // namespace scale_test

template <>
struct std::hash<scale_test::clashing> {
  std::size_t operator()(const scale_test::clashing&) const noexcept { return 0; }
};

namespace scale_test {

// Nothing of a key may be copied, nor its length be held in fewer bits; the keys differ in their last byte alone.
TEST_CASE("keys of a megabyte are told apart") {
  std::vector<std::string> keys(20, std::string(1 << 20, 'k'));
  for (std::size_t i = 0; i != keys.size(); ++i) keys[i].back() = static_cast<char>('a' + i);
  const auto again = keys;  // equal keys, elsewhere in memory
  std::vector<named_plan> plans(3);
  for (const std::string& key : keys) plans[0].items.push_back({key});
  for (const std::string& key : again) plans[1].items.push_back({key});
  for (const std::string& key : again) plans[2].items.insert(plans[2].items.begin(), {key});

  for (const dcp::keep_policy& keep : {dcp::keep_policy(dcp::keep::first), dcp::keep_policy(test::keep_last)}) {
    const auto found = dcp::find_duplicates(plans, {.keep = keep});
    REQUIRE(found.size() == 40);
    REQUIRE(found.in(keep ? 2 : 0).empty());
  }
}

TEST_CASE("the log of keys of a megabyte is bounded") {
  const std::string key(1 << 20, 'k');
  const std::vector<named_plan> plans(50, named_plan{{{key}}});
  std::string message;
  const auto log = [&](const dcp::log_record& record) { message = record.message; };

  REQUIRE(dcp::find_duplicates(plans, {.log = log, .max_message = 1000}).size() == 49);
  REQUIRE(message.size() < 2 * key.size());
  REQUIRE(message.ends_with("48 more]}"));
}

TEST_CASE("100000 plans are deduplicated") {
  constexpr std::uint64_t count = 100'000;
  std::vector<numbered_plan> plans(count);
  // Each has what the plan before has, what all have, and one of its own.
  for (std::uint64_t i = 0; i != count; ++i) plans[i].items = {{i + 1}, {0}, {i + 2}};

  for (const dcp::keep_policy& keep : {dcp::keep_policy(dcp::keep::first), dcp::keep_policy(test::keep_last)}) {
    const auto found = dcp::find_duplicates(plans, {.keep = keep});
    REQUIRE(found.plans() == count);
    REQUIRE(found.size() == 2 * (count - 1));
  }
  const auto result = dcp::dedup_tensors(std::move(plans));
  REQUIRE(result[0].items.size() == 3);
  for (std::uint64_t i = 1; i != count; ++i) {
    if (result[i].items.size() != 1 || result[i].items[0].index != i + 2) FAIL("plan " << i);
  }
}

TEST_CASE("a plan of very many items is deduplicated") {
  constexpr std::uint32_t count = test::rounds(5'000'000U);
  std::vector<numbered_plan> plans(2);
  for (std::uint32_t i = 0; i != count; ++i) plans[0].items.push_back({std::uint64_t{i} << 20});
  plans[1].items = plans[0].items;
  plans[1].items.push_back({1});

  const auto found = dcp::find_duplicates(plans);
  REQUIRE(found.in(0).empty());
  REQUIRE(found.in(1).size() == count);
  for (std::uint32_t i = 0; i != count; ++i) {
    if (found.kept_item(1, i) != dcp::item_place{0, i}) FAIL("item " << i);
  }
  dcp::erase_duplicates(plans, found);
  REQUIRE(plans[0].items.size() == count);
  REQUIRE(plans[1].items.size() == 1);
  REQUIRE(plans[1].items[0].index == 1);
}

TEST_CASE("one key very many times is left once") {
  constexpr std::uint32_t count = test::rounds(1'000'000U);
  std::vector<numbered_plan> plans(3);
  plans[1].items.assign(count, {7});
  plans[2].items.assign(2, {7});

  for (const dcp::keep_policy& keep : {dcp::keep_policy(dcp::keep::first), dcp::keep_policy(test::keep_last)}) {
    const auto found = dcp::find_duplicates(plans, {.keep = keep});
    REQUIRE(found.size() == count + 1);
    const dcp::item_place kept{keep ? 2U : 1U, 0};
    REQUIRE(found.kept_item(1, 0) == kept);
    REQUIRE(found.kept_item(1, count - 1) == kept);
    REQUIRE(found.kept_item(2, 1) == kept);
  }
  const auto result = dcp::dedup_tensors(std::move(plans));
  REQUIRE(result[1].items.size() == 1);
  REQUIRE(result[2].items.empty());
}

// No hash tells these keys apart, so the time is quadratic by nature; but it ends, and takes no stack.
TEST_CASE("two thousand keys of one hash are told apart") {
  std::vector<clashing_plan> plans(2);
  for (int i = 0; i != 2000; ++i) plans[0].items.push_back({{i}});
  plans[1].items.assign(plans[0].items.rbegin(), plans[0].items.rend());

  const auto found = dcp::find_duplicates(plans);
  REQUIRE(found.in(0).empty());
  REQUIRE(found.in(1).size() == 2000);
}

}  // namespace scale_test
