// Random plans of many types: indices with a hash of their own and by parts, items behind pointers and in maps, sizes of
// every kind, plans in other containers. Whatever the types, the decision, the result of an lvalue and of an rvalue, and
// what erase_duplicates leaves are those of the model. A list that fails is found again by its seed, which is printed.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../policies.hpp"
#include "../policy_model.hpp"
#include "../rounds.hpp"

namespace random_types_test {

// ------------------------------------------------------------------------------------------------------- random rows

// An item as the model knows it.
struct row {
  std::uint32_t key = 0;
  std::optional<std::uint64_t> bytes;
  std::uint32_t data = 0;
  std::uint32_t number = 0;  // tells all items apart
};
struct row_plan {
  std::vector<row> items;
};

class random_rows {
 public:
  explicit random_rows(std::uint64_t seed) : engine_(seed) {}

  std::vector<row_plan> next() {
    most_items_ = below(6) == 0 ? 100 : 14;
    range_ = 1 + below(2 * most_items_);
    empty_in_ = below(3) == 0 ? 0 : 2 + below(6);
    unknown_in_ = below(3) == 0 ? 2 + below(6) : 0;
    std::vector<std::vector<std::uint32_t>> lists;
    for (std::size_t count = below(9); count != 0; --count) lists.push_back(next_list(lists));
    std::vector<row_plan> plans;
    std::uint32_t number = 0;
    const bool conflicts = below(3) == 0;
    for (const auto& keys : lists) {
      row_plan& plan = plans.emplace_back();
      for (const std::uint32_t key : keys)
        plan.items.push_back({key, bytes_of(key), key * 7 + (conflicts && one_in(30) ? 1U : 0U), number++});
    }
    return plans;
  }

  // Not a standard distribution: those differ by standard library, and a seed should mean the same everywhere.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }

 private:
  using list = std::vector<std::uint32_t>;

  bool one_in(std::size_t times) { return times != 0 && below(times) == 0; }
  std::optional<std::uint64_t> bytes_of(std::uint32_t key) {
    if (one_in(empty_in_)) return 0;
    if (one_in(unknown_in_)) return {};
    return 1 + key % 5;
  }

  list next_list(const std::vector<list>& earlier) {
    list result;
    switch (earlier.empty() ? below(2) : below(9)) {
      case 0:  // what repeats itself, and others
        for (std::size_t count = below(most_items_ + 1); count != 0; --count)
          result.push_back(static_cast<std::uint32_t>(below(range_)));
        return result;
      case 1:  // new indices alone
        for (std::size_t count = below(most_items_ + 1); count != 0; --count) result.push_back(next_new_++);
        return result;
      case 2:  // several stretches
        for (std::size_t count = 2 + below(3); count != 0; --count) {
          const list& from = earlier[below(earlier.size())];
          const std::size_t begin = below(from.size() + 1);
          const std::size_t end = begin + below(from.size() - begin + 1);
          result.insert(result.end(), from.begin() + static_cast<std::ptrdiff_t>(begin),
                        from.begin() + static_cast<std::ptrdiff_t>(end));
        }
        if (result.size() > 100) result.resize(100);
        return result;
      default: break;
    }
    result = earlier[below(earlier.size())];
    if (result.empty()) return result;
    const auto somewhere = [&] { return result.begin() + static_cast<std::ptrdiff_t>(below(result.size())); };
    switch (below(7)) {
      case 0: std::rotate(result.begin(), somewhere(), result.end()); break;
      case 1:
        for (std::size_t i = result.size(); i > 1; --i) std::swap(result[i - 1], result[below(i)]);
        break;
      case 2: result.insert(somewhere(), next_new_++); break;
      case 3: result.erase(somewhere()); break;
      case 4: result.erase(result.begin(), somewhere()); break;
      default: break;  // in order
    }
    return result;
  }

