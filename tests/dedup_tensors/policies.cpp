// What a policy chooses from, as the library makes it and as a policy's own test makes it; and what becomes of its
// choice.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"
#include "../policies.hpp"

namespace policies_test {

using test::keys_of;
using test::lines;
using test::plans_of;
using keepers = std::vector<std::uint32_t>;

struct sized_item {
  std::string index;
  std::optional<std::uint64_t> storage_size;
  friend bool operator==(const sized_item&, const sized_item&) = default;
};
struct sized_plan {
  std::vector<sized_item> items;
  friend bool operator==(const sized_plan&, const sized_plan&) = default;
};

// Does not tell bytes, but whether it has any.
struct telling_item {
  std::string index;
  bool is_empty = false;
  [[nodiscard]] bool writes_nothing() const { return is_empty; }
};
struct telling_plan {
  std::vector<telling_item> items;
};

struct shown_index {
  std::uint64_t bytes = 0;
  keepers holders;
  dcp::item_place first;
  friend bool operator==(const shown_index&, const shown_index&) = default;
};

std::vector<shown_index> list_of(const dcp::shared_indices& shared) {
  std::vector<shown_index> list;
  for (std::size_t i = 0; i != shared.size(); ++i) {
    const auto holders = shared.holders(i);
    list.push_back({shared.bytes(i), {holders.begin(), holders.end()}, shared.first(i)});
  }
  return list;
}

// What a policy is shown of these plans.
struct shown {
  std::size_t calls = 0;
  std::vector<shown_index> indices;
  std::vector<std::uint64_t> own_bytes;
  bool bytes_known = false;
};
template <class Plans>
shown shown_of(const Plans& plans) {
  shown result;
  static_cast<void>(dcp::find_duplicates(plans, {.keep = [&](const dcp::shared_indices& shared) {
                                           ++result.calls;
                                           result.indices = list_of(shared);
                                           for (std::size_t plan = 0; plan != shared.plans(); ++plan)
                                             result.own_bytes.push_back(shared.own_bytes(plan));
                                           result.bytes_known = shared.bytes_known();
                                           return test::keep_last(shared);
                                         }}));
  return result;
}

TEST_CASE("shared indices are made by hand for the test of a policy") {
  dcp::shared_indices shared(4);
  REQUIRE(shared.size() == 0);
  REQUIRE(shared.plans() == 4);
  REQUIRE(shared.bytes_known());
  shared.add(8, keepers{0, 2});
  shared.add(0, keepers{1, 2, 3}, {2, 5});
  shared.add(16, keepers{2, 3});
  shared.add_own_bytes(1, 3);
  shared.add_own_bytes(1, 4);

  REQUIRE(list_of(shared) ==
          std::vector<shown_index>{{8, {0, 2}, {0, 0}}, {0, {1, 2, 3}, {2, 5}}, {16, {2, 3}, {2, 0}}});
  REQUIRE(shared.own_bytes(0) == 0);
  REQUIRE(shared.own_bytes(1) == 7);
  REQUIRE(test::keep_last(shared) == keepers{2, 3, 3});
  REQUIRE_FALSE(dcp::shared_indices(1, false).bytes_known());
}

TEST_CASE("a policy sees the shared indices, in the order in which they first occur") {
  const std::vector<sized_plan> plans{{{{"own", 3}, {"a", 10}, {"b", {}}}},
                                      {{{"c", 5}, {"b", {}}, {"a", 10}, {"own 1", 7}, {"own 1", 7}}},
                                      {{{"c", 5}, {"b", {}}}}};
  const shown result = shown_of(plans);
  REQUIRE(result.calls == 1);
  REQUIRE(result.bytes_known);
  REQUIRE(result.indices ==
          std::vector<shown_index>{{10, {0, 1}, {0, 1}}, {0, {0, 1, 2}, {0, 2}}, {5, {1, 2}, {1, 0}}});
  REQUIRE(result.own_bytes == std::vector<std::uint64_t>{3, 7, 0});
  const auto choice = [](const dcp::shared_indices&) { return keepers{1, 0, 2}; };
  REQUIRE(keys_of(dcp::dedup_tensors(plans, {.keep = choice})) == lines{"own b", "a own 1", "c"});
}

TEST_CASE("a policy is told where the items' type does not tell their bytes") {
  REQUIRE_FALSE(shown_of(plans_of({"a", "a"})).bytes_known);
}

TEST_CASE("the kept item is the first of its index in the plan that a policy chose") {
  const auto found = dcp::find_duplicates(plans_of({"a b", "b x a a"}), {.keep = test::keep_last});
  REQUIRE(std::vector(found.in(0).begin(), found.in(0).end()) == std::vector<dcp::duplicate>{{0, 1, 2}, {1, 1, 0}});
  REQUIRE(std::vector(found.in(1).begin(), found.in(1).end()) == std::vector<dcp::duplicate>{{3, 1, 2}});
}

TEST_CASE("what a policy throws reaches the caller, and nothing is changed") {
  const auto throwing = [](const dcp::shared_indices&) -> keepers { throw std::domain_error("no choice"); };
  auto plans = plans_of({"a b", "b c"});
  const auto before = plans;
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), {.keep = throwing}), std::domain_error);
  REQUIRE(plans == before);
}

