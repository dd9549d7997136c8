// What keep::balanced is for, measured over layouts in which some tensors are on few ranks: a largest plan near the
// limit, and long runs. The limit is that of a slow model.

#include <dcp/balanced.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "../catch.hpp"
#include "../rounds.hpp"
#include "layouts_of_few_holders.hpp"
#include "limit_model.hpp"

namespace balanced_goals_test {

using keepers = std::vector<std::uint32_t>;  // of each shared index

std::uint64_t largest_plan(const dcp::shared_indices& shared, const keepers& chosen) {
  std::vector<std::uint64_t> load;
  for (std::size_t plan = 0; plan != shared.plans(); ++plan) load.push_back(shared.own_bytes(plan));
  for (std::size_t index = 0; index != chosen.size(); ++index) {
    const auto holders = shared.holders(index);
    REQUIRE(std::binary_search(holders.begin(), holders.end(), chosen[index]));
    load[chosen[index]] += shared.bytes(index);
  }
  return *std::max_element(load.begin(), load.end());
}

// The mean length of the runs of neighbouring shared indices of a plan that have one keeper.
double mean_run(const dcp::shared_indices& shared, const keepers& chosen) {
  std::size_t items = 0;
  std::size_t runs = 0;
  std::vector<std::size_t> last(shared.plans(), shared.plans());
  for (std::size_t index = 0; index != chosen.size(); ++index)
    for (const std::uint32_t plan : shared.holders(index)) {
      ++items;
      if (last[plan] != chosen[index]) ++runs;
      last[plan] = chosen[index];
    }
  return static_cast<double>(items) / static_cast<double>(runs);
}

struct summary {
  double mean = 0;
  double worst = 0;
};

// Of the largest plan over the limit.
summary over_layouts(std::uint64_t first_seed, int count, double tolerance) {
  summary result;
  for (std::uint64_t seed = first_seed; seed != first_seed + static_cast<std::uint64_t>(count); ++seed) {
    const test::layout layout = test::layouts_of_few_holders(seed).next();
    INFO("seed " << seed << ": " << layout.name);
    const dcp::shared_indices shared = test::shared_indices_of(layout);
    const auto limit = static_cast<double>(test::limit_model(shared));
    const keepers chosen = dcp::keep::balanced(tolerance)(shared);
    REQUIRE(dcp::keep::balanced(tolerance)(shared) == chosen);
    const double ratio = static_cast<double>(largest_plan(shared, chosen)) / limit;
    CHECK(ratio >= 1);
    result.mean += ratio / count;
    result.worst = std::max(result.worst, ratio);
  }
  return result;
}

constexpr std::uint64_t first_seed = 1;
constexpr int layouts = test::rounds(250);

// Each index goes to its emptiest holder, in the order of `comes_before`.
template <class Order>
std::uint64_t largest_of_greedy(const dcp::shared_indices& shared, const Order& comes_before) {
  std::vector<std::size_t> order(shared.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), comes_before);
  std::vector<std::uint64_t> load;
  for (std::size_t plan = 0; plan != shared.plans(); ++plan) load.push_back(shared.own_bytes(plan));
  for (const std::size_t index : order) {
    const auto holders = shared.holders(index);
    const auto less = [&](std::uint32_t a, std::uint32_t b) { return load[a] < load[b]; };
    load[*std::min_element(holders.begin(), holders.end(), less)] += shared.bytes(index);
  }
  return *std::max_element(load.begin(), load.end());
}

TEST_CASE("without a tolerance the largest plan is at the limit, but for what the sizes do not allow") {
  const auto [mean, worst] = over_layouts(first_seed, layouts, 0);
  REQUIRE(mean <= 1.0005);
  REQUIRE(worst <= 1.02);
}

TEST_CASE("with the tolerance of 1 % the largest plan is little more than that over the limit") {
  const auto [mean, worst] = over_layouts(first_seed, layouts, 0.01);
  REQUIRE(mean <= 1.01);
  REQUIRE(worst <= 1.02);
}

