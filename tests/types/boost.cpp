// Items and plans in Boost's containers.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <boost/circular_buffer.hpp>
#include <boost/container/deque.hpp>
#include <boost/container/flat_map.hpp>
#include <boost/container/list.hpp>
#include <boost/container/slist.hpp>
#include <boost/container/small_vector.hpp>
#include <boost/container/stable_vector.hpp>
#include <boost/container/static_vector.hpp>
#include <boost/container/vector.hpp>
#include <boost/ptr_container/ptr_vector.hpp>
#include <boost/shared_ptr.hpp>
#include <boost/unordered_map.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

using test::lines;

namespace {

struct shape {
  std::string index;
  explicit shape(std::string name) : index(std::move(name)) {}
  shape(const shape&) = default;
  shape& operator=(const shape&) = default;
  virtual ~shape() = default;
  [[nodiscard]] virtual shape* clone() const { return new shape(*this); }
  [[nodiscard]] virtual int sides() const { return 0; }
};
struct square : shape {
  using shape::shape;
  [[nodiscard]] shape* clone() const override { return new square(*this); }
  [[nodiscard]] int sides() const override { return 4; }
};
[[maybe_unused]] shape* new_clone(const shape& of) { return of.clone(); }

struct tensor {
  int data = 0;
  friend bool operator==(const tensor&, const tensor&) = default;
};

template <class Items>
struct plan {
  Items items;
};

template <class Items>
void require_items_may_lie_in() {
  auto plans = test::plans_of<test::basic_plan<Items>>({"a b a", "", "b c a d", "d e e c f"});
  const lines expected{"a b", "", "c d", "e f"};

  const dcp::duplicates found = dcp::find_duplicates(plans);
  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(test::keys_of(copied) == expected);
  auto erased = plans;
  dcp::erase_duplicates(erased, found);
  REQUIRE(test::keys_of(erased) == expected);
  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(plans))) == expected);
}

template <class Map>
void require_each_once_in_maps() {
  std::vector<Map> plans(3);
  for (int i = 0; i != 40; ++i)
    for (std::size_t rank = 0; rank != plans.size(); ++rank)
      if (i % 7 != static_cast<int>(rank)) plans[rank]["layer." + std::to_string(i)] = {i};
  const auto before = plans;

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans == before);
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved}) {
    lines names;
    for (const Map& each : result)
      for (const auto& [name, data] : each) {
        REQUIRE(name == "layer." + std::to_string(data.data));
        REQUIRE(each.find(name) != each.end());
        names.push_back(name);
      }
    REQUIRE(names.size() == 40);
    std::sort(names.begin(), names.end());
    REQUIRE(std::unique(names.begin(), names.end()) == names.end());
  }
}

}  // namespace

// The entries of a flat map are pairs whose key is not constant: that it is the index is said here.
template <>
struct dcp::write_item_traits<std::pair<std::string, tensor>> {
  static const std::string& index(const std::pair<std::string, tensor>& item) { return item.first; }
};

TEST_CASE("items may lie in Boost's sequences") {
  require_items_may_lie_in<boost::container::vector<test::item>>();
  require_items_may_lie_in<boost::container::small_vector<test::item, 3>>();
  require_items_may_lie_in<boost::container::static_vector<test::item, 8>>();
  require_items_may_lie_in<boost::container::stable_vector<test::item>>();
  require_items_may_lie_in<boost::container::deque<test::item>>();
  require_items_may_lie_in<boost::container::list<test::item>>();
  require_items_may_lie_in<boost::container::slist<test::item>>();
}

TEST_CASE("of 40 indices in Boost's maps none is lost, for an lvalue and an rvalue") {
  require_each_once_in_maps<boost::unordered_map<std::string, tensor>>();
  require_each_once_in_maps<boost::container::flat_map<std::string, tensor>>();
}

TEST_CASE("a flat_map keeps its comparator, also where it loses all its items") {
  using compare = std::function<bool(const std::string&, const std::string&)>;
  using map = boost::container::flat_map<std::string, tensor, compare>;
  std::vector<map> plans(2, map(compare(std::greater<>())));
  for (map& each : plans)
    for (const char* name : {"a", "b", "c"}) each[name] = {};
  plans[1]["x"] = {};

  auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1].size() == 1);
  dcp::erase_duplicates(result, dcp::find_duplicates(result));
  result[1].clear();
  for (const char* name : {"a", "b"}) result[1][name] = {};
  REQUIRE(result[1].begin()->first == "b");
}

TEST_CASE("polymorphic items in a ptr_vector are not sliced") {
  std::vector<plan<boost::ptr_vector<shape>>> plans(2);
  for (const char* name : {"a", "b"}) plans[0].items.push_back(new shape(name));
  for (const char* name : {"a", "x"}) plans[1].items.push_back(new shape(name));
  for (const char* name : {"b", "y"}) plans[1].items.push_back(new square(name));

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans[1].items.size() == 4);
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto* result : {&copied, &moved}) {
    REQUIRE(test::keys_of(*result) == lines{"a b", "x y"});
    REQUIRE((*result)[1].items[0].sides() == 0);
    REQUIRE((*result)[1].items[1].sides() == 4);
  }
}

TEST_CASE("a circular_buffer keeps its capacity, full and turned round") {
  std::vector<plan<boost::circular_buffer<test::item>>> plans(2);
  for (auto& each : plans) {
    each.items.set_capacity(4);
    for (const char* name : {"w", "x", "a", "b", "c", "d"}) each.items.push_back({name});
  }
  plans[1].items.push_back({"e"});

  auto result = dcp::dedup_tensors(plans);
  REQUIRE(test::keys_of(result) == lines{"a b c d", "e"});
  result[1].items.push_back({"d"});
  result = dcp::dedup_tensors(std::move(result));
  REQUIRE(test::keys_of(result) == lines{"a b c d", "e"});
  result[1].items = result[0].items;
  result = dcp::dedup_tensors(std::move(result));
  REQUIRE(result[1].items.empty());
  REQUIRE(result[1].items.capacity() == 4);
}

TEST_CASE("items may lie behind boost::shared_ptr") {
  std::vector<plan<std::vector<boost::shared_ptr<test::item>>>> plans(2);
  for (auto& each : plans) each.items.push_back(boost::shared_ptr<test::item>(new test::item{"a"}));
  REQUIRE(dcp::dedup_tensors(std::move(plans))[1].items.empty());
}

TEST_CASE("every other of 40,000 items of an slist is erased in time linear in them") {
  std::vector<plan<boost::container::slist<test::item>>> plans(2);
  for (int i = 40'000; i != 0; --i) {
    if (i % 2 == 0) plans[0].items.push_front({std::to_string(i)});
    plans[1].items.push_front({std::to_string(i)});
  }
  const auto start = std::chrono::steady_clock::now();

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(3));
  REQUIRE(result[1].items.size() == 20'000);
}
