// Positions are numbers of 32 bits. More items than those can number are refused before anything is allocated or
// changed; the containers here only claim to have as many, all of them the same one.

#include <dcp/dedup_tensors.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"

namespace claimed {

struct item {
  std::string index;
};

inline item the_item{"a"};

template <class Item>
class item_iterator {
 public:
  using value_type = item;
  using difference_type = std::int64_t;
  using reference = Item&;
  using pointer = Item*;
  using iterator_category = std::random_access_iterator_tag;

  item_iterator() = default;
  explicit item_iterator(difference_type at) : at_(at) {}

  reference operator*() const { return the_item; }
  pointer operator->() const { return &the_item; }
  reference operator[](difference_type) const { return the_item; }
  item_iterator& operator++() { return *this += 1; }
  item_iterator& operator--() { return *this -= 1; }
  item_iterator operator++(int) { return item_iterator(at_++); }
  item_iterator operator--(int) { return item_iterator(at_--); }
  item_iterator& operator+=(difference_type by) {
    at_ += by;
    return *this;
  }
  item_iterator& operator-=(difference_type by) { return *this += -by; }
  friend item_iterator operator+(item_iterator it, difference_type by) { return it += by; }
  friend item_iterator operator+(difference_type by, item_iterator it) { return it += by; }
  friend item_iterator operator-(item_iterator it, difference_type by) { return it -= by; }
  friend difference_type operator-(item_iterator a, item_iterator b) { return a.at_ - b.at_; }
  friend auto operator<=>(const item_iterator&, const item_iterator&) = default;

 private:
  difference_type at_ = 0;
};

class items {
 public:
  using iterator = item_iterator<item>;

  explicit items(std::int64_t count) : count_(count) {}
  [[nodiscard]] iterator begin() { return iterator(0); }
  [[nodiscard]] iterator end() { return iterator(count_); }
  [[nodiscard]] item_iterator<const item> begin() const { return item_iterator<const item>(0); }
  [[nodiscard]] item_iterator<const item> end() const { return item_iterator<const item>(count_); }
  iterator erase(iterator first, iterator last) {
    count_ -= last - first;
    return first;
  }
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  std::int64_t count_;
};

static_assert(std::random_access_iterator<items::iterator>);

struct plan {
  claimed::items items;
};

}  // namespace claimed

namespace dedup_tensors_limits_test {

using claimed::plan;

std::vector<plan> plans_of(const std::vector<std::int64_t>& counts) {
  std::vector<plan> plans;
  for (const std::int64_t count : counts) plans.push_back({claimed::items(count)});
  return plans;
}

void require_refused(const std::vector<std::int64_t>& counts) {
  auto plans = plans_of(counts);
  REQUIRE_THROWS_AS(dcp::find_duplicates(plans), std::length_error);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(plans), std::length_error);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans)), std::length_error);
  for (std::size_t i = 0; i != counts.size(); ++i) REQUIRE(plans[i].items.count() == counts[i]);
}

constexpr std::int64_t limit = (std::int64_t{1} << 32) - 1;

TEST_CASE("the containers that claim to be large are handled as others where they are small") {
  const auto result = dcp::dedup_tensors(plans_of({3, 0, 2}));

  REQUIRE(result[0].items.count() == 1);
  REQUIRE(result[1].items.count() == 0);
  REQUIRE(result[2].items.count() == 0);
}

TEST_CASE("a plan of 2^32 - 1 items or more is refused with std::length_error") {
  require_refused({limit});
  require_refused({limit + 1});
  require_refused({limit + 2});  // 1 in 32 bits
  require_refused({std::int64_t{1} << 62});
}

TEST_CASE("plans that have 2^32 - 1 items or more together are refused with std::length_error") {
  require_refused({limit - 1, 1});
  require_refused({1, limit - 1});
  require_refused({limit / 2 + 1, 0, limit / 2 + 1});
  require_refused({std::int64_t{1} << 62, std::int64_t{1} << 62, std::int64_t{1} << 62, std::int64_t{1} << 62});
}

TEST_CASE("the error says how many items are too many") {
  try {
    static_cast<void>(dcp::find_duplicates(plans_of({limit})));
    FAIL("nothing was thrown");
  } catch (const std::length_error& error) {
    REQUIRE(std::string(error.what()).find("2^32 - 1 items") != std::string::npos);
  }
}

}  // namespace dedup_tensors_limits_test
