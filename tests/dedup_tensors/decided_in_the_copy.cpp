// A copy need not have the order of the original: that of a hash map has another in some standard libraries. A decision
// that was made in the original and carried out in its copy lost a quarter of the indices. Nor need what is moved have
// it, where moving copies. What is decided is decided in the plans that are changed.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../other_containers.hpp"
#include "../plans.hpp"

namespace decided_in_the_copy_test {

using test::lines;

using turned_plan = test::basic_plan<test::turned_by_copy<test::item>>;

// Each key, whatever the plan, sorted.
template <class Plans>
lines sorted_keys(const Plans& plans) {
  lines keys;
  for (const auto& plan : plans)
    for (const auto& item : plan.items) keys.push_back(item.index);
  std::sort(keys.begin(), keys.end());
  return keys;
}

struct tensor {
  int bytes = 0;
  friend bool operator==(const tensor&, const tensor&) = default;
};
using tensor_map = std::unordered_map<std::string, tensor>;

// Has no move constructor: its items are copied, into another order, where the plans are moved.
struct never_moved_plan {
  test::turned_by_copy<test::item> items;

  never_moved_plan() = default;
  never_moved_plan(const never_moved_plan& other) : items(other.items) {}
  never_moved_plan& operator=(const never_moved_plan&) = delete;
  ~never_moved_plan() = default;
};

template <bool IsNoexcept>
void require_moving_turned_plans_loses_nothing() {
  test::turned_by_move<test::plan, IsNoexcept> plans{
      {{{"a"}, {"b"}, {"c"}}, 0}, {{{"a"}, {"x"}, {"b"}}, 1}, {{{"y"}, {"a"}, {"x"}}, 2}};

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(sorted_keys(result) == lines{"a", "b", "c", "x", "y"});
}

TEST_CASE("an lvalue whose items are copied in another order loses no index") {
  std::vector<turned_plan> plans(2);
  plans[0].items = {{"a", 1}, {"b", 2}, {"c", 3}};
  plans[1].items = {{"x", 4}, {"a", 5}, {"y", 6}, {"c", 7}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(sorted_keys(result) == lines{"a", "b", "c", "x", "y"});
  REQUIRE(plans[1].items == test::turned_by_copy<test::item>{{"x", 4}, {"a", 5}, {"y", 6}, {"c", 7}});
}

TEST_CASE("an lvalue whose plans are copied in another order loses no index") {
  const test::turned_by_copy<test::plan> plans{{{{"a"}, {"b"}}, 0}, {{{"b"}, {"a"}, {"c"}}, 1}, {{{"c"}}, 2}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(sorted_keys(result) == lines{"a", "b", "c"});
}

TEST_CASE("the first occurrence in a copy of another order stays, and what is logged is what is removed there") {
  const test::turned_by_copy<test::plan> plans{{{{"a"}}, 0}, {{{"a"}, {"b"}}, 1}};
  std::string message;

  const auto result =
      dcp::dedup_tensors(plans, {.log = [&](const dcp::log_record& record) { message = record.message; }});

  REQUIRE(test::keys_of(result) == lines{"a b", ""});
  REQUIRE(message == "Duplicate keys to remove: {1: ['a']}");
}

TEST_CASE("of 40 indices in hash maps none is lost, for an lvalue and an rvalue") {
  std::vector<tensor_map> plans(3);
  for (int i = 0; i != 40; ++i)
    for (std::size_t rank = 0; rank != plans.size(); ++rank)
      if (i % 7 != static_cast<int>(rank)) plans[rank]["layer." + std::to_string(i)] = {i};
  const auto before = plans;

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans == before);
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved}) {
    std::map<std::string, int> count;
    for (const tensor_map& plan : result)
      for (const auto& [name, data] : plan) {
        REQUIRE(name == "layer." + std::to_string(data.bytes));
        ++count[name];
      }
    REQUIRE(count.size() == 40);
    for (const auto& [name, times] : count) REQUIRE(times == 1);
  }
}

TEST_CASE("plans may lie in a hash map by rank, for an lvalue and an rvalue") {
  std::unordered_map<int, test::plan> plans;
  for (int rank = 0; rank != 20; ++rank)
    plans[rank] = {{{"all"}, {std::to_string(rank)}, {std::to_string((rank + 1) % 20)}}, rank};
  const auto before = plans;

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans == before);
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved}) {
    lines keys;
    for (const auto& [rank, plan] : result) {
      REQUIRE(plan.rank == rank);
      for (const auto& item : plan.items) keys.push_back(item.index);
    }
    REQUIRE(keys.size() == 21);
    std::sort(keys.begin(), keys.end());
    REQUIRE(std::unique(keys.begin(), keys.end()) == keys.end());
  }
}

TEST_CASE("an rvalue whose move copies into another order loses no index") {
  require_moving_turned_plans_loses_nothing<true>();
  require_moving_turned_plans_loses_nothing<false>();
}

TEST_CASE("an array of plans that cannot be moved but copied, into another order, loses no index") {
  std::array<never_moved_plan, 2> plans;
  plans[0].items = {{"a"}, {"b"}, {"c"}, {"d"}};
  plans[1].items = {{"a"}, {"x"}, {"b"}, {"y"}};

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(sorted_keys(result) == lines{"a", "b", "c", "d", "x", "y"});
}

}  // namespace decided_in_the_copy_test
