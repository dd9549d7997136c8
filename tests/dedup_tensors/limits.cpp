// Positions are numbers of 32 bits. More items than those can number are refused before anything is allocated or
// changed; the containers here only claim to have as many: each repeats its one item.

#include <dcp/dedup_tensors.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace claimed {

struct item {
  std::string index;
};

template <class Value>
class repeating_iterator {
 public:
  using value_type = std::remove_const_t<Value>;
  using difference_type = std::int64_t;
  using reference = Value&;
  using pointer = Value*;
  using iterator_category = std::random_access_iterator_tag;

  repeating_iterator() = default;
  repeating_iterator(pointer one, difference_type at) : one_(one), at_(at) {}

  reference operator*() const { return *one_; }
  pointer operator->() const { return one_; }
  reference operator[](difference_type) const { return *one_; }
  repeating_iterator& operator++() { return *this += 1; }
  repeating_iterator& operator--() { return *this -= 1; }
  repeating_iterator operator++(int) { return {one_, at_++}; }
  repeating_iterator operator--(int) { return {one_, at_--}; }
  repeating_iterator& operator+=(difference_type by) {
    at_ += by;
    return *this;
  }
  repeating_iterator& operator-=(difference_type by) { return *this += -by; }
  friend repeating_iterator operator+(repeating_iterator it, difference_type by) { return it += by; }
  friend repeating_iterator operator+(difference_type by, repeating_iterator it) { return it += by; }
  friend repeating_iterator operator-(repeating_iterator it, difference_type by) { return it -= by; }
  friend difference_type operator-(repeating_iterator a, repeating_iterator b) { return a.at_ - b.at_; }
  friend auto operator<=>(const repeating_iterator&, const repeating_iterator&) = default;

 private:
  pointer one_ = nullptr;
  difference_type at_ = 0;
};

class items {
 public:
  using iterator = repeating_iterator<item>;

  explicit items(std::int64_t count) : count_(count) {}
  [[nodiscard]] iterator begin() { return {&one_, 0}; }
  [[nodiscard]] iterator end() { return {&one_, count_}; }
  [[nodiscard]] repeating_iterator<const item> begin() const { return {&one_, 0}; }
  [[nodiscard]] repeating_iterator<const item> end() const { return {&one_, count_}; }
  iterator erase(iterator first, iterator last) {
    count_ -= last - first;
    return first;
  }
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  item one_{"a"};
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

// A list of plans that only claims to be long: it shows one empty plan again and again.
class repeated_plan {
 public:
  using iterator = claimed::repeating_iterator<const test::plan>;

  explicit repeated_plan(std::int64_t count) : count_(count) {}
  [[nodiscard]] iterator begin() const { return {&plan_, 0}; }
  [[nodiscard]] iterator end() const { return {&plan_, count_}; }

 private:
  test::plan plan_;
  std::int64_t count_;
};

TEST_CASE("2^32 - 1 plans or more are refused with std::length_error, before anything is allocated for them") {
  REQUIRE(dcp::find_duplicates(repeated_plan(1000)).plans() == 1000);
  REQUIRE_THROWS_AS(dcp::find_duplicates(repeated_plan(limit)), std::length_error);
  REQUIRE_THROWS_AS(dcp::find_duplicates(repeated_plan(std::int64_t{1} << 62)), std::length_error);
}

// Of which too many are refused before their items are looked for again and again.
struct impatient_plan {
  std::vector<claimed::item> list;
  mutable int patience = 1000;

  std::vector<claimed::item>& items() { return looked_at(), list; }
  [[nodiscard]] const std::vector<claimed::item>& items() const { return looked_at(), list; }

 private:
  void looked_at() const {
    if (--patience < 0) throw std::logic_error("the plan is looked at again and again");
  }
};

class owned_plans {
 public:
  explicit owned_plans(std::int64_t count) : count_(count) {}
  [[nodiscard]] auto begin() { return claimed::repeating_iterator<impatient_plan>(&plan_, 0); }
  [[nodiscard]] auto end() { return claimed::repeating_iterator<impatient_plan>(&plan_, count_); }
  [[nodiscard]] auto begin() const { return claimed::repeating_iterator<const impatient_plan>(&plan_, 0); }
  [[nodiscard]] auto end() const { return claimed::repeating_iterator<const impatient_plan>(&plan_, count_); }

 private:
  impatient_plan plan_;
  std::int64_t count_;
};

TEST_CASE("2^32 - 1 plans or more are refused before they are looked at, also where their items would be erased") {
  for (const std::int64_t count : {limit, std::int64_t{1} << 62}) {
    owned_plans plans(count);
    REQUIRE_THROWS_AS(dcp::find_duplicates(plans), std::length_error);
    REQUIRE_THROWS_AS(dcp::dedup_tensors(plans), std::length_error);
    REQUIRE_THROWS_AS(dcp::erase_duplicates(plans, dcp::duplicates()), std::length_error);
    REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans)), std::length_error);
  }
}

}  // namespace dedup_tensors_limits_test
