// An rvalue is worked on in place: no item is copied and no plan is built anew. So items need not be copyable at all.

#include <dcp/dedup_tensors.hpp>

#include <array>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace rvalue_copies_nothing_test {

using test::keys_of;
using test::lines;

// A name that counts how often it is copied and moved.
struct counted_name {
  std::string text;
  static inline int copies = 0;
  static inline int moves = 0;

  explicit counted_name(std::string name) : text(std::move(name)) {}
  counted_name(const counted_name& other) : text(other.text) { ++copies; }
  counted_name(counted_name&& other) noexcept : text(std::move(other.text)) { ++moves; }
  counted_name& operator=(const counted_name& other) {
    text = other.text;
    ++copies;
    return *this;
  }
  counted_name& operator=(counted_name&& other) noexcept {
    text = std::move(other.text);
    ++moves;
    return *this;
  }
  ~counted_name() = default;
  friend bool operator==(const counted_name& a, const counted_name& b) { return a.text == b.text; }
};

struct counted_item {
  counted_name index;
};

template <class Items>
struct plan_with {
  Items items;
};

struct move_only_item {
  std::string index;
  std::unique_ptr<int> data;
};

struct immovable_item {
  std::string index;
  explicit immovable_item(const char* name) : index(name) {}
  immovable_item(immovable_item&&) = delete;
};

using counted_plan = plan_with<std::vector<counted_item>>;

std::vector<counted_plan> counted_replicas() {
  std::vector<counted_plan> plans(3);
  for (std::size_t rank = 0; rank != 3; ++rank)
    for (int i = 0; i != 50; ++i) {
      plans[rank].items.push_back({counted_name("shared." + std::to_string(i))});
      plans[rank].items.push_back({counted_name("own." + std::to_string(rank) + '.' + std::to_string(i))});
    }
  counted_name::copies = 0;
  counted_name::moves = 0;
  return plans;
}

template <class Items>
Items move_only_items(std::initializer_list<const char*> names) {
  Items items;
  for (const char* name : names) items.push_back({name, std::make_unique<int>(1)});
  return items;
}

}  // namespace rvalue_copies_nothing_test

template <>
struct std::hash<rvalue_copies_nothing_test::counted_name> {
  std::size_t operator()(const rvalue_copies_nothing_test::counted_name& name) const noexcept {
    return std::hash<std::string>{}(name.text);
  }
};

namespace rvalue_copies_nothing_test {

TEST_CASE("no item and no index of an rvalue is copied") {
  auto plans = counted_replicas();

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(counted_name::copies == 0);
  REQUIRE(result[0].items.size() == 100);
  REQUIRE(result[1].items.size() == 50);
  REQUIRE(result[2].items.size() == 50);
}

TEST_CASE("an item that stays is moved at most once, and not at all before the first that goes") {
  std::vector<counted_plan> plans(2);
  for (const char* name : {"a", "b", "c"}) plans[0].items.push_back({counted_name(name)});
  for (const char* name : {"p", "q", "b", "r", "c", "s"}) plans[1].items.push_back({counted_name(name)});
  counted_name::moves = 0;

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1].items.size() == 4);
  REQUIRE(counted_name::moves == 2);
}

TEST_CASE("find_duplicates copies and moves nothing") {
  const auto plans = counted_replicas();

  const dcp::duplicates found = dcp::find_duplicates(plans);

  REQUIRE(found.size() == 100);
  REQUIRE(counted_name::copies == 0);
  REQUIRE(counted_name::moves == 0);
}

TEST_CASE("erase_duplicates copies nothing") {
  auto plans = counted_replicas();
  const dcp::duplicates found = dcp::find_duplicates(plans);

  dcp::erase_duplicates(plans, found);

  REQUIRE(plans[2].items.size() == 50);
  REQUIRE(counted_name::copies == 0);
}

TEST_CASE("the plans and items of an rvalue stay in the memory where they are") {
  auto plans = test::plans_of({"a b", "b c d"});
  const test::plan* const plan_address = plans.data();
  const test::item* const item_address = plans[1].items.data();

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result.data() == plan_address);
  REQUIRE(result[1].items.data() == item_address);
  REQUIRE(keys_of(result) == lines{"a b", "c d"});
}

TEST_CASE("a plan that loses all its items gives their memory back, another keeps it") {
  auto plans = test::plans_of({"a b c", "c a b", "b d"});
  const std::size_t capacity = plans[2].items.capacity();

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1].items.capacity() == 0);
  REQUIRE(result[2].items.capacity() == capacity);
}

TEST_CASE("items that can be moved alone are deduplicated") {
  std::vector<plan_with<std::vector<move_only_item>>> plans(2);
  plans[0].items = move_only_items<std::vector<move_only_item>>({"a", "b"});
  plans[1].items = move_only_items<std::vector<move_only_item>>({"b", "c", "a", "d"});
  const int* const data_of_d = plans[1].items[3].data.get();

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(keys_of(result) == lines{"a b", "c d"});
  REQUIRE(result[1].items[1].data.get() == data_of_d);
}

TEST_CASE("items that can be moved alone may lie in a std::deque, and plans in a std::array") {
  std::array<plan_with<std::deque<move_only_item>>, 2> plans;
  plans[0].items = move_only_items<std::deque<move_only_item>>({"a", "b"});
  plans[1].items = move_only_items<std::deque<move_only_item>>({"c", "b", "d", "a"});

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(keys_of(result) == lines{"a b", "c d"});
}

TEST_CASE("items that cannot even be moved may lie in a std::list") {
  std::list<plan_with<std::list<immovable_item>>> plans(2);
  for (const char* name : {"a", "b"}) plans.front().items.emplace_back(name);
  for (const char* name : {"b", "c", "a"}) plans.back().items.emplace_back(name);
  const immovable_item* const c = &*std::next(plans.back().items.begin());

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(keys_of(result) == lines{"a b", "c"});
  REQUIRE(&result.back().items.front() == c);
}

}  // namespace rvalue_copies_nothing_test
