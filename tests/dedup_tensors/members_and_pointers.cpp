// What works as it is, without a trait: members or functions of the name, pointers to items and to plans, plans that are
// containers of items, the entries of maps.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace {

// As protobuf's generated classes: `items()`, `mutable_items()`, `index()`.
class message_item {
 public:
  explicit message_item(std::string index) : index_(std::move(index)) {}
  [[nodiscard]] const std::string& index() const { return index_; }

 private:
  std::string index_;
};

class message_plan {
 public:
  [[nodiscard]] const std::vector<message_item>& items() const { return items_; }
  std::vector<message_item>* mutable_items() { return &items_; }

 private:
  std::vector<message_item> items_;
};

// Two overloads of one function, and an index by value that is a view.
class sealed_item {
 public:
  explicit sealed_item(std::string index) : index_(std::move(index)) {}
  [[nodiscard]] std::string_view index() const { return index_; }

 private:
  std::string index_;
};

class sealed_plan {
 public:
  [[nodiscard]] std::list<sealed_item>& items() { return items_; }
  [[nodiscard]] const std::list<sealed_item>& items() const { return items_; }

 private:
  std::list<sealed_item> items_;
};

struct tensor {
  int bytes = 0;
  friend bool operator==(const tensor&, const tensor&) = default;
};

// Has an index too, of the type of the key.
struct indexed {
  std::string index;
};

// Not copied, nor moved.
struct pinned {
  std::string index;
  explicit pinned(std::string name) : index(std::move(name)) {}
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  ~pinned() = default;
};

template <class Item>
struct plan {
  std::vector<Item> items;
};

template <class Pointer>
std::vector<plan<Pointer>> plans_of_pointers() {
  using item = typename Pointer::element_type;
  std::vector<plan<Pointer>> plans(2);
  for (const char* name : {"a", "b"}) plans[0].items.push_back(Pointer(new item{name}));
  for (const char* name : {"b", "c", "a"}) plans[1].items.push_back(Pointer(new item{name}));
  return plans;
}

// Plans that are containers, whose size() counts something else.
struct list_with_bytes : std::list<test::item> {
  [[nodiscard]] std::size_t size() const { return 4096; }
};
struct vector_with_bytes : std::vector<test::item> {
  [[nodiscard]] std::size_t size() const { return 1; }
};

}  // namespace

template <>
struct dcp::write_item_traits<std::string> {
  static const std::string& index(const std::string& item) { return item; }
};

TEST_CASE("items() with mutable_items(), and index(), work as they are") {
  std::vector<message_plan> plans(2);
  for (const char* name : {"a", "b"}) plans[0].mutable_items()->emplace_back(name);
  for (const char* name : {"b", "c"}) plans[1].mutable_items()->emplace_back(name);

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans[1].items().size() == 2);
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved}) {
    REQUIRE(result[0].items().size() == 2);
    REQUIRE(result[1].items().size() == 1);
    REQUIRE(result[1].items()[0].index() == "c");
  }
}

TEST_CASE("two overloads of items(), and an index() that returns a view, work as they are") {
  std::vector<sealed_plan> plans(2);
  for (const char* name : {"a", "b"}) plans[0].items().emplace_back(name);
  for (const char* name : {"b", "c"}) plans[1].items().emplace_back(name);

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans[1].items().size() == 2);
  REQUIRE(copied[1].items().size() == 1);
  REQUIRE(dcp::dedup_tensors(std::move(plans))[1].items().front().index() == "c");
}

TEST_CASE("items may lie behind smart pointers, also where they cannot be moved") {
  const auto unique = dcp::dedup_tensors(plans_of_pointers<std::unique_ptr<test::item>>());
  REQUIRE(unique[0].items.size() == 2);
  REQUIRE(unique[1].items.size() == 1);
  REQUIRE(unique[1].items[0]->index == "c");

  const auto pinned_items = dcp::dedup_tensors(plans_of_pointers<std::unique_ptr<pinned>>());
  REQUIRE(pinned_items[1].items.size() == 1);

  const auto shared = plans_of_pointers<std::shared_ptr<test::item>>();
  const auto copied = dcp::dedup_tensors(shared);
  REQUIRE(shared[1].items.size() == 3);
  REQUIRE(copied[1].items == std::vector{shared[1].items[1]});
  REQUIRE(dcp::dedup_tensors(plans_of_pointers<std::shared_ptr<const test::item>>())[1].items.size() == 1);
}

TEST_CASE("items may lie behind plain pointers") {
  test::item a{"a"}, b{"b"}, a_again{"a"};
  std::vector<plan<test::item*>> plans{{{&a, &b}}, {{&a_again}}};

  const auto copied = dcp::dedup_tensors(plans);

  REQUIRE(copied[0].items == std::vector{&a, &b});
  REQUIRE(copied[1].items.empty());
  REQUIRE(plans[1].items.size() == 1);
}

