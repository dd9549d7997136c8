// What makes two indices one: their own `==` and std::hash, both; or the trait's; or their parts, for both. A type with
// an `==` of its own and no std::hash was hashed by its parts and compared as a whole: which items were redundant then
// depended on their order.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "../catch.hpp"

namespace one_rule_for_an_index_test {

template <class Index>
struct item {
  Index index;
};

template <class Index>
struct plan {
  std::vector<item<Index>> items;
};

inline char lower(char letter) { return static_cast<char>(std::tolower(static_cast<unsigned char>(letter))); }

inline bool equal_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

inline std::size_t hash_without_case(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
  return std::hash<std::string>{}(lowered);
}

// A range of letters, equal without regard to case. The tag tells types apart that differ in what is said of them.
template <class Tag>
struct caseless {
  std::string text;
  [[nodiscard]] auto begin() const { return text.begin(); }
  [[nodiscard]] auto end() const { return text.end(); }
  friend bool operator==(const caseless& a, const caseless& b) { return equal_without_case(a.text, b.text); }
};
using by_parts = caseless<struct no_hash_tag>;
using hashed_by_std = caseless<struct std_hash_tag>;
using hashed_by_trait = caseless<struct trait_hash_tag>;

// A shape whose trailing ones do not count for its ==.
struct shape {
  std::vector<std::int64_t> sizes;
  [[nodiscard]] auto begin() const { return sizes.begin(); }
  [[nodiscard]] auto end() const { return sizes.end(); }
  friend bool operator==(const shape& a, const shape& b) {
    const auto trimmed = [](std::vector<std::int64_t> list) {
      while (!list.empty() && list.back() == 1) list.pop_back();
      return list;
    };
    return trimmed(a.sizes) == trimmed(b.sizes);
  }
};

// Not a range: has an ==, and its hash is in the trait.
struct rounded {
  int value = 0;
  friend bool operator==(const rounded& a, const rounded& b) { return a.value / 10 == b.value / 10; }
};

// The names of an item without a member `index`.
struct chunk {
  std::string name;
  std::vector<std::int64_t> offsets;
  std::optional<std::pair<int, int>> part;
};
struct plan_of_chunks {
  std::vector<chunk> items;
};

// How many items are redundant with these indices, one item a plan, in every order of the plans.
template <class Index>
std::vector<std::size_t> redundant_in_each_order(const std::vector<Index>& indices) {
  std::vector<std::size_t> order(indices.size());
  for (std::size_t i = 0; i != order.size(); ++i) order[i] = i;
  std::vector<std::size_t> counts;
  do {
    std::vector<plan<Index>> plans;
    for (const std::size_t i : order) plans.push_back({{{indices[i]}}});
    counts.push_back(dcp::find_duplicates(plans).size());
    // The same in one plan.
    plan<Index> all;
    for (const std::size_t i : order) all.items.push_back({indices[i]});
    counts.push_back(dcp::find_duplicates(std::vector{all}).size());
  } while (std::next_permutation(order.begin(), order.end()));
  return counts;
}

template <class Index>
void require_redundant(std::size_t expected, const std::vector<Index>& indices) {
  const auto counts = redundant_in_each_order(indices);
  REQUIRE(counts == std::vector<std::size_t>(counts.size(), expected));
}

// Two replicas of `indices`, which all differ, are found to be that, also where the second has them backwards.
template <class Index>
void require_all_differ(const std::vector<Index>& indices) {
  std::vector<plan<Index>> plans(3);
  for (const Index& index : indices) plans[0].items.push_back({index});
  plans[1] = plans[0];
  plans[2].items.assign(plans[0].items.rbegin(), plans[0].items.rend());

  const dcp::duplicates found = dcp::find_duplicates(plans);

  REQUIRE(found.in(0).empty());
  for (std::uint32_t position = 0; position != indices.size(); ++position) {
    const auto last = static_cast<std::uint32_t>(indices.size() - 1);
    REQUIRE(found.kept_item(1, position) == dcp::item_place{0, position});
    REQUIRE(found.kept_item(2, position) == dcp::item_place{0, last - position});
  }
}

}  // namespace one_rule_for_an_index_test

template <>
struct std::hash<one_rule_for_an_index_test::hashed_by_std> {
  std::size_t operator()(const one_rule_for_an_index_test::hashed_by_std& index) const {
    return one_rule_for_an_index_test::hash_without_case(index.text);
  }
};

template <>
struct dcp::write_item_traits<one_rule_for_an_index_test::item<one_rule_for_an_index_test::hashed_by_trait>> {
  static std::size_t hash(const one_rule_for_an_index_test::hashed_by_trait& index) {
    return one_rule_for_an_index_test::hash_without_case(index.text);
  }
};

template <>
struct dcp::write_item_traits<one_rule_for_an_index_test::item<one_rule_for_an_index_test::shape>> {
  static std::size_t hash(const one_rule_for_an_index_test::shape& index) {
    std::size_t product = 1;
    for (const std::int64_t size : index) product *= static_cast<std::size_t>(size);
    return product;
  }
};

template <>
struct dcp::write_item_traits<one_rule_for_an_index_test::item<one_rule_for_an_index_test::rounded>> {
  static std::uint32_t hash(const one_rule_for_an_index_test::rounded& index) {
    return static_cast<std::uint32_t>(index.value / 10);
  }
};

