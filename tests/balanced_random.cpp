// Thousands of random plan lists with sizes of every kind, balanced: what is promised holds, and each decision is that
// of the reference model. A list that fails is found again by its seed, which is printed.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "balanced_model.hpp"
#include "catch.hpp"
#include "random_types.hpp"

namespace {

using test::converted;
using test::hashing;
using test::sparing_plan;

using optional_bytes = std::optional<std::int64_t>;

template <hashing Hashing, class Bytes = optional_bytes>
struct item {
  test::key<Hashing> index;
  std::uint32_t number = 0;  // tells apart the items that have an index in common
  Bytes bytes{};
  [[nodiscard]] Bytes storage_size() const { return bytes; }
  friend bool operator==(const item&, const item&) = default;
};

template <class Items>
using plan = test::ranked_plan<Items>;

// ------------------------------------------------------------------------------------------------------- random lists

struct random_list {
  std::vector<std::vector<std::uint32_t>> plans;  // the indices of each, by number
  std::map<std::uint32_t, optional_bytes> bytes;  // of each index
  double tolerance = 0;
};

class random_lists {
 public:
  explicit random_lists(std::uint64_t seed) : engine_(seed) {}

  random_list next() {
    constexpr double tolerances[] = {0, 0.01, 0.01, 0.05, 0.3, 1};
    random_list list;
    list.tolerance = tolerances[below(std::size(tolerances))];
    list.plans.resize(below(20) == 0 ? below(40) : below(8));
    const auto count = static_cast<std::uint32_t>(below(30) == 0 ? below(200) : below(20));
    switch (below(3)) {
      case 0: scatter(list, count); break;
      case 1: shard(list, count); break;
      default: fill(list, count); break;
    }
    for (auto& items : list.plans) disturb(items);
    const std::size_t kind = below(8);
    for (const auto& items : list.plans)
      for (const std::uint32_t index : items) list.bytes.emplace(index, optional_bytes());
    for (auto& [index, bytes] : list.bytes) bytes = next_bytes(kind);
    return list;
  }

 private:
  // Each index in some of the plans.
  void scatter(random_list& list, std::uint32_t count) {
    for (std::uint32_t index = 0; index != count; ++index)
      for (auto& items : list.plans)
        if (below(2) == 0) items.push_back(index);
  }

  // Every plan has one shard of each tensor, and what all of them have.
  void shard(random_list& list, std::uint32_t count) {
    const std::size_t shards = 1 + below(4);
    const std::size_t replicated = 1 + below(6);
    for (std::size_t rank = 0; rank != list.plans.size(); ++rank)
      for (std::uint32_t tensor = 0; tensor != count; ++tensor) {
        const std::size_t part = tensor % replicated == 0 ? shards : rank % shards;
        list.plans[rank].push_back(tensor * 10 + static_cast<std::uint32_t>(part));
      }
  }

  // Each plan by itself, out of a small range: it repeats itself and what others have.
  void fill(random_list& list, std::uint32_t count) {
    const std::size_t range = 1 + below(2 * std::size_t{count} + 1);
    for (auto& items : list.plans)
      for (std::size_t left = below(std::size_t{count} + 1); left != 0; --left)
        items.push_back(static_cast<std::uint32_t>(below(range)));
  }

  void disturb(std::vector<std::uint32_t>& items) {
    if (items.empty()) return;
    const auto somewhere = [&] { return items.begin() + static_cast<std::ptrdiff_t>(below(items.size())); };
    switch (below(12)) {
      case 0: items.erase(somewhere()); break;
      case 1: items.insert(somewhere(), next_new_++); break;
      case 2: {
        const std::uint32_t again = *somewhere();
        items.insert(somewhere(), again);
        break;
      }
      case 3: std::rotate(items.begin(), somewhere(), items.end()); break;
      case 4:
        for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
        break;
      default: break;  // as it is
    }
  }

  optional_bytes next_bytes(std::size_t kind) {
    const auto up_to = [&](std::int64_t most) {
      return static_cast<std::int64_t>(below(static_cast<std::size_t>(most) + 1));
    };
    switch (kind) {
      case 0: return 8;                                                              // all are equal
      case 1: return 1 + up_to(2);                                                   // many are
      case 2: return up_to(3);                                                       // some are of no bytes
      case 3: return below(3) == 0 ? optional_bytes() : optional_bytes(up_to(100));  // some are unknown
      case 4: return std::int64_t{1} << below(40);                                   // of all magnitudes
      case 5: return below(10) == 0 ? 1'000'000 : 1 + up_to(100);                    // a few giants
      case 6: return (std::int64_t{1} << 52) + up_to(1'000'000);  // a double does not tell sums of them apart
      default: return 1 + up_to(1000);
    }
  }

