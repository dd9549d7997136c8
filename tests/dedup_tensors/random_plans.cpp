// Random plan lists, each compared with the reference model: the decision, the result of an lvalue
// and of an rvalue, and erasing. A list that fails is found again by its seed, which is printed.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <random>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../random_types.hpp"
#include "../reference_model.hpp"
#include "../rounds.hpp"

namespace random_plans_test {

using test::converted;
using test::hashing;

template <hashing Hashing>
struct item {
  test::key<Hashing> index;
  std::uint32_t number = 0;  // tells apart the items that have an index in common
  friend bool operator==(const item&, const item&) = default;
};

template <class Items>
using plan = test::ranked_plan<Items>;

// ------------------------------------------------------------------------------------------------------- random lists

using numbers = std::vector<std::uint32_t>;

class random_lists {
 public:
  explicit random_lists(std::uint64_t seed) : engine_(seed) {}

  // The indices of each plan, by number.
  std::vector<numbers> next() {
    const std::size_t most_plans = below(20) == 0 ? 40 : 6;
    // Once in a while more than a table holds before it first grows, and more than are looked up at a time.
    most_items_ = below(40) == 0 ? 300 : 12;
    range_ = 1 + below(2 * most_items_);
    plans_.clear();
    for (std::size_t count = below(most_plans + 1); count != 0; --count) plans_.push_back(next_plan());
    return std::move(plans_);
  }

 private:
  numbers next_plan() {
    switch (below(6)) {
      case 0: return {};
      case 1: return random_plan();
      case 2: return new_plan();
      default: return plans_.empty() ? new_plan() : replica(plans_[below(plans_.size())]);
    }
  }

  // Out of a small range: it repeats itself and what others have.
  numbers random_plan() {
    numbers plan(below(most_items_ + 1));
    for (std::uint32_t& each : plan) each = static_cast<std::uint32_t>(below(range_));
    return plan;
  }

  // Items that no plan has yet.
  numbers new_plan() {
    numbers plan(below(most_items_ + 1));
    for (std::uint32_t& each : plan) each = next_new_++;
    return plan;
  }

  numbers replica(numbers plan) {
    if (plan.empty()) return plan;
    const auto somewhere = [&] { return plan.begin() + static_cast<std::ptrdiff_t>(below(plan.size())); };
    switch (below(8)) {
      case 0: plan.erase(somewhere(), plan.end()); break;                                  // cut short
      case 1: plan.erase(plan.begin(), somewhere()); break;                                // begins later
      case 2: plan.erase(somewhere()); break;                                              // lacks an item
      case 3: plan.insert(somewhere(), next_new_++); break;                                // has one more
      case 4: plan.insert(somewhere(), static_cast<std::uint32_t>(below(range_))); break;  // has one that may be known
      case 5: std::rotate(plan.begin(), somewhere(), plan.end()); break;                   // in another order
      case 6:                                                                              // in any order
        for (std::size_t i = plan.size(); i > 1; --i) std::swap(plan[i - 1], plan[below(i)]);
        break;
      default: break;  // the same
    }
    return plan;
  }

  // Not a standard distribution: those differ by standard library, and a seed should mean the same everywhere.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }

  std::mt19937_64 engine_;
  std::vector<numbers> plans_;
  std::size_t most_items_ = 0;
  std::size_t range_ = 1;
  std::uint32_t next_new_ = 1'000'000;
};

template <class Plan>
std::vector<Plan> build(const std::vector<numbers>& lists) {
  using items = decltype(Plan::items);
  using item_type = typename items::value_type;
  std::vector<Plan> plans;
  std::uint32_t number = 0;
  for (const numbers& list : lists) {
    std::vector<item_type> content;
    for (const std::uint32_t value : list) content.push_back({{value}, number++});
    plans.push_back({items(content.begin(), content.end()), plans.size()});
  }
  return plans;
}

// ------------------------------------------------------------------------------------------------------ the comparison

template <class Plan>
void compare_with_model(const std::vector<numbers>& lists) {
  using item_type = typename decltype(Plan::items)::value_type;
  const auto expected = test::reference_model(build<plan<std::vector<item_type>>>(lists));
  const auto expected_plans = converted<Plan>(expected.plans);
  const auto before = build<Plan>(lists);

  auto plans = before;
  const dcp::duplicates found = dcp::find_duplicates(plans);
  std::vector<std::vector<dcp::duplicate>> redundant;
  std::size_t redundant_count = 0;
  for (std::size_t rank = 0; rank != plans.size(); ++rank) {
    redundant.emplace_back(found.in(rank).begin(), found.in(rank).end());
    redundant_count += redundant.back().size();
  }
  REQUIRE(redundant == expected.redundant);
  REQUIRE(found.size() == redundant_count);
  REQUIRE(found.empty() == (redundant_count == 0));

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(copied == expected_plans);
  REQUIRE(plans == before);

  auto erased = plans;
  dcp::erase_duplicates(erased, found);
  REQUIRE(erased == expected_plans);

  const auto moved = dcp::dedup_tensors(std::move(plans));
  REQUIRE(moved == expected_plans);
}

template <class Plan>
void compare_lists(std::uint64_t first_seed, std::uint64_t count) {
  for (std::uint64_t seed = first_seed; seed != first_seed + test::rounds(count); ++seed) {
    INFO("seed " << seed);
    compare_with_model<Plan>(random_lists(seed).next());
  }
}

template <hashing Hashing>
using items = std::vector<item<Hashing>>;

TEST_CASE("random plan lists are deduplicated as the reference model does it") {
  compare_lists<plan<items<hashing::identity>>>(1'000'000, 20'000);
}

TEST_CASE("random plan lists are deduplicated as the reference model does it, where all hashes are 0") {
  compare_lists<plan<items<hashing::zero>>>(2'000'000, 10'000);
}

TEST_CASE("random plan lists are deduplicated as the reference model does it, where there are three hashes") {
  compare_lists<plan<items<hashing::few_values>>>(3'000'000, 10'000);
}

TEST_CASE(
    "random plan lists are deduplicated as the reference model does it, where upper bits of a hash differ "
    "alone") {
  compare_lists<plan<items<hashing::upper_bits>>>(4'000'000, 10'000);
}

TEST_CASE("random plan lists are deduplicated as the reference model does it, for items in other containers") {
  compare_lists<plan<std::deque<item<hashing::identity>>>>(6'000'000, 3'000);
  compare_lists<plan<std::list<item<hashing::identity>>>>(7'000'000, 3'000);
  compare_lists<plan<std::deque<item<hashing::zero>>>>(9'000'000, 3'000);
  compare_lists<plan<std::list<item<hashing::few_values>>>>(10'000'000, 3'000);
}

// Past 2^16 indices, and in replicas of which every one parts from the others somewhere.
TEST_CASE("a list of a quarter of a million items is deduplicated as the reference model does it") {
  std::vector<numbers> lists(6);
  for (std::uint32_t rank = 0; rank != lists.size(); ++rank) {
    for (std::uint32_t i = 0; i != 40'000; ++i) lists[rank].push_back(i % (rank + 2) == 0 ? i : i + 100'000);
    lists[rank].push_back(7);
  }
  compare_with_model<plan<items<hashing::identity>>>(lists);
  compare_with_model<plan<std::list<item<hashing::identity>>>>(lists);
}

}  // namespace random_plans_test
