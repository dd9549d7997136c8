// The hook for the choice of keepers: what a policy sees, what it may answer, and that nothing is changed before its
// answer is known to be good.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"
#include "../policies.hpp"

namespace own_policies_test {

using test::keys_of;
using test::lines;
using test::plans_of;

using keepers = std::vector<std::uint32_t>;

struct sized_item {
  std::string index;
  std::optional<std::uint64_t> bytes;
  [[nodiscard]] std::optional<std::uint64_t> storage_size() const { return bytes; }
};
struct sized_plan {
  std::vector<sized_item> items;
};

keepers list_of(std::span<const std::uint32_t> holders) { return {holders.begin(), holders.end()}; }

TEST_CASE("a policy sees the indices that several plans have, in the order in which they first occur") {
  const std::vector<sized_plan> plans{{{{"own", 3}, {"a", 10}, {"b", {}}}},
                                      {{{"c", 5}, {"b", {}}, {"a", 10}, {"own 1", 7}, {"own 1", 7}}},
                                      {{{"c", 5}, {"b", {}}}}};
  std::size_t calls = 0;
  const auto policy = [&](const dcp::shared_indices& shared) {
    ++calls;
    REQUIRE(shared.size() == 3);
    REQUIRE(shared.plans() == 3);
    REQUIRE(shared.bytes_known());
    REQUIRE(list_of(shared.holders(0)) == keepers{0, 1});     // a
    REQUIRE(list_of(shared.holders(1)) == keepers{0, 1, 2});  // b
    REQUIRE(list_of(shared.holders(2)) == keepers{1, 2});     // c
    REQUIRE(shared.bytes(0) == 10);
    REQUIRE(shared.bytes(1) == 0);
    REQUIRE(shared.bytes(2) == 5);
    REQUIRE(shared.own_bytes(0) == 3);
    REQUIRE(shared.own_bytes(1) == 7);
    REQUIRE(shared.own_bytes(2) == 0);
    return keepers{1, 0, 2};
  };

  const auto result = dcp::dedup_tensors(plans, {.keep = policy});
  REQUIRE(calls == 1);
  REQUIRE(keys_of(result) == lines{"own b", "a own 1", "c"});
}

TEST_CASE("a policy is told where the items' type does not tell their bytes") {
  std::optional<bool> known;
  static_cast<void>(dcp::find_duplicates(plans_of({"a", "a"}), {.keep = [&](const dcp::shared_indices& shared) {
                                           known = shared.bytes_known();
                                           return test::keep_last(shared);
                                         }}));
  REQUIRE(known == false);
}

TEST_CASE("a decision by a policy names the item that stays: the first of the index in the plan that keeps it") {
  const auto found = dcp::find_duplicates(plans_of({"a b", "b x a a"}), {.keep = test::keep_last});
  REQUIRE(std::vector(found.in(0).begin(), found.in(0).end()) == std::vector<dcp::duplicate>{{0, 1, 2}, {1, 1, 0}});
  REQUIRE(std::vector(found.in(1).begin(), found.in(1).end()) == std::vector<dcp::duplicate>{{3, 1, 2}});
}

TEST_CASE("what no policy may answer is refused before anything is changed") {
  const auto refused = [](const dcp::keep_policy& policy) {
    auto plans = plans_of({"a b", "b c", "c"});
    const auto before = plans;
    REQUIRE_THROWS_AS(dcp::find_duplicates(plans, {.keep = policy}), std::invalid_argument);
    REQUIRE_THROWS_AS(dcp::dedup_tensors(plans, {.keep = policy}), std::invalid_argument);
    REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), {.keep = policy}), std::invalid_argument);
    REQUIRE(plans == before);
  };
  refused([](const dcp::shared_indices&) { return keepers{0}; });
  refused([](const dcp::shared_indices&) { return keepers{0, 1, 2}; });
  refused([](const dcp::shared_indices&) { return keepers{2, 1}; });  // b is not in plan 2
  refused([](const dcp::shared_indices&) { return keepers{0, 3}; });  // there is no plan 3
  refused([](const dcp::shared_indices&) { return keepers{0, ~0U}; });
}

TEST_CASE("what a policy throws reaches the caller, and nothing is changed") {
  const auto throwing = [](const dcp::shared_indices&) -> keepers { throw std::domain_error("no choice"); };
  auto plans = plans_of({"a b", "b c"});
  const auto before = plans;
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), {.keep = throwing}), std::domain_error);
  REQUIRE(plans == before);
}

TEST_CASE("keep::first is no policy that is called") {
  REQUIRE_FALSE(dcp::keep_policy());
  REQUIRE_FALSE(dcp::keep_policy(dcp::keep::first));
  REQUIRE(dcp::keep_policy(test::keep_last));
  REQUIRE(keys_of(dcp::dedup_tensors(plans_of({"a b", "b c"}), {.keep = dcp::keep::first})) == lines{"a b", "c"});
}

TEST_CASE("the bytes of a plan are counted up to 2^64 - 1, and refused from there on") {
  dcp::shared_indices shared(1);
  shared.add_own_bytes(0, ~std::uint64_t{0} - 5);
  shared.add_own_bytes(0, 5);
  REQUIRE(shared.own_bytes(0) == ~std::uint64_t{0});
  REQUIRE_THROWS_AS(shared.add_own_bytes(0, 1), std::overflow_error);
  REQUIRE(shared.own_bytes(0) == ~std::uint64_t{0});
}

TEST_CASE("by the same policy, deduplicating twice changes nothing") {
  const auto once = dcp::dedup_tensors(plans_of({"a b c", "b x", "c a"}), {.keep = test::keep_last});
  REQUIRE(dcp::dedup_tensors(once, {.keep = test::keep_last}) == once);
}

}  // namespace own_policies_test