  // Not a standard distribution: those differ by standard library, and a seed should mean the same everywhere.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }

  std::mt19937_64 engine_;
  std::uint32_t next_new_ = 1'000'000;
};

template <class Plan>
std::vector<Plan> build(const random_list& list) {
  using items = decltype(Plan::items);
  using item_type = typename items::value_type;
  using bytes_type = decltype(item_type::bytes);
  std::vector<Plan> plans;
  std::uint32_t number = 0;
  for (const auto& indices : list.plans) {
    std::vector<item_type> content;
    for (const std::uint32_t index : indices) {
      if constexpr (std::is_same_v<bytes_type, optional_bytes>)
        content.push_back({{index}, number++, list.bytes.at(index)});
      else content.push_back({{index}, number++, static_cast<bytes_type>(list.bytes.at(index).value_or(0))});
    }
    plans.push_back({items(content.begin(), content.end()), plans.size()});
  }
  return plans;
}

std::uint64_t known_bytes(const random_list& list, std::uint32_t index) {
  return static_cast<std::uint64_t>(list.bytes.at(index).value_or(0));
}

test::planned_indices indices_in(const std::vector<plan<std::vector<item<hashing::identity>>>>& plans) {
  return test::indices_of(
      plans, [](const auto& each) { return each.index.value; },
      [](const auto& each) { return static_cast<std::uint64_t>(each.bytes.value_or(0)); });
}

// ------------------------------------------------------------------------------------------------------ the comparison

template <class Plan>
void compare_with_model(const random_list& list) {
  using item_type = typename decltype(Plan::items)::value_type;
  const auto indices = indices_in(build<plan<std::vector<item<hashing::identity>>>>(list));
  const auto expected = test::expectation_of(build<plan<std::vector<item_type>>>(list), indices,
                                             test::balanced_model(indices, list.tolerance).keepers);
  const auto expected_plans = converted<Plan>(expected.plans);
  const auto before = build<Plan>(list);
  const dcp::options settings{.keep = dcp::keep::balanced(list.tolerance)};

  auto plans = before;
  const dcp::duplicates found = dcp::find_duplicates(plans, settings);
  std::vector<std::vector<dcp::duplicate>> redundant;
  for (std::size_t rank = 0; rank != plans.size(); ++rank)
    redundant.emplace_back(found.in(rank).begin(), found.in(rank).end());
  REQUIRE(redundant == expected.redundant);

  REQUIRE(dcp::dedup_tensors(plans, settings) == expected_plans);
  REQUIRE(plans == before);

  auto erased = plans;
  dcp::erase_duplicates(erased, found);
  REQUIRE(erased == expected_plans);

  REQUIRE(dcp::dedup_tensors(std::move(plans), settings) == expected_plans);
}

template <class Plan>
void compare_lists(std::uint64_t first_seed, std::uint64_t count) {
  for (std::uint64_t seed = first_seed; seed != first_seed + count; ++seed) {
    INFO("seed " << seed);
    compare_with_model<Plan>(random_lists(seed).next());
  }
}

template <hashing Hashing, class Bytes = optional_bytes>
using items = std::vector<item<Hashing, Bytes>>;

}  // namespace

// What is promised, looked up in the list itself: no model takes part.
TEST_CASE("of 5000 random plan lists each index stays once, as the first of its items in a plan that had it") {
  for (std::uint64_t seed = 1'000'000; seed != 1'005'000; ++seed) {
    INFO("seed " << seed);
    const random_list list = random_lists(seed).next();
    const auto plans = build<plan<items<hashing::identity>>>(list);

    const dcp::duplicates found = dcp::find_duplicates(plans, {.keep = dcp::keep::balanced(list.tolerance)});
    const auto result = dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced(list.tolerance)});

    REQUIRE(result.size() == plans.size());
    std::map<std::uint32_t, std::size_t> keeper;
    for (std::size_t rank = 0; rank != result.size(); ++rank) {
      REQUIRE(result[rank].rank == rank);
      std::uint32_t least = 0;
      for (const auto& each : result[rank].items) {
        REQUIRE(keeper.emplace(each.index.value, rank).second);
        REQUIRE(each.number >= least);  // the order is kept
        least = each.number + 1;
        const auto& had = plans[rank].items;
        const auto first = std::find_if(had.begin(), had.end(), [&](const auto& it) { return it.index == each.index; });
        REQUIRE(first != had.end());
        REQUIRE(*first == each);
      }
    }
    REQUIRE(keeper.size() == list.bytes.size());  // none is lost
    for (std::size_t rank = 0; rank != plans.size(); ++rank)
      for (const dcp::duplicate& each : found.in(rank))
        REQUIRE(keeper.at(plans[rank].items[each.position].index.value) == each.keeper);
  }
}