// Of what has a std::hash and an == that are not meant.
template <>
struct dcp::write_item_traits<one_rule_for_an_index_test::item<std::string>> {
  static std::size_t hash(std::string_view index) { return one_rule_for_an_index_test::hash_without_case(index); }
  static bool equal(std::string_view a, std::string_view b) {
    return one_rule_for_an_index_test::equal_without_case(a, b);
  }
};

template <>
struct dcp::write_item_traits<one_rule_for_an_index_test::chunk> {
  static auto index(const one_rule_for_an_index_test::chunk& item) {
    return std::tie(item.name, item.offsets, item.part);
  }
};

namespace one_rule_for_an_index_test {

TEST_CASE("a range without std::hash is hashed and compared part by part, whatever its == says") {
  require_redundant<by_parts>(0, {{"ab"}, {"AB"}, {"Ab"}});
  require_redundant<by_parts>(1, {{"ab"}, {"AB"}, {"ab"}});
}

TEST_CASE("what such a range is a part of is compared part by part too") {
  using pair = std::pair<by_parts, int>;
  require_redundant<pair>(0, {{{"a"}, 1}, {{"A"}, 1}, {{"a"}, 2}});
  require_redundant<pair>(1, {{{"a"}, 1}, {{"A"}, 1}, {{"a"}, 1}});
  require_redundant<std::optional<by_parts>>(1, {by_parts{"a"}, std::nullopt, by_parts{"A"}, std::nullopt});
  require_redundant<std::vector<by_parts>>(0, {{{"a"}, {"b"}}, {{"A"}, {"b"}}, {{"b"}, {"a"}}});
}

TEST_CASE("a decision that was kept is compared by the same rule as it was found") {
  const auto plans_of = [](const std::string& first, const std::string& second) {
    return std::vector<plan<by_parts>>{{{{{first}}}}, {{{{second}}}}};
  };
  const dcp::duplicates found = dcp::find_duplicates(plans_of("a", "a"));
  auto same = plans_of("B", "B");
  dcp::erase_duplicates(same, found);
  REQUIRE(same[1].items.empty());
  auto other = plans_of("b", "B");
  REQUIRE_THROWS_AS(dcp::erase_duplicates(other, found), std::invalid_argument);
}

TEST_CASE("a range with == and std::hash is used as a whole, also as a part") {
  require_redundant<hashed_by_std>(2, {{"ab"}, {"AB"}, {"Ab"}});
  require_redundant<hashed_by_std>(1, {{"ab"}, {"AB"}, {"abc"}});
  require_redundant<std::pair<hashed_by_std, int>>(1, {{{"a"}, 1}, {{"A"}, 1}, {{"a"}, 2}});
  require_redundant<std::vector<hashed_by_std>>(1, {{{"a"}, {"b"}}, {{"A"}, {"B"}}, {{"A"}}});
}

TEST_CASE("a hash that stands alone in the trait goes with the index's own ==, that of a range too") {
  require_redundant<hashed_by_trait>(2, {{"ab"}, {"AB"}, {"Ab"}});
  require_redundant<hashed_by_trait>(1, {{"ab"}, {"AB"}, {"abc"}});
  require_redundant<shape>(2, {{{2, 3}}, {{2, 3, 1}}, {{3, 2}}, {{2, 3, 1, 1}}});
  require_redundant<rounded>(2, {{11}, {19}, {20}, {15}});
}

TEST_CASE("hash and equal of the trait are used, though the index has its own") {
  require_redundant<std::string>(2, {"ab", "AB", "b", "Ab"});
}

TEST_CASE("parts may be nested, and differ wherever one of them differs") {
  using pairs = std::vector<std::pair<std::string, int>>;
  require_all_differ<std::optional<pairs>>({std::nullopt, pairs{}, pairs{{"", 0}}, pairs{{"a", 1}}, pairs{{"a", 2}},
                                            pairs{{"b", 1}}, pairs{{"a", 1}, {"b", 2}}, pairs{{"b", 2}, {"a", 1}}});
  using deeper = std::pair<std::array<std::optional<std::vector<int>>, 2>, std::tuple<std::string, char>>;
  using list = std::vector<int>;
  require_all_differ<deeper>({{{std::nullopt, list{}}, {"a", 'x'}},
                              {{list{}, std::nullopt}, {"a", 'x'}},
                              {{list{}, list{}}, {"a", 'x'}},
                              {{list{0}, list{}}, {"a", 'x'}},
                              {{list{}, list{0}}, {"a", 'x'}},
                              {{list{}, list{0}}, {"a", 'y'}},
                              {{list{}, list{0}}, {"b", 'x'}}});
  require_all_differ<std::array<std::pair<int, int>, 2>>(
      {{{{1, 2}, {3, 4}}}, {{{1, 2}, {4, 3}}}, {{{2, 1}, {3, 4}}}, {{{3, 4}, {1, 2}}}});
}

TEST_CASE("a tie of parts names an item by its members") {
  std::vector<plan_of_chunks> plans{{{{"w", {0}, {}}, {"w", {0}, std::pair(0, 1)}, {"w", {0}, std::pair(1, 0)}}},
                                    {{{"w", {}, {}}, {"w", {0}, std::pair(1, 0)}, {"w", {0, 0}, {}}, {"w", {0}, {}}}}};

  const dcp::duplicates found = dcp::find_duplicates(plans);

  const std::vector<dcp::duplicate> redundant(found.in(1).begin(), found.in(1).end());
  REQUIRE(redundant == std::vector<dcp::duplicate>{{1, 0, 2}, {3, 0, 0}});
}

}  // namespace one_rule_for_an_index_test
