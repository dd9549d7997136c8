// Frameworks keep a decision from one save to the next. Where the plans had changed since, though not in their sizes, an
// index was then written by nobody. Now each redundant item is compared with its kept item.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstdint>
#include <list>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"
#include "../policies.hpp"
#include "../rounds.hpp"

namespace decisions_kept_test {

using test::lines;
using test::plans_of;

template <class Plan = test::plan>
void require_refused(const lines& decided_for, const lines& others, const dcp::options& settings = {}) {
  const dcp::duplicates found = dcp::find_duplicates(plans_of<Plan>(decided_for), settings);
  auto plans = plans_of<Plan>(others);
  const auto before = plans;

  REQUIRE_THROWS_AS(dcp::erase_duplicates(plans, found), std::invalid_argument);
  REQUIRE(plans == before);
}

std::set<std::string> indices_of(const std::vector<test::plan>& plans) {
  std::set<std::string> indices;
  for (const test::plan& plan : plans)
    for (const test::item& item : plan.items) indices.insert(item.index);
  return indices;
}

TEST_CASE("a decision is carried out on the plans of the next save, whatever their data is now") {
  const dcp::duplicates kept = dcp::find_duplicates(plans_of({"a b", "b c a", "c"}));
  for (int save = 0; save != 3; ++save) {
    auto plans = plans_of({"a b", "b c a", "c"});
    for (test::plan& plan : plans)
      for (test::item& item : plan.items) item.data += 100 * save;

    dcp::erase_duplicates(plans, kept);

    REQUIRE(test::keys_of(plans) == lines{"a b", "c", ""});
  }
}

TEST_CASE("a redundant item with another index than before is refused, and nothing is changed") {
  require_refused({"a b", "b c"}, {"a b", "x c"});
  require_refused({"a b", "b c", "c"}, {"a b", "b c", "x"});
}

TEST_CASE("a kept item with another index than before is refused, and nothing is changed") {
  require_refused({"a b", "b c"}, {"a x", "b c"});
  require_refused({"a b", "b c"}, {"b a", "b c"});
}

TEST_CASE("a second item of a plan with another index than before is refused") {
  require_refused({"a b a"}, {"a b c"});
}

TEST_CASE("a policy's decision is compared with the kept items of the chosen plans") {
  require_refused({"a b", "b c", "b"}, {"a b", "b c", "x"}, {.keep = test::keep_last});
  require_refused({"a b", "b c", "b"}, {"a x", "b c", "b"}, {.keep = test::keep_last});
}

TEST_CASE("the last of many items is compared too, in any container") {
  lines before(2);
  for (int i = 0; i != 100; ++i) before[0] += std::to_string(i) + ' ', before[1] += std::to_string(i) + ' ';
  lines after = before;
  before[0] += "last", before[1] += "last";
  after[0] += "last", after[1] += "other";
  require_refused<test::plan>(before, after);
  require_refused<test::basic_plan<std::list<test::item>>>(before, after);
}

TEST_CASE("indices that one plan alone has may have changed") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of({"a b", "b c"}));
  auto plans = plans_of({"x b", "b y"});

  dcp::erase_duplicates(plans, found);

  REQUIRE(test::keys_of(plans) == lines{"x b", "y"});
}

TEST_CASE("whatever plans of the same sizes a decision is carried out on, no index is lost") {
  std::mt19937_64 engine(1);
  const auto below = [&](std::uint64_t bound) { return engine() % bound; };
  constexpr int rounds = test::rounds(20'000);
  int refused = 0;
  int erased = 0;
  for (int round = 0; round != rounds; ++round) {
    lines first(1 + below(3));
    for (std::string& line : first)
      for (std::uint64_t count = below(4); count != 0; --count) (line += static_cast<char>('a' + below(4))) += ' ';
    // One or two of the names are others now.
    lines second = first;
    for (std::uint64_t changes = 1 + below(2); changes != 0; --changes) {
      std::string& line = second[below(second.size())];
      if (!line.empty()) line[below(line.size() / 2) * 2] = static_cast<char>('a' + below(4));
    }
    const dcp::keep_policy policy = below(2) == 0 ? dcp::keep_policy() : test::keep_last;
    const dcp::duplicates found = dcp::find_duplicates(plans_of(first), {.keep = policy});
    auto plans = plans_of(second);
    const auto before = plans;
    try {
      dcp::erase_duplicates(plans, found);
      ++erased;
      REQUIRE(indices_of(plans) == indices_of(before));
    } catch (const std::invalid_argument&) {
      ++refused;
      REQUIRE(plans == before);
    }
  }
  REQUIRE(refused > rounds / 20);
  REQUIRE(erased > rounds / 20);
}

}  // namespace decisions_kept_test