  std::mt19937_64 engine_;
  std::size_t most_items_ = 0;
  std::size_t range_ = 1;
  std::size_t empty_in_ = 0;
  std::size_t unknown_in_ = 0;
  std::uint32_t next_new_ = 100'000;
};

// ------------------------------------------------------------------------------------------------------------ indices

// Its own == and std::hash, to which `noise` is nothing.
struct whole_key {
  std::uint32_t value = 0;
  std::uint32_t noise = 0;
  friend bool operator==(const whole_key& a, const whole_key& b) { return a.value == b.value; }
};

// A range without std::hash, whose own == tells nothing apart: its parts do.
struct digits {
  std::string text;
  [[nodiscard]] auto begin() const { return text.begin(); }
  [[nodiscard]] auto end() const { return text.end(); }
  friend bool operator==(const digits&, const digits&) { return true; }
};

using nested_key = std::optional<std::vector<std::pair<std::string, int>>>;

template <class Key>
Key key_of(const row& from) {
  const std::string text = std::to_string(from.key);
  if constexpr (std::is_same_v<Key, whole_key>) return {from.key, from.number};
  else if constexpr (std::is_same_v<Key, digits>) return {text};
  else if constexpr (std::is_same_v<Key, std::string>) return text;
  else if constexpr (std::is_same_v<Key, nested_key>) {
    if (from.key == 0) return {};
    nested_key::value_type pairs;  // as many as the last digit says
    for (std::uint32_t i = 0; i != from.key % 10; ++i) pairs.emplace_back(text, static_cast<int>(i));
    pairs.emplace_back("", static_cast<int>(from.key / 10));
    return pairs;
  } else return static_cast<Key>(from.key);
}

// -------------------------------------------------------------------------------------------------------------- items

// What the items' type tells of their bytes.
enum class sizes { none, optional, empty_only };

template <class Key, sizes Sizes>
struct item {
  Key index{};
  std::optional<std::uint64_t> bytes;
  std::uint32_t data = 0;
  std::uint32_t number = 0;

  item() = default;
  explicit item(const row& from) : index(key_of<Key>(from)), bytes(from.bytes), data(from.data), number(from.number) {}

  [[nodiscard]] std::optional<std::uint64_t> storage_size() const
    requires(Sizes == sizes::optional)
  {
    return bytes;
  }
  [[nodiscard]] bool writes_nothing() const
    requires(Sizes == sizes::empty_only)
  {
    return bytes == std::uint64_t{0};
  }
  friend bool operator==(const item& a, const item& b) { return a.data == b.data; }
};

// Its index is a tie of its members.
struct tied_item {
  std::string name;
  std::vector<std::int64_t> offsets;
  std::optional<std::uint64_t> bytes;
  std::uint32_t data = 0;
  std::uint32_t number = 0;

  explicit tied_item(const row& from)
      : name(std::to_string(from.key / 3)),
        offsets(from.key % 3, 0),
        bytes(from.bytes),
        data(from.data),
        number(from.number) {}
  [[nodiscard]] bool same_data(const tied_item& other) const { return data == other.data; }
};

// The pointer's trait has its index and nothing else.
struct pointed_item {
  std::uint32_t name = 0;
  std::optional<std::uint64_t> storage_size;
  std::uint32_t data = 0;
  std::uint32_t number = 0;
  explicit pointed_item(const row& from)
      : name(from.key), storage_size(from.bytes), data(from.data), number(from.number) {}
  friend bool operator==(const pointed_item& a, const pointed_item& b) { return a.data == b.data; }
};

template <class Items>
struct plan {
  Items items;
};

// As boost::container::flat_map.
template <class Key, class Value>
struct flat_map : std::vector<std::pair<Key, Value>> {
  using key_type = Key;
  using mapped_type = Value;
};

}  // namespace random_types_test

template <>
struct std::hash<random_types_test::whole_key> {
  std::size_t operator()(const random_types_test::whole_key& key) const noexcept { return key.value % 50; }
};

template <>
struct dcp::write_item_traits<random_types_test::tied_item> {
  static auto index(const random_types_test::tied_item& item) { return std::tie(item.name, item.offsets); }
  static auto storage_size(const random_types_test::tied_item& item) { return item.bytes; }
};

template <>
struct dcp::write_item_traits<std::shared_ptr<random_types_test::pointed_item>> {
  static std::uint32_t index(const std::shared_ptr<random_types_test::pointed_item>& item) { return item->name; }
};

