// Pointers are read as what they point to, and a map's entries as their values, question by question. A trait for a
// std::shared_ptr<item> that had `index` alone lost the item's own storage_size() before, and compared the items of
// replicas by their addresses.

#include <dcp/dedup_tensors.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"
#include "../policies.hpp"

namespace reading_through_pointers_test {

using test::keys_of;
using test::lines;

// Each says something else of itself. `name` is no index by itself: the pointer's trait says so.
struct sized {
  std::string name;
  std::uint64_t bytes = 0;
  [[nodiscard]] std::uint64_t storage_size() const { return bytes; }
  friend bool operator==(const sized& a, const sized& b) { return a.bytes == b.bytes; }
};
struct telling {
  std::string name;
  bool is_empty = false;
  [[nodiscard]] bool writes_nothing() const { return is_empty; }
};
struct with_data {
  std::string name;
  int data = 0;
  [[nodiscard]] bool same_data(const with_data& other) const { return data / 10 == other.data / 10; }
};
// Its own trait answers what the pointer's leaves out.
struct with_trait {
  std::string name;
  std::uint64_t count = 0;
  int data = 0;
};

template <class Item>
struct plan {
  std::vector<Item> items;
};

// An index of its own, and a size.
struct indexed {
  std::string index;
  std::uint64_t storage_size = 1;
  friend bool operator==(const indexed&, const indexed&) = default;
};

// As boost::container::flat_map: a sorted vector of entries, which can be changed.
template <class Key, class Value>
class flat_map : public std::vector<std::pair<Key, Value>> {
 public:
  using key_type = Key;
  using mapped_type = Value;
  using std::vector<std::pair<Key, Value>>::vector;
};

struct tensor {
  int data = 0;
  friend bool operator==(const tensor&, const tensor&) = default;
};

// An item that is an entry of a vector, which is no map: its trait says what of it is the index.
struct second_name {
  std::string text;
  friend bool operator==(const second_name&, const second_name&) = default;
};

template <class Pointer, class... Members>
Pointer pointer_to(Members... members) {
  return Pointer(new typename std::pointer_traits<Pointer>::element_type{std::move(members)...});
}

std::vector<std::vector<std::uint32_t>> redundant_in(const dcp::duplicates& found) {
  std::vector<std::vector<std::uint32_t>> result;
  for (std::size_t number = 0; number != found.plans(); ++number) {
    result.emplace_back();
    for (const dcp::duplicate each : found.in(number)) result.back().push_back(each.position);
  }
  return result;
}
using positions = std::vector<std::vector<std::uint32_t>>;

// The types of this file whose pointers have a trait.
template <class Type>
concept has_name = std::same_as<Type, sized> || std::same_as<Type, telling> || std::same_as<Type, with_data> ||
                   std::same_as<Type, with_trait>;

}  // namespace reading_through_pointers_test

template <reading_through_pointers_test::has_name Item>
struct dcp::write_item_traits<std::shared_ptr<Item>> {
  static const std::string& index(const std::shared_ptr<Item>& item) { return item->name; }
};
template <reading_through_pointers_test::has_name Item>
struct dcp::write_item_traits<Item*> {
  static const std::string& index(const Item* item) { return item->name; }
};

template <>
struct dcp::write_item_traits<reading_through_pointers_test::with_trait> {
  static std::optional<std::uint64_t> storage_size(const reading_through_pointers_test::with_trait& item) {
    if (item.count == 7) return {};
    return 8 * item.count;
  }
  static bool same_data(const reading_through_pointers_test::with_trait& a,
                        const reading_through_pointers_test::with_trait& b) {
    return a.data % 10 == b.data % 10;
  }
};

template <>
struct dcp::write_item_traits<
    std::pair<reading_through_pointers_test::second_name, reading_through_pointers_test::second_name>> {
  static const std::string& index(
      const std::pair<reading_through_pointers_test::second_name, reading_through_pointers_test::second_name>& item) {
    return item.second.text;
  }
};

