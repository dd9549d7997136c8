// keep::balanced by examples that can be checked by hand: what belongs together, ties, the tolerance, and sizes that
// are zero, of one giant, past 2^63 and past 2^64.

#include <dcp/balanced.hpp>

#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "../catch.hpp"

namespace balanced_keepers_test {

using plans = std::vector<std::uint32_t>;

struct shared_index {
  std::uint64_t bytes;
  plans holders;
};

dcp::shared_indices shared_of(const std::vector<std::uint64_t>& own_bytes, const std::vector<shared_index>& indices) {
  dcp::shared_indices shared(own_bytes.size());
  for (std::size_t plan = 0; plan != own_bytes.size(); ++plan) shared.add_own_bytes(plan, own_bytes[plan]);
  for (const shared_index& each : indices) shared.add(each.bytes, each.holders);
  return shared;
}

const plans both{0, 1};
const plans three{0, 1, 2};
constexpr std::uint64_t two_to_63 = std::uint64_t{1} << 63;

// The bytes of each plan.
std::vector<std::uint64_t> loads(const dcp::shared_indices& shared, const plans& keepers) {
  std::vector<std::uint64_t> result;
  for (std::size_t plan = 0; plan != shared.plans(); ++plan) result.push_back(shared.own_bytes(plan));
  for (std::size_t i = 0; i != keepers.size(); ++i) result[keepers[i]] += shared.bytes(i);
  return result;
}

using bytes = std::vector<std::uint64_t>;

// ----------------------------------------------------------------------------------------------------- who writes what

TEST_CASE("what plans have in common is shared between them, in the order of the indices") {
  const std::vector<shared_index> eight(8, {10, both});
  REQUIRE(dcp::keep::balanced(shared_of({0, 0}, eight)) == plans{0, 0, 0, 0, 1, 1, 1, 1});
  REQUIRE(dcp::keep::balanced(shared_of({0, 0, 0}, {{10, three}, {10, three}, {10, three}})) == plans{0, 1, 2});
}

TEST_CASE("what one plan alone has counts") {
  REQUIRE(dcp::keep::balanced(shared_of({20, 0}, {{10, both}, {10, both}})) == plans{1, 1});
  REQUIRE(dcp::keep::balanced(shared_of({0, 20}, {{10, both}, {10, both}})) == plans{0, 0});
}

TEST_CASE("what few hold leaves them no room for what all hold") {
  // Largest first gives the first to plan 0: then two of three write nothing, or little.
  const plans outer{0, 2};
  const auto shared = shared_of({0, 0, 0}, {{9, three}, {9, outer}, {9, outer}});
  REQUIRE(dcp::keep::balanced(shared)[0] == 1);
  REQUIRE(loads(shared, dcp::keep::balanced(shared)) == bytes{9, 9, 9});
}

TEST_CASE("bytes make room for others along a chain of plans") {
  // Only plan 3 has room for more, and shares nothing with plan 0, which has too much.
  const auto shared = shared_of({10, 0, 0, 0}, {{10, {0, 1}}, {10, {1, 2}}, {10, {2, 3}}});
  REQUIRE(dcp::keep::balanced(shared) == plans{1, 2, 3});
}

// On 2 x 2 ranks experts are replicated along one dimension and dense tensors along the other. Keepers of the first
// tensors in the order of the ranks leave no single move, and no exchange of two, that makes the largest plan smaller.
TEST_CASE("where sets of holders cross, plans write as much each") {
  std::vector<shared_index> indices;
  for (int layer = 0; layer != 2; ++layer)
    indices.insert(indices.end(), {{8, {0, 1}}, {4, {0, 2}}, {4, {1, 3}}, {8, {2, 3}}});
  for (const double tolerance : {0.0, 0.01}) {
    const auto shared = shared_of({0, 0, 0, 0}, indices);
    REQUIRE(loads(shared, dcp::keep::balanced(tolerance)(shared)) == bytes{12, 12, 12, 12});
  }
}

TEST_CASE("several small pieces make room for a large one") {
  // Plan 2 can take nothing of plan 0: plan 1 has to give it both of its pieces to take one from plan 0.
  const auto shared = shared_of({6, 0, 0}, {{6, {0, 1}}, {3, {1, 2}}, {3, {1, 2}}});
  REQUIRE(loads(shared, dcp::keep::balanced(0)(shared)) == bytes{6, 6, 6});
}

// 65,536 plans that own as much each, and one index that all share: no step may look at each pair of plans.
TEST_CASE("many plans of equal size share one index") {
  constexpr std::uint32_t count = 65'536;
  plans all(count);
  std::iota(all.begin(), all.end(), 0U);
  dcp::shared_indices shared(count);
  for (std::uint32_t plan = 0; plan != count; ++plan) shared.add_own_bytes(plan, 1'000'000);
  shared.add(200'000, all);
  REQUIRE(dcp::keep::balanced(shared) == plans{0});
}

TEST_CASE("where nothing can be gained by more plans, one of them keeps all") {
  REQUIRE(dcp::keep::balanced(shared_of({0, 0, 50}, {{10, both}, {10, both}, {10, both}})) == plans{0, 0, 0});
}

// ----------------------------------------------------------------------------------------------- what belongs together

TEST_CASE("without small indices, unknown bytes stay with the lowest plan that holds them all") {
  const auto shared =
      shared_of({0, 0, 0}, {{0, three}, {10, three}, {0, {1, 2}}, {10, three}, {0, three}, {10, three}});
  const plans keepers = dcp::keep::balanced(shared);
  REQUIRE(plans{keepers[0], keepers[2], keepers[4]} == plans{1, 1, 1});
}

TEST_CASE("where no plan holds all indices of unknown bytes, the lowest of each set of holders keeps its own") {
  REQUIRE(dcp::keep::balanced(shared_of({0, 0, 0, 0}, {{0, {2, 3}}, {0, both}, {0, {2, 3}}})) == plans{2, 0, 2});
}

TEST_CASE("where all bytes are unknown one plan keeps all") {
  REQUIRE(dcp::keep::balanced(shared_of({0, 0}, {{0, both}, {0, both}, {0, both}})) == plans{0, 0, 0});
  REQUIRE(dcp::keep::balanced(shared_of({7, 0}, {{0, both}, {0, both}})) == plans{0, 0});
}

TEST_CASE("small indices of the same holders stay with one plan, wherever they stand") {
  std::vector<shared_index> indices;
  for (int i = 0; i != 6; ++i) {
    for (int large = 0; large != 10; ++large) indices.push_back({1'000'000, three});
    indices.push_back({16, three});
    indices.push_back({5056, three});
  }
  for (const double tolerance : {0.0, 0.01, 0.05}) {
    const plans keepers = dcp::keep::balanced(tolerance)(shared_of({0, 0, 0}, indices));
    for (std::size_t i = 0; i != indices.size(); ++i)
      if (indices[i].bytes < 1'000'000) REQUIRE(keepers[i] == keepers[10]);
  }
}

TEST_CASE("small indices do not stay together where this would put the largest plan over the tolerance") {
  // Each alone would be small; together they are 6 % of what a plan owns.
  const std::vector<shared_index> indices(12, {256, both});
  const auto shared = shared_of({49'152, 49'152}, indices);
  for (const double tolerance : {0.0, 0.01})
    REQUIRE(loads(shared, dcp::keep::balanced(tolerance)(shared)) == bytes{50'688, 50'688});
  const plans together = dcp::keep::balanced(0.05)(shared);
  REQUIRE(together == plans(12, together.front()));
}

TEST_CASE("indices of unknown bytes stay with the small indices of the same holders") {
  // As a Llama on 2 x 2 ranks: what tensor parallelism shards, norms and steps that all have, and one object.
  std::vector<shared_index> indices;
  for (int layer = 0; layer != 20; ++layer)
    indices.insert(indices.end(), {{9'000'000, {0, 2}}, {9'000'000, {1, 3}}, {8192, {0, 1, 2, 3}}});
  indices.push_back({0, {0, 1, 2, 3}});
  const plans keepers = dcp::keep::balanced(shared_of({500'000'000, 0, 0, 0}, indices));  // plan 0 has no room
  for (std::size_t i = 0; i != indices.size(); ++i)
    if (indices[i].holders.size() == 4) REQUIRE(keepers[i] == keepers.back());
}

TEST_CASE("small indices amid large ones everywhere stay with the one before: else no run would be long") {
  std::vector<shared_index> indices;
  for (int i = 0; i != 300; ++i) indices.insert(indices.end(), {{1'000'000, three}, {16, three}, {5056, three}});
  const plans keepers = dcp::keep::balanced(shared_of({0, 0, 0}, indices));
  for (std::size_t i = 0; i != keepers.size(); i += 3)
    REQUIRE((keepers[i + 1] == keepers[i] && keepers[i + 2] == keepers[i]));
}

// ----------------------------------------------------------------------------------------------------------- tolerance

TEST_CASE("the tolerance is what the largest plan may have more") {
  const auto shared = shared_of({0, 0}, {{100, both}, {60, both}, {10, both}, {10, both}, {10, both}, {10, both}});
  for (const double tolerance : {0.0, 0.09, 0.1, 0.5, 1.0}) {
    const bytes reached = loads(shared, dcp::keep::balanced(tolerance)(shared));
    REQUIRE(static_cast<double>((std::max)(reached[0], reached[1])) <= 100 * (1 + tolerance) + 1e-6);
  }
  REQUIRE(loads(shared, dcp::keep::balanced(0)(shared)) == bytes{100, 100});
}

TEST_CASE("the smallest tolerance is none, and with the largest the lowest holder keeps all") {
  const auto shared = shared_of({0, 0, 0}, {{100, both}, {99, both}, {1, both}, {7, {1, 2}}});
  const plans none = dcp::keep::balanced(0)(shared);
  REQUIRE(dcp::keep::balanced(-0.0)(shared) == none);
  REQUIRE(dcp::keep::balanced(std::numeric_limits<double>::denorm_min())(shared) == none);
  for (const double all : {100.0, 1e30, std::numeric_limits<double>::max()})
    REQUIRE(dcp::keep::balanced(all)(shared) == plans{0, 0, 0, 1});
}

TEST_CASE("a tolerance that is negative or not finite is refused") {
  using limits = std::numeric_limits<double>;
  for (const double wrong : {-1.0, -0.01, -limits::denorm_min(), limits::quiet_NaN(), -limits::quiet_NaN(),
                             limits::infinity(), -limits::infinity()}) {
    INFO(wrong);
    REQUIRE_THROWS_AS(dcp::keep::balanced(wrong), std::invalid_argument);
  }
  STATIC_REQUIRE(std::is_same_v<decltype(dcp::keep::balanced(0.5)), dcp::keep::balanced_policy>);
}

// -------------------------------------------------------------------------------------------------------------- limits

TEST_CASE("without plans or without shared indices there is nothing to choose") {
  REQUIRE(dcp::keep::balanced(dcp::shared_indices(0)).empty());
  REQUIRE(dcp::keep::balanced(dcp::shared_indices(3)).empty());
  REQUIRE(dcp::keep::balanced(dcp::shared_indices(3, false)).empty());
}

TEST_CASE("items that do not tell their bytes are refused") {
  dcp::shared_indices shared(2, false);
  shared.add(0, both);
  REQUIRE_THROWS_AS(dcp::keep::balanced(shared), std::invalid_argument);
}

TEST_CASE("a giant leaves its plan nothing else to write") {
  std::vector<shared_index> indices(20, {1000, both});
  indices.insert(indices.begin() + 7, {1'000'000, both});
  const plans keepers = dcp::keep::balanced(0)(shared_of({0, 0}, indices));
  for (std::size_t i = 0; i != keepers.size(); ++i) REQUIRE((keepers[i] == keepers[7]) == (i == 7));
}

TEST_CASE("sums are right up to 2^64 - 1 bytes") {
  const auto shared = shared_of({0, 0}, {{two_to_63, both}, {two_to_63 / 2, both}, {two_to_63 / 2 - 1, both}});
  for (const double tolerance : {0.0, 0.01}) {
    const plans keepers = dcp::keep::balanced(tolerance)(shared);
    REQUIRE(keepers[1] != keepers[0]);
    REQUIRE(keepers[2] != keepers[0]);
  }
  for (const double tolerance : {1.0, 2.0, 1e300}) REQUIRE(dcp::keep::balanced(tolerance)(shared).size() == 3);
  REQUIRE(dcp::keep::balanced(0)(shared_of({two_to_63, two_to_63 - 2}, {{1, both}})) == plans{1});
}

TEST_CASE("2^64 bytes or more are refused") {
  REQUIRE_THROWS_AS(dcp::keep::balanced(shared_of({0, 0}, {{two_to_63, both}, {two_to_63, both}})),
                    std::overflow_error);
  REQUIRE_THROWS_AS(dcp::keep::balanced(shared_of({two_to_63, two_to_63 - 1}, {{1, both}})), std::overflow_error);
}

TEST_CASE("of equals the lowest plan and the first index come first, each time") {
  const std::vector<shared_index> indices(12, {7, three});
  const plans keepers = dcp::keep::balanced(shared_of({0, 0, 0}, indices));
  REQUIRE(keepers == plans{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
}

}  // namespace balanced_keepers_test
