// What is possible at best, as the summary has it: against all sets of plans, tried one by one.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "../../examples/balance_limit.hpp"
#include "../catch.hpp"

namespace balance_limit_test {

// Some plans must write what they alone hold, so one of them writes a mean part of it at least. The largest such mean is
// also enough (a minimum cut), where indices may be cut.
double slow_limit(const dcp::shared_indices& shared) {
  double limit = 0;
  for (std::size_t index = 0; index != shared.size(); ++index)
    limit = std::max(limit, static_cast<double>(shared.bytes(index)));
  for (unsigned plans = 1; plans < 1u << shared.plans(); ++plans) {
    double bytes = 0;
    int count = 0;
    for (std::size_t plan = 0; plan != shared.plans(); ++plan)
      if ((plans >> plan & 1) != 0) {
        bytes += static_cast<double>(shared.own_bytes(plan));
        ++count;
      }
    for (std::size_t index = 0; index != shared.size(); ++index) {
      const auto holders = shared.holders(index);
      if (std::all_of(holders.begin(), holders.end(), [&](std::uint32_t plan) { return (plans >> plan & 1) != 0; }))
        bytes += static_cast<double>(shared.bytes(index));
    }
    limit = std::max(limit, bytes / count);
  }
  return limit;
}

TEST_CASE("the limit of the balance is what the flow through the sets of holders allows") {
  std::mt19937 random(20260131);
  const auto below = [&](std::size_t end) { return static_cast<std::size_t>(random() % end); };
  for (int round = 0; round != 1000; ++round) {
    const std::size_t plans = 1 + below(8);
    dcp::shared_indices shared(plans);
    for (std::size_t plan = 0; plan != plans; ++plan)
      if (below(3) == 0) shared.add_own_bytes(plan, below(1000));
    for (std::size_t left = plans == 1 ? 0 : below(20); left != 0; --left) {
      std::set<std::uint32_t> holders;
      const std::size_t count = 2 + below(plans - 1);
      while (holders.size() != count) holders.insert(static_cast<std::uint32_t>(below(plans)));
      shared.add(below(below(4) == 0 ? 1000 : 100), std::vector<std::uint32_t>(holders.begin(), holders.end()));
    }
    const double expected = slow_limit(shared);
    REQUIRE(std::abs(balance_limit::of(shared) - expected) <= 1e-9 * expected);
  }
}

TEST_CASE("the limit of the balance is nothing where nothing is planned") {
  REQUIRE(balance_limit::of(dcp::shared_indices(0)) == 0);
  REQUIRE(balance_limit::of(dcp::shared_indices(3)) == 0);
}

TEST_CASE("the limit of the balance is the largest index, where that is more than an even spread") {
  dcp::shared_indices shared(4);
  shared.add(1000, std::vector<std::uint32_t>{0, 1, 2, 3});
  shared.add(10, std::vector<std::uint32_t>{0, 1, 2, 3});
  REQUIRE(balance_limit::of(shared) == 1000);
}

// Plan 0 has room for one of two sets. The set that comes second finds none, so each set of the chain moves on by a plan.
// To follow the chain by recursion took more stack than a thread has.
TEST_CASE("the limit of the balance is found along a chain of 100,000 sets of holders") {
  constexpr std::uint32_t sets = 100'000;
  dcp::shared_indices shared(sets + 2);
  for (std::uint32_t set = 0; set != sets; ++set) shared.add(100, std::vector<std::uint32_t>{set, set + 1});
  shared.add(100, std::vector<std::uint32_t>{0, sets + 1});
  shared.add_own_bytes(sets + 1, 100);
  REQUIRE(std::abs(balance_limit::of(shared) - 100) < 1e-6);
}

}  // namespace balance_limit_test