TEST_CASE("a larger tolerance is kept to") {
  REQUIRE(over_layouts(first_seed + layouts, test::rounds(60), 0.05).worst <= 1.0501);
}

// Where sets of holders cross, moving or exchanging two pieces gets stuck: a chain of moves has to go on. The limit may be
// out of reach where indices are few, so the better of two greedy orders is what the result is compared with.
TEST_CASE("on meshes the largest plan is not larger than that of greedy orders") {
  for (const double tolerance : {0.0, 0.01}) {
    double mean = 0;
    for (std::uint64_t seed = 1; seed != 121; ++seed) {
      const test::layout layout = test::layouts_on_meshes(seed).next();
      INFO("seed " << seed << ": " << layout.name);
      const dcp::shared_indices shared = test::shared_indices_of(layout);
      const auto larger = [&](std::size_t a, std::size_t b) { return shared.bytes(a) > shared.bytes(b); };
      const auto fewer_holders = [&](std::size_t a, std::size_t b) {
        const std::size_t holders_a = shared.holders(a).size(), holders_b = shared.holders(b).size();
        return holders_a != holders_b ? holders_a < holders_b : larger(a, b);
      };
      const double greedy =
          static_cast<double>(std::min(largest_of_greedy(shared, larger), largest_of_greedy(shared, fewer_holders)));
      const double ratio = static_cast<double>(largest_plan(shared, dcp::keep::balanced(tolerance)(shared))) / greedy;
      CHECK(ratio <= 1.0021 + tolerance);
      mean += ratio / 120;
    }
    CHECK(mean <= 0.99);
  }
}

// 12 layers on 2 x 2 x 2 ranks: dense tensors are sharded along one dimension, experts along another, norms along none.
TEST_CASE("on a three-dimensional mesh of equal layers the largest plan is within 1 % of the limit") {
  const std::vector<std::vector<std::uint32_t>> dense{{0, 2, 4, 6}, {1, 3, 5, 7}};
  const std::vector<std::vector<std::uint32_t>> experts{{0, 1, 2, 3}, {4, 5, 6, 7}};
  const std::vector<std::uint32_t> all{0, 1, 2, 3, 4, 5, 6, 7};
  dcp::shared_indices shared(8);
  for (int layer = 0; layer != 12; ++layer) {
    for (const auto& holders : dense) shared.add(2048, holders);
    for (const auto& holders : experts) shared.add(4096, holders);
    shared.add(128, all);
    shared.add(4, all);
  }
  for (const double tolerance : {0.0, 0.01})
    CHECK(static_cast<double>(largest_plan(shared, dcp::keep::balanced(tolerance)(shared))) <=
          1.01 * static_cast<double>(test::limit_model(shared)));
}

TEST_CASE("items of 8 replicas stay together in long runs, whatever their sizes") {
  std::mt19937_64 engine(2024);
  const std::uint64_t transformer[] = {4194304, 1048576, 1048576, 4194304, 11534336, 11534336, 11534336, 4096, 4096};
  for (int kind = 0; kind != 4; ++kind) {
    INFO("kind " << kind);
    const std::vector<std::uint32_t> all{0, 1, 2, 3, 4, 5, 6, 7};
    dcp::shared_indices shared(all.size());
    for (std::size_t index = 0; index != 1000; ++index) {
      const std::uint64_t random = engine();
      switch (kind) {
        case 0: shared.add(transformer[index % 9], all); break;
        case 1: shared.add(1 + random % 1'000'000, all); break;
        case 2: shared.add(1 + (std::uint64_t{1} << random % 20), all); break;
        default: shared.add(index % 4 == 3 ? 4 : (index % 4 == 0 ? 8'388'608 : 16'777'216), all); break;
      }
    }
    const keepers chosen = dcp::keep::balanced(shared);
    CHECK(mean_run(shared, chosen) >= 20);
    CHECK(static_cast<double>(largest_plan(shared, chosen)) <= 1.012 * static_cast<double>(test::limit_model(shared)));
  }
}

}  // namespace balanced_goals_test