TEST_CASE("keep::first is the empty policy") {
  REQUIRE_FALSE(dcp::keep_policy());
  REQUIRE_FALSE(dcp::keep_policy(dcp::keep::first));
  REQUIRE(dcp::keep_policy(test::keep_last));
  REQUIRE(keys_of(dcp::dedup_tensors(plans_of({"a b", "b c"}), {.keep = dcp::keep::first})) == lines{"a b", "c"});
}

TEST_CASE("a plan's own bytes are counted up to 2^64 - 1, and refused from there on") {
  dcp::shared_indices shared(1);
  shared.add_own_bytes(0, ~std::uint64_t{0} - 5);
  shared.add_own_bytes(0, 5);
  REQUIRE(shared.own_bytes(0) == ~std::uint64_t{0});
  REQUIRE_THROWS_AS(shared.add_own_bytes(0, 1), std::overflow_error);
  REQUIRE(shared.own_bytes(0) == ~std::uint64_t{0});
}

TEST_CASE("by the same policy, deduplicating twice changes nothing") {
  const auto once = dcp::dedup_tensors(plans_of({"a b c", "b x", "c a"}), {.keep = test::keep_last});
  REQUIRE(dcp::dedup_tensors(once, {.keep = test::keep_last}) == once);
}

TEST_CASE("the first item of a shared index is the one that keep::first keeps") {
  const std::vector<sized_plan> plans{
      {{{"a", 0}, {"b", 2}}}, {{{"c", 3}, {"a", 0}, {"a", 5}, {"a", 7}}}, {{{"b", 9}, {"c", {}}, {"a", 6}}}};
  const shown seen = shown_of(plans);

  REQUIRE(seen.indices == std::vector<shown_index>{{5, {1, 2}, {1, 2}}, {2, {0, 2}, {0, 1}}, {3, {1, 2}, {1, 0}}});
  const dcp::duplicates found = dcp::find_duplicates(plans);
  for (const shown_index& each : seen.indices) REQUIRE_FALSE(found.is_redundant(each.first.plan, each.first.position));
}

TEST_CASE("the holders of an index that is empty everywhere are the plans that have it") {
  const shown seen = shown_of(std::vector<sized_plan>{{{{"x", 1}, {"a", 0}, {"a", 0}}}, {{}}, {{{"a", 0}}}});
  REQUIRE(seen.indices == std::vector<shown_index>{{0, {0, 2}, {0, 1}}});
  REQUIRE(seen.own_bytes == std::vector<std::uint64_t>{1, 0, 0});
}

TEST_CASE("an index with one holder is that plan's own, whatever empty items others have of it") {
  const shown seen =
      shown_of(std::vector<sized_plan>{{{{"a", 0}, {"b", 2}, {"b", 3}}}, {{{"a", 5}, {"a", 6}}}, {{{"a", 0}}}});
  REQUIRE(seen.calls == 1);
  REQUIRE(seen.indices.empty());
  REQUIRE(seen.own_bytes == std::vector<std::uint64_t>{2, 5, 0});
}