TEST_CASE(
    "of 5000 random plan lists the largest plan is at most that of largest-first greedy, and the tolerance more") {
  for (std::uint64_t seed = 2'000'000; seed != 2'005'000; ++seed) {
    INFO("seed " << seed);
    const random_list list = random_lists(seed).next();
    const auto plans = build<plan<items<hashing::identity>>>(list);
    const std::uint64_t even = test::largest_first(indices_in(plans)).largest();
    for (const double tolerance : {0.0, 0.01, list.tolerance}) {
      std::uint64_t largest = 0;
      for (const auto& each : dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced(tolerance)})) {
        std::uint64_t bytes = 0;
        for (const auto& it : each.items) bytes += known_bytes(list, it.index.value);
        largest = std::max(largest, bytes);
      }
      REQUIRE(largest <= test::with_tolerance(even, tolerance));
    }
  }
}

TEST_CASE("10000 random plan lists are balanced as the reference model does it") {
  compare_lists<plan<items<hashing::identity>>>(3'000'000, 10'000);
}

TEST_CASE("3000 random plan lists each are balanced as the reference model does it, for hashes that clash") {
  compare_lists<plan<items<hashing::zero>>>(4'000'000, 3'000);
  compare_lists<plan<items<hashing::few_values>>>(5'000'000, 3'000);
}

TEST_CASE("2000 random plan lists each are balanced as the reference model does it, for items in other containers") {
  compare_lists<plan<std::deque<item<hashing::identity>>>>(6'000'000, 2'000);
  compare_lists<plan<std::list<item<hashing::identity>>>>(7'000'000, 2'000);
  compare_lists<plan<std::forward_list<item<hashing::few_values>>>>(8'000'000, 2'000);
  compare_lists<sparing_plan<items<hashing::identity>>>(9'000'000, 2'000);
  compare_lists<sparing_plan<std::list<item<hashing::zero>>>>(10'000'000, 2'000);
}

TEST_CASE("2000 random plan lists are balanced as the reference model does it, where the bytes are a plain number") {
  compare_lists<plan<items<hashing::identity, std::uint64_t>>>(11'000'000, 2'000);
}

TEST_CASE("the result does not depend on the hash") {
  for (std::uint64_t seed = 12'000'000; seed != 12'002'000; ++seed) {
    INFO("seed " << seed);
    const random_list list = random_lists(seed).next();
    const dcp::options settings{.keep = dcp::keep::balanced(list.tolerance)};
    const auto found = dcp::find_duplicates(build<plan<items<hashing::identity>>>(list), settings);
    REQUIRE(dcp::find_duplicates(build<plan<items<hashing::backwards>>>(list), settings) == found);
    REQUIRE(dcp::find_duplicates(build<plan<items<hashing::zero>>>(list), settings) == found);
  }
}

TEST_CASE("with no bound on the largest plan 2000 random plan lists are balanced as keep::first does it") {
  for (std::uint64_t seed = 13'000'000; seed != 13'002'000; ++seed) {
    INFO("seed " << seed);
    const auto plans = build<plan<items<hashing::identity>>>(random_lists(seed).next());
    const dcp::options settings{.keep = dcp::keep::balanced(std::numeric_limits<double>::max())};
    REQUIRE(dcp::dedup_tensors(plans, settings) == dcp::dedup_tensors(plans));
  }
}

TEST_CASE("balancing twice changes nothing more") {
  for (std::uint64_t seed = 14'000'000; seed != 14'002'000; ++seed) {
    INFO("seed " << seed);
    const random_list list = random_lists(seed).next();
    const dcp::options settings{.keep = dcp::keep::balanced(list.tolerance)};
    const auto once = dcp::dedup_tensors(build<plan<items<hashing::identity>>>(list), settings);
    REQUIRE(dcp::find_duplicates(once, settings).empty());
    REQUIRE(dcp::dedup_tensors(once, settings) == once);
  }
}
