// Plans may lie in any forward range that owns them, and items in any container that can lose elements from within.

#include <dcp/dedup_tensors.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace containers_test {

using test::keys_of;
using test::lines;
using test::plans_of;

// Has what a range-based for needs and no more.
class bare_range {
 public:
  bare_range() = default;
  explicit bare_range(std::vector<test::plan> plans) : plans_(std::move(plans)) {}
  test::plan* begin() { return plans_.data(); }
  test::plan* end() { return plans_.data() + plans_.size(); }
  [[nodiscard]] const test::plan* begin() const { return plans_.data(); }
  [[nodiscard]] const test::plan* end() const { return plans_.data() + plans_.size(); }

  friend bool operator==(const bare_range&, const bare_range&) = default;

 private:
  std::vector<test::plan> plans_;
};

// The same, but begin and end are functions beside it.
struct fitted_range {
  std::vector<test::plan> content;
  friend bool operator==(const fitted_range&, const fitted_range&) = default;
};
[[maybe_unused]] auto begin(fitted_range& range) { return range.content.begin(); }
[[maybe_unused]] auto end(fitted_range& range) { return range.content.end(); }
[[maybe_unused]] auto begin(const fitted_range& range) { return range.content.begin(); }
[[maybe_unused]] auto end(const fitted_range& range) { return range.content.end(); }

// Has begin, end and the one `erase` that a container of its kind is asked for: of a part, where there is random
// access; of one element where there is not.
template <class Content>
class bare_items {
 public:
  using iterator = typename Content::iterator;

  bare_items() = default;
  template <class From>
  bare_items(From first, From last) : content_(first, last) {}
  iterator begin() { return content_.begin(); }
  iterator end() { return content_.end(); }
  [[nodiscard]] auto begin() const { return content_.begin(); }
  [[nodiscard]] auto end() const { return content_.end(); }
  iterator erase(iterator first, iterator last)
    requires std::random_access_iterator<iterator>
  {
    return content_.erase(first, last);
  }
  iterator erase(iterator at)
    requires(!std::random_access_iterator<iterator>)
  {
    return content_.erase(at);
  }

  friend bool operator==(const bare_items&, const bare_items&) = default;

 private:
  Content content_;
};

const lines input{"a b a", "", "b c a d", "d e e c f"};
const lines output{"a b", "", "c d", "e f"};

template <class Plans>
void require_plans_may_lie_in(Plans plans) {
  const Plans before = plans;

  const dcp::duplicates found = dcp::find_duplicates(plans);
  const Plans copied = dcp::dedup_tensors(plans);
  REQUIRE(plans == before);
  Plans erased = plans;
  dcp::erase_duplicates(erased, found);
  const Plans moved = dcp::dedup_tensors(std::move(plans));

  REQUIRE(found.size() == 6);
  REQUIRE(keys_of(copied) == output);
  REQUIRE(erased == copied);
  REQUIRE(moved == copied);
}

template <class Items>
void require_items_may_lie_in() {
  require_plans_may_lie_in(plans_of<test::basic_plan<Items>>(input));
}

struct payload {
  int value = 0;
  friend bool operator==(const payload&, const payload&) = default;
};

template <class Map>
struct map_plan {
  Map items;
  friend bool operator==(const map_plan&, const map_plan&) = default;
};

// Its index is not among its own bytes, and dies with it.
struct boxed_item {
  std::vector<std::string> name;  // one
  friend bool operator==(const boxed_item&, const boxed_item&) = default;
};

struct boxed_plan {
  std::vector<boxed_item> items;
};

}  // namespace containers_test

template <>
struct dcp::write_item_traits<std::pair<const std::string, containers_test::payload>> {
  static const std::string& index(const std::pair<const std::string, containers_test::payload>& item) {
    return item.first;
  }
};

template <>
struct dcp::write_item_traits<containers_test::boxed_item> {
  static const std::string& index(const containers_test::boxed_item& item) { return item.name.front(); }
};