TEST_CASE("an unknown size is shown as 0 bytes, and its plan is a holder") {
  const shown seen = shown_of(std::vector<sized_plan>{{{{"a", {}}, {"own", {}}}}, {{{"a", 4}}}, {{{"a", 0}}}});
  REQUIRE(seen.indices == std::vector<shown_index>{{0, {0, 1}, {0, 0}}});
  REQUIRE(seen.own_bytes == std::vector<std::uint64_t>{0, 0, 0});
  REQUIRE(seen.bytes_known);
}

TEST_CASE("of items that tell only whether they are empty, no bytes are known") {
  const shown seen = shown_of(std::vector<telling_plan>{{{{"a", true}}}, {{{"a", false}}}, {{{"a", false}}}});
  REQUIRE(seen.indices == std::vector<shown_index>{{0, {1, 2}, {1, 0}}});
  REQUIRE_FALSE(seen.bytes_known);
}

TEST_CASE("a policy is called once a call, also where nothing is shared") {
  REQUIRE(shown_of(plans_of({"a", "b"})).calls == 1);
  REQUIRE(shown_of(plans_of({"a a", "b"})).calls == 1);
  REQUIRE(shown_of(plans_of({"", ""})).calls == 1);
  REQUIRE(shown_of(std::vector<test::plan>()).calls == 1);
  REQUIRE(shown_of(plans_of({"a b", "b a", "a"})).calls == 1);

  std::size_t calls = 0;
  const dcp::options settings{.keep =
                                  [&](const dcp::shared_indices& shared) {
                                    ++calls;
                                    return test::keep_last(shared);
                                  },
                              .check_replicas = false};
  const auto plans = plans_of({"a", "b"});
  static_cast<void>(dcp::dedup_tensors(plans, settings));
  static_cast<void>(dcp::dedup_tensors(std::vector(plans), settings));
  REQUIRE(calls == 2);
}

TEST_CASE("a policy looks at the first items in plans that it captures") {
  auto plans = plans_of({"a b", "b c a", "c"});
  std::vector<test::item> seen;
  const auto policy = [&](const dcp::shared_indices& shared) {
    for (std::size_t i = 0; i != shared.size(); ++i) {
      const dcp::item_place first = shared.first(i);
      seen.push_back(plans[first.plan].items[first.position]);
    }
    return test::keep_last(shared);
  };
  const std::vector<test::item> expected{{"a", 0}, {"b", 1}, {"c", 3}};

  static_cast<void>(dcp::find_duplicates(plans, {.keep = policy}));
  REQUIRE(seen == expected);
  seen.clear();
  static_cast<void>(dcp::dedup_tensors(plans, {.keep = policy}));
  REQUIRE(seen == expected);
  seen.clear();
  REQUIRE(keys_of(dcp::dedup_tensors(std::move(plans), {.keep = policy})) == lines{"", "b a", "c"});
  REQUIRE(seen == expected);
}

TEST_CASE("of the chosen plan the first item that is not empty stays") {
  const std::vector<sized_plan> plans{
      {{{"a", 4}, {"b", 0}}}, {{{"a", 0}, {"b", 0}, {"a", 4}, {"a", 5}, {"b", 0}}}, {{{"b", 0}}}};
  const auto second = [](const dcp::shared_indices& shared) { return keepers(shared.size(), 1); };
  const dcp::duplicates found = dcp::find_duplicates(plans, {.keep = second});
  REQUIRE(found.kept_item(0, 0) == dcp::item_place{1, 2});
  REQUIRE(found.kept_item(1, 0) == dcp::item_place{1, 2});
  REQUIRE(found.kept_item(1, 3) == dcp::item_place{1, 2});
  REQUIRE(found.kept_item(0, 1) == dcp::item_place{1, 1});
  REQUIRE(found.kept_item(2, 0) == dcp::item_place{1, 1});
  REQUIRE(found.size() == 6);
}

TEST_CASE("the keeper that keep::first has too keeps its first item") {
  const std::vector<sized_plan> plans{{{{"a", 0}, {"a", {}}, {"a", 3}}}, {{{"a", 4}}}};
  const auto first = [](const dcp::shared_indices& shared) {
    keepers result;
    for (std::size_t i = 0; i != shared.size(); ++i) result.push_back(shared.holders(i).front());
    return result;
  };
  REQUIRE(dcp::find_duplicates(plans, {.keep = first}) == dcp::find_duplicates(plans));
  REQUIRE(dcp::find_duplicates(plans).kept_item(0, 0) == dcp::item_place{0, 1});
}