TEST_CASE("plans may lie behind smart pointers, and move") {
  std::vector<std::unique_ptr<test::plan>> plans;
  for (const test::plan& each : test::plans_of({"a b", "b c"})) plans.push_back(std::make_unique<test::plan>(each));

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(test::keys_of(std::vector{*result[0], *result[1]}) == test::lines{"a b", "c"});
}

TEST_CASE("a plan may itself be a container of items") {
  std::vector<std::vector<test::item>> vectors{{{"a"}, {"b"}}, {{"b"}, {"c"}}};
  REQUIRE(dcp::dedup_tensors(vectors)[1] == std::vector<test::item>{{"c"}});
  REQUIRE(dcp::dedup_tensors(std::move(vectors))[1] == std::vector<test::item>{{"c"}});

  const std::list<std::deque<test::item>> deques{{{"a"}, {"b"}}, {{"b"}, {"c"}}};
  REQUIRE(dcp::dedup_tensors(deques).back() == std::deque<test::item>{{"c"}});
}

TEST_CASE("what a plan says of its size() is not asked: it may be of bytes") {
  std::vector<list_with_bytes> lists(2);
  lists[0].assign({{"a"}, {"b"}});
  lists[1].assign({{"b"}, {"c"}, {"a"}});
  REQUIRE(dcp::find_duplicates(lists).size() == 2);
  REQUIRE(dcp::dedup_tensors(std::move(lists))[1].front() == test::item{"c"});

  std::vector<vector_with_bytes> vectors(2);
  vectors[0].assign({{"a"}, {"b"}});
  vectors[1].assign({{"b"}, {"c"}, {"a"}});
  REQUIRE(dcp::find_duplicates(vectors).items(1) == 3);
  REQUIRE(dcp::dedup_tensors(vectors)[1].front() == test::item{"c"});
}

TEST_CASE("the entries of a map are items, and their keys the indices") {
  std::vector<std::map<std::string, tensor>> plans{{{"a", {1}}, {"b", {2}}}, {{"b", {3}}, {"c", {4}}}};
  REQUIRE(dcp::dedup_tensors(plans)[1] == std::map<std::string, tensor>{{"c", {4}}});
  REQUIRE(dcp::dedup_tensors(std::move(plans))[1] == std::map<std::string, tensor>{{"c", {4}}});

  const std::vector<std::unordered_map<int, tensor>> hashed{{{1, {1}}, {2, {2}}}, {{2, {3}}, {3, {4}}}};
  REQUIRE(dcp::dedup_tensors(hashed)[1] == std::unordered_map<int, tensor>{{3, {4}}});

  const std::vector<std::multimap<std::string, tensor>> repeated{{{"a", {1}}, {"a", {2}}}, {{"a", {3}}}};
  REQUIRE(dcp::dedup_tensors(repeated)[0].size() == 1);
}

TEST_CASE("a map's entry is read as its value: the key is no index where the value has one of the same type") {
  std::vector<std::map<std::string, indexed>> plans{{{"a", {"x"}}}, {{"a", {"y"}}, {"b", {"x"}}}};
  const auto result = dcp::dedup_tensors(std::move(plans));
  REQUIRE(result[1].size() == 1);
  REQUIRE(result[1].contains("a"));
}

TEST_CASE("plans may be the values of a map by rank, also behind pointers") {
  std::map<int, test::plan> by_rank;
  std::map<int, std::unique_ptr<test::plan>> pointers;
  int rank = 0;
  for (const test::plan& each : test::plans_of({"a b", "b c"})) {
    by_rank[rank] = each;
    pointers[rank++] = std::make_unique<test::plan>(each);
  }

  const auto copied = dcp::dedup_tensors(by_rank);
  REQUIRE(by_rank[1].items.size() == 2);
  REQUIRE(copied.at(1).items.size() == 1);
  REQUIRE(dcp::dedup_tensors(std::move(by_rank)).at(1).items[0].index == "c");
  REQUIRE(dcp::dedup_tensors(std::move(pointers)).at(1)->items[0].index == "c");
}

TEST_CASE("maps of maps are plans by rank with items by name") {
  const std::map<int, std::map<std::string, tensor>> plans{{0, {{"a", {1}}, {"b", {2}}}}, {1, {{"b", {3}}}}};
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(result.at(0).size() == 2);
  REQUIRE(result.at(1).empty());
}

TEST_CASE("a set of names is a plan by a trait of one line") {
  const std::vector<std::set<std::string>> plans{{"a", "b"}, {"b", "c"}};
  REQUIRE(dcp::dedup_tensors(plans)[1] == std::set<std::string>{"c"});
}