namespace random_types_test {

// ----------------------------------------------------------------------------------- building and reading any plans

template <class Pointer>
concept pointer = requires(const Pointer& at) { *at; };

template <class Element>
auto& target(Element& element) {
  if constexpr (pointer<Element>) return target(*element);
  else return element;
}

template <class Object, class... From>
Object made(From&&... from) {
  if constexpr (pointer<Object>) {
    using inner = typename Object::element_type;
    return Object(new inner(made<inner>(std::forward<From>(from)...)));
  } else return Object{std::forward<From>(from)...};
}

// The items of a map have keys in the order of the rows.
template <class Items>
void append(Items& items, const row& from) {
  if constexpr (requires { typename Items::mapped_type; }) {
    std::string key = std::to_string(items.size());
    key.insert(0, 4 - key.size(), '0');
    items.insert(items.end(), std::pair<std::string, typename Items::mapped_type>(
                                  std::move(key), made<typename Items::mapped_type>(from)));
  } else items.push_back(made<typename Items::value_type>(from));
}

template <class Plans>
Plans build(const std::vector<row_plan>& rows) {
  Plans plans;
  int rank = 3;
  for (const row_plan& each : rows) {
    const auto filled = [&]<class Plan>(std::type_identity<Plan>) {
      Plan plan = made<Plan>();
      for (const row& from : each.items) append(target(plan).items, from);
      return plan;
    };
    if constexpr (requires { typename Plans::mapped_type; })
      plans.emplace(rank += 4, filled(std::type_identity<typename Plans::mapped_type>()));
    else plans.push_back(filled(std::type_identity<typename Plans::value_type>()));
  }
  return plans;
}

using numbers = std::vector<std::vector<std::uint32_t>>;

template <class Plans>
numbers numbers_in(const Plans& plans) {
  const auto value_of = [](const auto& element, const auto& container) -> const auto& {
    if constexpr (requires { typename std::remove_cvref_t<decltype(container)>::mapped_type; })
      return target(element.second);
    else return target(element);
  };
  numbers result;
  for (const auto& each : plans) {
    result.emplace_back();
    const auto& items = value_of(each, plans).items;
    for (const auto& item : items) result.back().push_back(value_of(item, items).number);
  }
  return result;
}

// -------------------------------------------------------------------------------------------------------- the policies

std::vector<std::uint32_t> keep_in_turn(const dcp::shared_indices& shared) {
  std::vector<std::uint32_t> keepers;
  for (std::size_t i = 0; i != shared.size(); ++i)
    keepers.push_back(shared.holders(i)[(i + shared.first(i).position) % shared.holders(i).size()]);
  return keepers;
}

std::vector<std::uint32_t> keep_lightest(const dcp::shared_indices& shared) {
  std::vector<std::uint64_t> loads;
  for (std::size_t plan = 0; plan != shared.plans(); ++plan) loads.push_back(shared.own_bytes(plan));
  std::vector<std::uint32_t> keepers;
  for (std::size_t i = 0; i != shared.size(); ++i) {
    const auto holders = shared.holders(i);
    keepers.push_back(*std::min_element(holders.begin(), holders.end(),
                                        [&](std::uint32_t a, std::uint32_t b) { return loads[a] < loads[b]; }));
    loads[keepers.back()] += shared.bytes(i);
  }
  return keepers;
}

// ------------------------------------------------------------------------------------------------------ the comparison

// `Copies`: whether an lvalue can be deduplicated: its copy shares nothing with it.
template <class Plans, sizes Sizes, bool Copies>
void compare_with_model(const std::vector<row_plan>& rows, const dcp::keep_policy& keep) {
  const auto bytes_of = [](const row& each) -> std::optional<std::uint64_t> {
    const bool is_empty = each.bytes == std::uint64_t{0};
    if (Sizes == sizes::none || (Sizes == sizes::empty_only && !is_empty)) return {};
    return each.bytes;
  };
  const auto redundant = test::policy_model(rows, [](const row& each) { return each.key; }, bytes_of, keep);
  numbers left;
  std::size_t redundant_count = 0;
  std::size_t conflicts = 0;
  for (std::size_t number = 0; number != rows.size(); ++number) {
    left.emplace_back();
    auto at = redundant[number].begin();
    for (std::uint32_t position = 0; position != rows[number].items.size(); ++position) {
      const row& each = rows[number].items[position];
      if (at != redundant[number].end() && at->position == position) {
        if (bytes_of(each) != std::uint64_t{0} && each.data != rows[at->keeper].items[at->keeper_position].data)
          ++conflicts;
        ++at;
        ++redundant_count;
      } else left.back().push_back(each.number);
    }
  }

  const dcp::options settings{.keep = keep};
  auto plans = build<Plans>(rows);
  const numbers before = numbers_in(plans);
  const dcp::duplicates found = dcp::find_duplicates(plans, settings);
  REQUIRE(found.plans() == rows.size());
  REQUIRE(found.size() == redundant_count);
  for (std::size_t number = 0; number != rows.size(); ++number) {
    const auto in_plan = found.in(number);
    REQUIRE(std::vector<dcp::duplicate>(in_plan.begin(), in_plan.end()) == redundant[number]);
  }
  REQUIRE(numbers_in(plans) == before);

  std::size_t told = 0;
  try {
    static_cast<void>(dcp::find_duplicates(plans, {.keep = keep, .check_replicas = true}));
  } catch (const dcp::conflict_error& error) {
    told = error.count;
  }
  REQUIRE(told == conflicts);

  auto erased = build<Plans>(rows);
  dcp::erase_duplicates(erased, found);
  REQUIRE(numbers_in(erased) == left);

  if constexpr (Copies) {
    REQUIRE(numbers_in(dcp::dedup_tensors(plans, settings)) == left);
    REQUIRE(numbers_in(plans) == before);
  }
  REQUIRE(numbers_in(dcp::dedup_tensors(std::move(plans), settings)) == left);
}

template <class Plans, sizes Sizes, bool Copies = true>
void compare_lists(std::uint64_t first_seed, std::uint64_t count = test::rounds(400)) {
  const dcp::keep_policy policies[] = {dcp::keep::first, test::keep_last, keep_in_turn, keep_lightest};
  for (std::uint64_t seed = first_seed; seed != first_seed + count; ++seed) {
    INFO("seed " << seed);
    compare_with_model<Plans, Sizes, Copies>(random_rows(seed).next(), policies[seed % std::size(policies)]);
  }
}

template <class Item>
using vectors = std::vector<plan<std::vector<Item>>>;

// Each kind of index, size, container and pointer at least once, also in combinations: a type takes seconds to compile.

TEST_CASE("random plans whose indices have a hash and == of their own are decided as by the model") {
  compare_lists<vectors<item<whole_key, sizes::none>>, sizes::none>(1'000'000);
  compare_lists<vectors<item<std::uint16_t, sizes::optional>>, sizes::optional>(4'000'000);
}

TEST_CASE("random plans whose indices are compared part by part are decided as by the model") {
  compare_lists<vectors<item<nested_key, sizes::empty_only>>, sizes::empty_only>(7'000'000);
  compare_lists<vectors<tied_item>, sizes::optional>(8'000'000);
}

TEST_CASE("random plans of items behind pointers are decided as by the model") {
  compare_lists<vectors<std::unique_ptr<item<whole_key, sizes::optional>>>, sizes::optional, false>(9'000'000);
  compare_lists<vectors<std::unique_ptr<std::shared_ptr<const tied_item>>>, sizes::optional, false>(11'000'000);
}

TEST_CASE("random plans of items in other containers are decided as by the model") {
  compare_lists<std::list<plan<std::list<item<digits, sizes::optional>>>>, sizes::optional>(12'000'000);
  compare_lists<std::deque<plan<std::deque<item<whole_key, sizes::empty_only>>>>, sizes::empty_only>(13'000'000);
}

TEST_CASE("random plans of the values of maps are decided as by the model") {
  compare_lists<std::vector<plan<flat_map<std::string, item<std::string, sizes::optional>>>>, sizes::optional>(
      15'000'000);
  compare_lists<std::vector<plan<std::map<std::string, std::unique_ptr<item<std::string, sizes::empty_only>>>>>,
                sizes::empty_only, false>(16'000'000);
}

TEST_CASE("random plans in maps and behind pointers are decided as by the model") {
  compare_lists<std::map<int, plan<std::map<std::string, item<std::string, sizes::optional>>>>, sizes::optional>(
      17'000'000);
  compare_lists<std::map<int, std::unique_ptr<plan<std::list<tied_item>>>>, sizes::optional, false>(18'000'000);
  compare_lists<std::vector<std::shared_ptr<plan<std::vector<std::shared_ptr<pointed_item>>>>>, sizes::optional, false>(
      19'000'000);
}

}  // namespace random_types_test