TEST_CASE(
    "a choice that is no holder is refused with nothing changed, an empty holder and a plan between holders too") {
  const std::vector<sized_plan> plans{{{{"a", 4}}}, {{{"a", 0}, {"b", 1}}}, {{{"a", 4}}}, {{{"c", 1}}}};
  for (const std::uint32_t plan : {1U, 3U, 4U, ~0U}) {
    const dcp::options settings{.keep = [&](const dcp::shared_indices&) { return keepers{plan}; }};
    auto argument = plans;
    REQUIRE_THROWS_AS(dcp::find_duplicates(argument, settings), std::invalid_argument);
    REQUIRE_THROWS_AS(dcp::dedup_tensors(argument, settings), std::invalid_argument);
    REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(argument), settings), std::invalid_argument);
    REQUIRE(argument == plans);
  }
}

TEST_CASE("a choice where nothing is shared, or for too few or many, is refused with nothing changed") {
  const auto refused = [](std::vector<test::plan> plans, const keepers& choice) {
    const auto before = plans;
    const dcp::options settings{.keep = [&](const dcp::shared_indices&) { return choice; }};
    REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), settings), std::invalid_argument);
    REQUIRE(plans == before);
  };
  refused(plans_of({"a a", "b"}), {0});
  refused({}, {0});
  refused(plans_of({"a", "a"}), {});
  refused(plans_of({"a", "a"}), {0, 0});
}

TEST_CASE("a refused choice is neither logged nor checked for conflicts") {
  std::size_t logged = 0;
  const auto plans = plans_of({"a", "a"});  // whose data differs
  const dcp::options settings{.log = [&](const dcp::log_record&) { ++logged; },
                              .keep = [](const dcp::shared_indices&) { return keepers{2}; },
                              .check_replicas = true};
  REQUIRE_THROWS_AS(dcp::find_duplicates(plans, settings), std::invalid_argument);
  REQUIRE(logged == 0);
}

TEST_CASE("a plan's own bytes of 2^64 or more are refused with a policy, and not asked for by keep::first") {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  std::vector<sized_plan> plans{{{{"a", most}, {"b", 1}}}, {{{"c", most}, {"c", most}}}};
  const auto before = plans;
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), {.keep = test::keep_last}), std::overflow_error);
  REQUIRE(plans == before);
  REQUIRE(dcp::find_duplicates(plans).size() == 1);
  plans[0].items[1].storage_size = 0;
  REQUIRE(dcp::find_duplicates(plans, {.keep = test::keep_last}).size() == 1);
}

TEST_CASE("a policy may have a state, be a function, and be used again") {
  struct rotating {
    std::uint32_t turn = 0;
    keepers operator()(const dcp::shared_indices& shared) {
      keepers result;
      for (std::size_t i = 0; i != shared.size(); ++i)
        result.push_back(shared.holders(i)[turn++ % shared.holders(i).size()]);
      return result;
    }
  };
  const auto plans = plans_of({"a b", "a b"});
  const dcp::keep_policy policy = rotating();
  REQUIRE(keys_of(dcp::dedup_tensors(plans, {.keep = policy})) == lines{"a", "b"});
  const dcp::keep_policy copy = policy;
  REQUIRE(copy(dcp::shared_indices(2)).empty());
  REQUIRE(keys_of(dcp::dedup_tensors(plans, {.keep = &test::keep_last})) == lines{"", "a b"});
}

TEST_CASE("a policy numbers the plans of a map, and the items of a list, in the order of iteration") {
  std::map<int, test::basic_plan<std::list<test::item>>> plans;
  for (const auto& each : plans_of<test::basic_plan<std::list<test::item>>>({"x a", "b a", "a b"}))
    plans[each.rank * 4 + 3] = each;
  REQUIRE(shown_of(plans).indices == std::vector<shown_index>{{0, {0, 1, 2}, {0, 1}}, {0, {1, 2}, {1, 0}}});
}

}  // namespace policies_test
