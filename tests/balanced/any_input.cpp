// Thousands of random shared indices with holders and sizes of every kind. Whatever they are: each index stays with a
// holder, what belongs together does, the choice is the same each time, and no plan has more than it must. A case that
// fails is found again by its seed, which is printed.

#include <dcp/balanced.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <vector>

#include "../catch.hpp"
#include "../rounds.hpp"
#include "limit_model.hpp"

namespace balanced_any_input_test {

class random_indices {
 public:
  explicit random_indices(std::uint64_t seed) : engine_(seed) {}

  dcp::shared_indices next() {
    const std::size_t plans = 2 + below(12);
    dcp::shared_indices shared(plans);
    for (std::size_t plan = 0; plan != plans; ++plan)
      if (below(3) == 0) shared.add_own_bytes(plan, next_bytes(below(8)));
    const std::size_t kind = below(8);
    std::vector<std::vector<std::uint32_t>> sets(1 + below(8));
    for (auto& set : sets)
      while (set.size() < 2) {
        set.clear();
        for (std::uint32_t plan = 0; plan != plans; ++plan)
          if (below(2) == 0) set.push_back(plan);
      }
    for (std::size_t left = below(below(10) == 0 ? 400 : 40); left != 0; --left)
      shared.add(next_bytes(kind), sets[below(sets.size())]);
    return shared;
  }

 private:
  std::uint64_t next_bytes(std::size_t kind) {
    switch (kind) {
      case 0: return 8;                                                     // all are equal
      case 1: return below(4);                                              // some are of no bytes
      case 2: return below(3) == 0 ? 0 : below(100);                        // some are unknown
      case 3: return std::uint64_t{1} << below(40);                         // of all magnitudes
      case 4: return below(10) == 0 ? 1'000'000 : 1 + below(100);           // a few giants
      case 5: return (std::uint64_t{1} << 52) + below(1'000'000);           // a double does not tell sums of them apart
      case 6: return below(5) == 0 ? 1 + below(8) : 1'000'000 + below(10);  // small amid large
      default: return 1 + below(1000);
    }
  }

  // Not a standard distribution: those differ by standard library, and a seed should mean the same everywhere.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }

  std::mt19937_64 engine_;
};

TEST_CASE("whatever the indices, each stays with a holder, and the largest plan with what is possible") {
  for (std::uint64_t seed = 1; seed <= test::rounds(3000U); ++seed) {
    INFO("seed " << seed);
    const dcp::shared_indices shared = random_indices(seed).next();
    const std::uint64_t limit = test::limit_model(shared);
    constexpr double tolerances[] = {0, 0.01, 0.3, 5};
    const double tolerance = tolerances[seed % std::size(tolerances)];
    const std::vector<std::uint32_t> keepers = dcp::keep::balanced(tolerance)(shared);
    REQUIRE(keepers == dcp::keep::balanced(tolerance)(shared));
    REQUIRE(keepers.size() == shared.size());

    std::uint64_t largest_index = 0;
    std::vector<std::uint64_t> load;
    for (std::size_t plan = 0; plan != shared.plans(); ++plan) load.push_back(shared.own_bytes(plan));
    for (std::size_t index = 0; index != shared.size(); ++index) {
      const auto holders = shared.holders(index);
      REQUIRE(std::binary_search(holders.begin(), holders.end(), keepers[index]));
      load[keepers[index]] += shared.bytes(index);
      largest_index = std::max(largest_index, shared.bytes(index));
    }
    // An index is what a fraction is rounded to. (Much less than that, as a rule: see goals.cpp.)
    const std::uint64_t largest = shared.size() == 0 ? 0 : *std::max_element(load.begin(), load.end());
    REQUIRE(static_cast<double>(largest) <=
            static_cast<double>(limit) * (1 + tolerance) * 1.000001 + static_cast<double>(largest_index));

    // Of no bytes: with one plan all, if one has them all.
    std::vector<std::size_t> held(shared.plans());
    std::vector<std::size_t> unknown;
    for (std::size_t index = 0; index != shared.size(); ++index)
      if (shared.bytes(index) == 0) {
        unknown.push_back(index);
        for (const std::uint32_t plan : shared.holders(index)) ++held[plan];
      }
    if (std::find(held.begin(), held.end(), unknown.size()) != held.end())
      for (const std::size_t index : unknown) REQUIRE(keepers[index] == keepers[unknown.front()]);
  }
}

}  // namespace balanced_any_input_test