namespace reading_through_pointers_test {

template <class Pointer>
void require_size_of_item() {
  const auto small = pointer_to<Pointer>(std::string("a"), std::uint64_t{0});
  const auto large = pointer_to<Pointer>(std::string("a"), std::uint64_t{12});
  const auto again = pointer_to<Pointer>(std::string("a"), std::uint64_t{12});
  const std::vector<plan<Pointer>> plans{{{small}}, {{large}}, {{again}}};

  REQUIRE(redundant_in(dcp::find_duplicates(plans)) == positions{{0}, {}, {0}});

  std::uint64_t bytes = 0;
  bool known = false;
  std::vector<std::uint32_t> holders;
  const auto policy = [&](const dcp::shared_indices& shared) {
    bytes = shared.bytes(0);
    known = shared.bytes_known();
    holders.assign(shared.holders(0).begin(), shared.holders(0).end());
    return test::keep_last(shared);
  };
  REQUIRE(redundant_in(dcp::find_duplicates(plans, {.keep = policy})) == positions{{0}, {0}, {}});
  REQUIRE(bytes == 12);
  REQUIRE(known);
  REQUIRE(holders == std::vector<std::uint32_t>{1, 2});

  // Compared as items, not by their addresses; the empty one is not compared.
  REQUIRE(dcp::find_duplicates(plans, {.check_replicas = true}).size() == 2);
  again->bytes = 13;
  REQUIRE_THROWS_AS(dcp::find_duplicates(plans, {.check_replicas = true}), dcp::conflict_error);
  if constexpr (std::is_pointer_v<Pointer>)
    for (const Pointer each : {small, large, again}) delete each;
}

TEST_CASE("a pointer's trait with an index alone leaves the item its own storage_size and ==") {
  require_size_of_item<std::shared_ptr<sized>>();
  require_size_of_item<sized*>();
}

TEST_CASE("a pointer's trait with an index alone leaves the item its own writes_nothing") {
  telling empty{"a", true}, full{"a", false}, other{"a", false};
  const std::vector<plan<telling*>> plain{{{&empty}}, {{&full}}, {{&other}}};
  REQUIRE(redundant_in(dcp::find_duplicates(plain)) == positions{{0}, {}, {0}});

  using pointer = std::shared_ptr<telling>;
  const std::vector<plan<pointer>> shared{{{pointer_to<pointer>(std::string("a"), true)}},
                                          {{pointer_to<pointer>(std::string("a"), false)}}};
  REQUIRE(redundant_in(dcp::find_duplicates(shared)) == positions{{0}, {}});
}

TEST_CASE("a pointer's trait with an index alone leaves the item its own same_data") {
  with_data first{"a", 11}, same{"a", 19}, other{"a", 21};
  REQUIRE(dcp::find_duplicates(std::vector<plan<with_data*>>{{{&first}}, {{&same}}}, {.check_replicas = true}).size() ==
          1);
  REQUIRE_THROWS_AS(
      dcp::find_duplicates(std::vector<plan<with_data*>>{{{&first}}, {{&other}}}, {.check_replicas = true}),
      dcp::conflict_error);
}

TEST_CASE("what a pointer's trait leaves out, the trait of the item answers") {
  with_trait empty{"a", 0, 1}, unknown{"a", 7, 11}, other{"a", 1, 12};
  const std::vector<plan<with_trait*>> plans{{{&empty}}, {{&unknown}}};
  REQUIRE(redundant_in(dcp::find_duplicates(plans, {.check_replicas = true})) == positions{{0}, {}});
  const std::vector<plan<with_trait*>> unlike{{{&unknown}}, {{&other}}};
  REQUIRE_THROWS_AS(dcp::find_duplicates(unlike, {.check_replicas = true}), dcp::conflict_error);
}

TEST_CASE("items and plans behind pointers to pointers are read") {
  indexed empty{"a", 0}, full{"a", 4};
  indexed* inner_empty = &empty;
  indexed* inner_full = &full;
  const std::vector<plan<indexed**>> plain{{{&inner_empty}}, {{&inner_full}}};
  REQUIRE(redundant_in(dcp::find_duplicates(plain)) == positions{{0}, {}});

  using pointer = std::unique_ptr<std::shared_ptr<indexed>>;
  std::vector<plan<pointer>> smart(2);
  for (auto& each : smart)
    each.items.push_back(std::make_unique<std::shared_ptr<indexed>>(std::make_shared<indexed>(indexed{"a", 4})));
  REQUIRE(dcp::find_duplicates(smart, {.check_replicas = true}).size() == 1);
  REQUIRE(dcp::dedup_tensors(std::move(smart))[1].items.empty());

  std::vector<std::unique_ptr<std::unique_ptr<test::plan>>> plans;
  for (const test::plan& each : test::plans_of({"a b", "b c"}))
    plans.push_back(std::make_unique<std::unique_ptr<test::plan>>(std::make_unique<test::plan>(each)));
  const auto result = dcp::dedup_tensors(std::move(plans));
  REQUIRE(keys_of(std::vector{**result[0], **result[1]}) == lines{"a b", "c"});
}

TEST_CASE("a null pointer is refused, behind however many pointers and in a map too") {
  const auto refused = [](const auto& plans) { REQUIRE_THROWS_AS(dcp::find_duplicates(plans), std::invalid_argument); };
  indexed* none = nullptr;
  refused(std::vector<plan<indexed**>>{{{&none}}});
  refused(std::vector<plan<std::shared_ptr<indexed>>>{{{nullptr}}});
  refused(std::vector<std::map<std::string, indexed*>>{{{"x", nullptr}}});
  refused(std::map<int, test::plan*>{{1, nullptr}});
  test::plan* no_plan = nullptr;
  refused(std::vector<test::plan**>{&no_plan});
}

TEST_CASE("the values of a map answer what is asked, also behind pointers") {
  using map = std::map<std::string, std::shared_ptr<sized>>;
  const auto make = [](std::uint64_t bytes) { return std::make_shared<sized>(sized{"a", bytes}); };
  std::vector<map> plans{{{"x", make(0)}, {"y", make(0)}}, {{"z", make(3)}}, {{"x", make(3)}}};
  REQUIRE(redundant_in(dcp::find_duplicates(plans, {.check_replicas = true})) == positions{{0, 1}, {}, {0}});
  const auto result = dcp::dedup_tensors(std::move(plans));
  REQUIRE(result[0].empty());
  REQUIRE(result[1].contains("z"));
  REQUIRE(result[2].empty());

  const std::vector<std::unordered_map<std::string, indexed>> with_index{{{"x", {"a", 0}}}, {{"y", {"a", 1}}}};
  REQUIRE(redundant_in(dcp::find_duplicates(with_index)) == positions{{0}, {}});
}

TEST_CASE("where a map's value has no index, the key is the index, and the value still tells its size") {
  struct value {
    std::uint64_t storage_size = 0;
    bool operator==(const value&) const = default;
  };
  const std::vector<std::map<std::string, value>> plans{{{"a", {0}}, {"b", {2}}}, {{"a", {4}}, {"b", {2}}}};
  REQUIRE(redundant_in(dcp::find_duplicates(plans, {.check_replicas = true})) == positions{{0}, {1}});
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(result[0].size() == 1);
  REQUIRE(result[1].contains("a"));
}

TEST_CASE("a flat map's entries are its values, or else its keys are the indices") {
  std::vector<flat_map<std::string, tensor>> by_key(2);
  by_key[0] = {{"a", {1}}, {"b", {2}}, {"c", {3}}};
  by_key[1] = {{"a", {4}}, {"b", {5}}, {"d", {6}}};
  const auto left = dcp::dedup_tensors(by_key);
  REQUIRE(left[0].size() == 3);
  REQUIRE(left[1].size() == 1);
  REQUIRE(left[1][0] == std::pair<std::string, tensor>("d", {6}));
  REQUIRE(dcp::dedup_tensors(std::move(by_key)) == left);

  std::vector<flat_map<std::string, indexed>> by_value(2);
  by_value[0] = {{"x", {"a", 0}}, {"y", {"b", 1}}};
  by_value[1] = {{"x", {"b", 1}}, {"y", {"a", 1}}};
  REQUIRE(redundant_in(dcp::find_duplicates(by_value)) == positions{{0}, {0}});

  std::vector<flat_map<std::string, std::unique_ptr<indexed>>> behind_pointers(2);
  for (auto& each : behind_pointers) each.emplace_back("x", std::make_unique<indexed>(indexed{"a", 4}));
  REQUIRE(dcp::dedup_tensors(std::move(behind_pointers))[1].empty());
}

TEST_CASE("plans may be the values of a flat map") {
  flat_map<int, test::plan> plans;
  for (const test::plan& each : test::plans_of({"a b", "b c"})) plans.emplace_back(each.rank + 3, each);
  REQUIRE(redundant_in(dcp::find_duplicates(plans)) == positions{{}, {0}});
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(plans[1].second.items.size() == 2);
  REQUIRE(result[1].first == 4);
  REQUIRE(result[1].second.items.size() == 1);
}

TEST_CASE("the pairs of a vector are no map's entries: a trait for the pair says what they are") {
  using entry = std::pair<second_name, second_name>;
  const std::vector<std::vector<entry>> plans{{{{"x"}, {"a"}}}, {{{"y"}, {"a"}}, {{"x"}, {"b"}}}};
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(result[1] == std::vector<entry>{{{"x"}, {"b"}}});
}

TEST_CASE("plans may lie in a map behind any pointer, and are numbered in the order of the map") {
  const auto made = test::plans_of({"a b", "b c", "c a"});
  std::map<int, std::shared_ptr<test::plan>> shared;
  std::map<int, std::unique_ptr<test::plan>> unique;
  for (const test::plan& each : made) {
    shared[10 - each.rank] = std::make_shared<test::plan>(each);
    unique[10 - each.rank] = std::make_unique<test::plan>(each);
  }
  const positions expected{{}, {1}, {0, 1}};
  REQUIRE(redundant_in(dcp::find_duplicates(shared)) == expected);
  REQUIRE(redundant_in(dcp::find_duplicates(unique)) == expected);
  REQUIRE(dcp::dedup_tensors(std::move(shared)).at(10)->items.empty());
  REQUIRE(dcp::dedup_tensors(std::move(unique)).at(9)->items.size() == 1);
}

TEST_CASE("plans behind pointers in a span are erased from where they lie") {
  auto made = test::plans_of({"a b", "b c"});
  std::vector<test::plan*> plain{&made[0], &made[1]};
  dcp::erase_duplicates(std::span<test::plan* const>(plain), dcp::find_duplicates(std::span(plain)));
  REQUIRE(keys_of(made) == lines{"a b", "c"});

  auto more = test::plans_of({"a b", "b c"});
  dcp::erase_duplicates(std::span(more), dcp::find_duplicates(std::span<const test::plan>(more)));
  REQUIRE(keys_of(more) == lines{"a b", "c"});

  std::vector<std::unique_ptr<test::plan>> unique;
  for (const test::plan& each : test::plans_of({"a b", "b c"})) unique.push_back(std::make_unique<test::plan>(each));
  const std::span<const std::unique_ptr<test::plan>> view(unique);
  dcp::erase_duplicates(view, dcp::find_duplicates(view));
  REQUIRE(unique[1]->items.size() == 1);
}

TEST_CASE("plans of const items behind pointers can be decided for") {
  const auto made = test::plans_of({"a b", "b c"});
  const std::vector<const test::plan*> plans{&made[0], &made[1]};
  REQUIRE(redundant_in(dcp::find_duplicates(plans)) == positions{{}, {0}});
}

}  // namespace reading_through_pointers_test
