// A hash and an equality of one's own, said by the trait: for the key of a third party, which has none, or names without
// regard to case.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../catch.hpp"

namespace own_hash_and_equality_test {

// Neither hash nor ==.
struct foreign_key {
  const char* name = "";
  int part = 0;
};

struct foreign_item {
  foreign_key index;
};

struct caseless_item {
  std::string index;
};

// Has a std::hash and an == of its key, which are not what is meant.
struct rounded_item {
  int index = 0;
};

template <class Item>
struct plan {
  std::vector<Item> items;
};

char lower(char letter) { return static_cast<char>(std::tolower(static_cast<unsigned char>(letter))); }

}  // namespace own_hash_and_equality_test

template <>
struct dcp::write_item_traits<own_hash_and_equality_test::foreign_item> {
  static std::size_t hash(const own_hash_and_equality_test::foreign_key& index) {
    return std::hash<std::string_view>{}(index.name) + static_cast<std::size_t>(index.part);
  }
  static bool equal(const own_hash_and_equality_test::foreign_key& a,
                    const own_hash_and_equality_test::foreign_key& b) {
    return std::string_view(a.name) == b.name && a.part == b.part;
  }
};

template <>
struct dcp::write_item_traits<own_hash_and_equality_test::caseless_item> {
  static std::size_t hash(std::string_view index) {
    std::size_t hash = 0;
    for (const char letter : index)
      hash = hash * 31 + static_cast<unsigned char>(own_hash_and_equality_test::lower(letter));
    return hash;
  }
  static bool equal(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      return own_hash_and_equality_test::lower(x) == own_hash_and_equality_test::lower(y);
    });
  }
};

// Of 32 bits, and only that and an `equal` that gives no bool.
template <>
struct dcp::write_item_traits<own_hash_and_equality_test::rounded_item> {
  static std::uint32_t hash(int index) { return static_cast<std::uint32_t>(index / 10); }
  static int equal(int a, int b) { return a / 10 == b / 10 ? 2 : 0; }
};

namespace own_hash_and_equality_test {

TEST_CASE("a key without hash and == is found by those of the trait") {
  const std::string same = "w";
  std::vector<plan<foreign_item>> plans{{{{{"w", 0}}, {{"w", 1}}}}, {{{{"v", 0}}, {{same.c_str(), 1}}}}};

  const dcp::duplicates found = dcp::find_duplicates(plans);
  REQUIRE(found.size() == 1);
  REQUIRE(*found.in(1).begin() == dcp::duplicate{1, 0, 1});
  dcp::erase_duplicates(plans, found);
  REQUIRE(plans[1].items.size() == 1);
}

TEST_CASE("names are found without regard to case, though a string has a hash and an == of its own") {
  std::vector<plan<caseless_item>> plans{{{{"Layer.Weight"}, {"bias"}}}, {{{"BIAS"}, {"layer.weight"}, {"other"}}}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0].items[0].index == "Layer.Weight");
  REQUIRE(result[1].items.size() == 1);
  REQUIRE(result[1].items[0].index == "other");
}

TEST_CASE("a decision that was kept is compared by the trait's equality") {
  const dcp::duplicates found = dcp::find_duplicates(std::vector<plan<caseless_item>>{{{{"a"}}}, {{{"A"}}}});
  std::vector<plan<caseless_item>> same{{{{"A"}}}, {{{"a"}}}};
  dcp::erase_duplicates(same, found);
  REQUIRE(same[1].items.empty());
  std::vector<plan<caseless_item>> other{{{{"A"}}}, {{{"b"}}}};
  REQUIRE_THROWS_AS(dcp::erase_duplicates(other, found), std::invalid_argument);
}

TEST_CASE("a hash of 32 bits and an equality that gives an int will do") {
  const std::vector<plan<rounded_item>> plans{{{{10}, {25}, {31}}}, {{{19}, {40}, {20}}}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0].items.size() == 3);
  REQUIRE(result[1].items.size() == 1);
  REQUIRE(result[1].items[0].index == 40);
}

TEST_CASE("of items behind pointers the trait is that of what they point to") {
  std::vector<plan<std::unique_ptr<caseless_item>>> plans(2);
  plans[0].items.push_back(std::make_unique<caseless_item>(caseless_item{"a"}));
  plans[1].items.push_back(std::make_unique<caseless_item>(caseless_item{"A"}));

  REQUIRE(dcp::dedup_tensors(std::move(plans))[1].items.empty());
}

}  // namespace own_hash_and_equality_test
