// erase_duplicates works in place: nothing is copied or returned, so the range of plans need not own them.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace in_place_test {

using test::lines;
using test::plans_of;

struct rank {
  std::string host;
  test::plan plan;
};

// A view: it owns nothing, and shows the plans of what it is made from.
class plans_of_ranks {
 public:
  class iterator {
   public:
    using value_type = test::plan;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    explicit iterator(rank* at) : at_(at) {}
    test::plan& operator*() const { return at_->plan; }
    iterator& operator++() { return ++at_, *this; }
    iterator operator++(int) { return iterator(at_++); }
    bool operator==(const iterator&) const = default;

   private:
    rank* at_ = nullptr;
  };

  explicit plans_of_ranks(std::vector<rank>& ranks) : ranks_(ranks) {}
  [[nodiscard]] iterator begin() const { return iterator(ranks_.data()); }
  [[nodiscard]] iterator end() const { return iterator(ranks_.data() + ranks_.size()); }

 private:
  std::span<rank> ranks_;
};

const lines before{"a b", "b c", "x c"};
const lines after{"a b", "c", "x"};

// Ends before the first plan without items, and how far that is, it does not know.
struct plans_until_empty {
  struct empty_plan {
    friend bool operator==(const test::plan* at, empty_plan) { return at->items.empty(); }
  };
  test::plan* first = nullptr;

  [[nodiscard]] test::plan* begin() const { return first; }
  [[nodiscard]] empty_plan end() const { return {}; }
};

TEST_CASE("plans in a span are deduplicated in place") {
  auto plans = plans_of(before);
  const std::span<test::plan> span(plans);

  dcp::erase_duplicates(span, dcp::find_duplicates(span));

  REQUIRE(test::keys_of(plans) == after);
  auto again = plans_of(before);
  dcp::erase_duplicates(std::span(again), dcp::find_duplicates(again));
  REQUIRE(test::keys_of(again) == after);
}

TEST_CASE("plans in an array are deduplicated in place") {
  const auto plans = plans_of(before);
  test::plan array[3] = {plans[0], plans[1], plans[2]};

  dcp::erase_duplicates(array, dcp::find_duplicates(array));

  REQUIRE(test::keys_of(array) == after);
}

TEST_CASE("plans behind pointers, plain and smart, are deduplicated in place") {
  auto plans = plans_of(before);
  const std::vector<test::plan*> pointers{&plans[0], &plans[1], &plans[2]};
  dcp::erase_duplicates(pointers, dcp::find_duplicates(pointers));
  REQUIRE(test::keys_of(plans) == after);

  std::vector<std::shared_ptr<test::plan>> shared;
  for (const test::plan& each : plans_of(before)) shared.push_back(std::make_shared<test::plan>(each));
  dcp::erase_duplicates(shared, dcp::find_duplicates(shared));
  REQUIRE(test::keys_of(std::vector{*shared[0], *shared[1], *shared[2]}) == after);
}

// (Not a view of <ranges>: with libstdc++, Clang 14 knows none.)
TEST_CASE("plans in a view of others are deduplicated in place") {
  std::vector<rank> ranks;
  for (const test::plan& each : plans_of(before)) ranks.push_back({"host", each});
  const plans_of_ranks view(ranks);

  dcp::erase_duplicates(view, dcp::find_duplicates(view));

  lines left;
  for (const rank& each : ranks) left.push_back(test::keys_of(std::vector{each.plan})[0]);
  REQUIRE(left == after);
}

TEST_CASE("plans in a view whose end is told by a condition are deduplicated in place") {
  auto plans = plans_of({"a b", "b c", "", "b"});
  const plans_until_empty first_two{plans.data()};

  dcp::erase_duplicates(first_two, dcp::find_duplicates(first_two));

  REQUIRE(test::keys_of(plans) == lines{"a b", "c", "", "b"});
}

TEST_CASE("the plans of some ranks are deduplicated in place, and the others left alone") {
  auto plans = plans_of({"a", "a b", "b c"});
  const auto some = std::span(plans).subspan(1);

  dcp::erase_duplicates(some, dcp::find_duplicates(some));

  REQUIRE(test::keys_of(plans) == lines{"a", "a b", "c"});
}

TEST_CASE("a decision can be made for a view that does not own its plans, constant ones too") {
  const auto plans = plans_of(before);
  REQUIRE(dcp::find_duplicates(std::span(plans)).size() == 2);
  REQUIRE(dcp::find_duplicates(std::initializer_list<test::plan>{plans[0], plans[1]}).size() == 1);
}

}  // namespace in_place_test