namespace containers_test {

TEST_CASE("plans may lie in any standard sequence") {
  const auto plans = plans_of(input);
  require_plans_may_lie_in(plans);
  require_plans_may_lie_in(std::deque<test::plan>(plans.begin(), plans.end()));
  require_plans_may_lie_in(std::list<test::plan>(plans.begin(), plans.end()));
  require_plans_may_lie_in(std::forward_list<test::plan>(plans.begin(), plans.end()));
  require_plans_may_lie_in(std::array<test::plan, 4>{plans[0], plans[1], plans[2], plans[3]});
}

TEST_CASE("plans may lie in a container of the caller's own, with begin and end as members") {
  require_plans_may_lie_in(bare_range(plans_of(input)));
}

TEST_CASE("plans may lie in a container of the caller's own, with begin and end beside it") {
  fitted_range plans{plans_of(input)};

  const dcp::duplicates found = dcp::find_duplicates(plans);
  const fitted_range copied = dcp::dedup_tensors(plans);
  fitted_range erased = plans;
  dcp::erase_duplicates(erased, found);
  const fitted_range moved = dcp::dedup_tensors(std::move(plans));

  REQUIRE(found.size() == 6);
  REQUIRE(keys_of(copied.content) == output);
  REQUIRE(erased == copied);
  REQUIRE(moved == copied);
}

TEST_CASE("an array of no plans gives an array of no plans") {
  const std::array<test::plan, 0> plans{};
  REQUIRE(dcp::find_duplicates(plans).empty());
  REQUIRE(dcp::dedup_tensors(plans) == plans);
}

TEST_CASE("items may lie in any standard sequence") {
  require_items_may_lie_in<std::vector<test::item>>();
  require_items_may_lie_in<std::deque<test::item>>();
  require_items_may_lie_in<std::list<test::item>>();
}

TEST_CASE("items may lie in a container of the caller's own") {
  require_items_may_lie_in<bare_items<std::vector<test::item>>>();
  require_items_may_lie_in<bare_items<std::list<test::item>>>();
}

// Items of a set are const where they lie: they can go, but nothing can be moved into their place.
TEST_CASE("items may lie in a std::set or std::multiset, and keep its order") {
  std::vector<test::basic_plan<std::set<test::item>>> sets(2);
  sets[0].items = {{"b", 1}, {"a", 2}};
  sets[1].items = {{"d", 3}, {"a", 4}, {"c", 5}};
  REQUIRE(keys_of(dcp::dedup_tensors(sets)) == lines{"a b", "c d"});
  REQUIRE(keys_of(dcp::dedup_tensors(std::move(sets))) == lines{"a b", "c d"});

  std::vector<test::basic_plan<std::multiset<test::item>>> multisets(2);
  multisets[0].items = {{"b", 1}, {"a", 2}, {"b", 3}};
  multisets[1].items = {{"c", 4}, {"c", 4}, {"a", 5}};
  REQUIRE(keys_of(dcp::dedup_tensors(multisets)) == lines{"a b", "c"});
  REQUIRE(keys_of(dcp::dedup_tensors(std::move(multisets))) == lines{"a b", "c"});
}

TEST_CASE("items may be the entries of a std::map, their index the key") {
  using plan = map_plan<std::map<std::string, payload>>;
  std::vector<plan> plans(2);
  plans[0].items = {{"b", {1}}, {"a", {2}}};
  plans[1].items = {{"d", {3}}, {"a", {4}}, {"c", {5}}};
  std::vector<plan> expected = plans;
  expected[1].items = {{"c", {5}}, {"d", {3}}};

  REQUIRE(dcp::dedup_tensors(plans) == expected);
  REQUIRE(dcp::dedup_tensors(std::move(plans)) == expected);
}

TEST_CASE("items may be the entries of a std::unordered_map, their index the key") {
  using plan = map_plan<std::unordered_map<std::string, payload>>;
  std::vector<plan> plans(2);
  plans[0].items = {{"b", {1}}, {"a", {2}}};
  plans[1].items = {{"d", {3}}, {"a", {4}}, {"c", {5}}};
  std::vector<plan> expected = plans;
  expected[1].items.erase("a");

  REQUIRE(dcp::dedup_tensors(plans) == expected);
  REQUIRE(dcp::dedup_tensors(std::move(plans)) == expected);
}

TEST_CASE("an index may lie outside the item's own bytes, and survives the moves of the items") {
  std::vector<boxed_plan> plans(2);
  for (const char* name : {"a", "b", "c"}) plans[0].items.push_back({{name}});
  for (const char* name : {"b", "x", "a", "y", "c", "z"}) plans[1].items.push_back({{name}});

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[0].items.size() == 3);
  REQUIRE(result[1].items == std::vector<boxed_item>{{{"x"}}, {{"y"}}, {{"z"}}});
}

}  // namespace containers_test
