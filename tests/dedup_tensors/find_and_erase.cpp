// The decision by itself, and carrying it out: `duplicates`, find_duplicates and erase_duplicates.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <list>
#include <stdexcept>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace find_and_erase_test {

using test::lines;
using test::plans_of;

std::vector<dcp::duplicate> list_of(const dcp::duplicates& found, std::size_t plan) {
  std::vector<dcp::duplicate> list;
  for (const dcp::duplicate& each : found.in(plan)) list.push_back(each);
  return list;
}

const lines some_plans{"a b c", "b x a", "", "c c y x"};

// That erasing is refused for these plans, with what was found in `some_plans`, and nothing changed.
template <class Plan>
void require_refused(const lines& others) {
  const dcp::duplicates found = dcp::find_duplicates(plans_of<Plan>(some_plans));
  auto plans = plans_of<Plan>(others);
  const auto before = plans;

  REQUIRE_THROWS_AS(dcp::erase_duplicates(plans, found), std::invalid_argument);
  REQUIRE(plans == before);
}

TEST_CASE("each redundant item is reported by its position and by the plan that keeps its index") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of(some_plans));

  REQUIRE(found.size() == 5);
  REQUIRE_FALSE(found.empty());
  REQUIRE(list_of(found, 0).empty());
  REQUIRE(list_of(found, 1) == std::vector<dcp::duplicate>{{.position = 0, .keeper = 0, .keeper_position = 1},
                                                           {.position = 2, .keeper = 0, .keeper_position = 0}});
  REQUIRE(list_of(found, 2).empty());
  REQUIRE(list_of(found, 3) == std::vector<dcp::duplicate>{{0, 0, 2}, {1, 0, 2}, {3, 1, 1}});
}

TEST_CASE("a plan that names an index twice is itself the keeper") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of({"x", "a b a a"}));

  REQUIRE(list_of(found, 1) == std::vector<dcp::duplicate>{{.position = 2, .keeper = 1, .keeper_position = 0},
                                                           {.position = 3, .keeper = 1, .keeper_position = 0}});
}

TEST_CASE("where nothing is redundant, the decision is empty but has all plans") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of({"a", "", "b"}));

  REQUIRE(found.size() == 0);
  REQUIRE(found.empty());
  for (std::size_t plan = 0; plan != 3; ++plan) REQUIRE(found.in(plan).empty());
}

TEST_CASE("the decision knows how many plans and items it was made for") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of(some_plans));

  REQUIRE(found.plans() == 4);
  REQUIRE(found.items(0) == 3);
  REQUIRE(found.items(2) == 0);
  REQUIRE(found.items(3) == 4);
}

TEST_CASE("asking for a plan that was not there throws std::out_of_range") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of({"a", "a"}));

  REQUIRE_NOTHROW(found.in(1));
  REQUIRE_THROWS_AS(found.in(2), std::out_of_range);
  REQUIRE_THROWS_AS(found.in(static_cast<std::size_t>(-1)), std::out_of_range);
  REQUIRE_THROWS_AS(found.items(2), std::out_of_range);
  REQUIRE_THROWS_AS(found.kept_item(2, 0), std::out_of_range);
  REQUIRE_THROWS_AS(found.kept_item(1, 1), std::out_of_range);
  REQUIRE_THROWS_AS(found.is_redundant(2, 0), std::out_of_range);
  REQUIRE_THROWS_AS(found.is_redundant(1, static_cast<std::size_t>(-1)), std::out_of_range);
  const dcp::duplicates none;
  REQUIRE(none.plans() == 0);
  REQUIRE(none.empty());
  REQUIRE_THROWS_AS(none.in(0), std::out_of_range);
}

TEST_CASE("a decision is a value: equal ones compare equal, a copy stands for itself") {
  auto plans = plans_of(some_plans);
  const dcp::duplicates found = dcp::find_duplicates(plans);
  const dcp::duplicates copy = found;
  plans.clear();

  REQUIRE(copy == found);
  REQUIRE(copy == dcp::find_duplicates(plans_of(some_plans)));
  REQUIRE_FALSE(copy == dcp::find_duplicates(plans_of({"a b c", "b x a", "", "c c y z"})));
  REQUIRE_FALSE(copy == dcp::find_duplicates(plans_of({"a b c", "b x a", "z", "c c y x"})));
  REQUIRE_FALSE(copy == dcp::find_duplicates(plans_of({"a b c", "b x a", "", "c c y x", ""})));
  REQUIRE_FALSE(copy == dcp::duplicates());
  REQUIRE(dcp::find_duplicates(plans_of({"a", "b"})) == dcp::find_duplicates(plans_of({"x", "y"})));
  REQUIRE_FALSE(dcp::find_duplicates(plans_of({"a b", "c"})) == dcp::find_duplicates(plans_of({"a", "c"})));
  REQUIRE_FALSE(dcp::find_duplicates(plans_of({"a", "c"})) == dcp::find_duplicates(plans_of({"a b", "c"})));
}

TEST_CASE("finding and erasing together are dedup_tensors") {
  auto plans = plans_of(some_plans);
  const auto expected = dcp::dedup_tensors(plans);

  dcp::erase_duplicates(plans, dcp::find_duplicates(plans));

  REQUIRE(plans == expected);
}

TEST_CASE("a decision can be carried out on other plans of the same shape, on another rank's copy for instance") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of(some_plans));
  auto elsewhere = plans_of<test::basic_plan<std::list<test::item>>>(some_plans);

  dcp::erase_duplicates(elsewhere, found);

  REQUIRE(test::keys_of(elsewhere) == lines{"a b c", "x", "", "y"});
}

TEST_CASE("an empty decision is carried out on plans without duplicates, and on no plans") {
  auto plans = plans_of({"a", "b"});
  const auto before = plans;
  dcp::erase_duplicates(plans, dcp::find_duplicates(plans));
  REQUIRE(plans == before);

  std::vector<test::plan> none;
  dcp::erase_duplicates(none, dcp::duplicates());
  REQUIRE(none.empty());
}

TEST_CASE("erasing from a plan more or less throws std::invalid_argument and changes nothing") {
  require_refused<test::plan>({"a b c", "b x a", ""});
  require_refused<test::plan>({"a b c", "b x a", "", "c c y x", ""});
  require_refused<test::plan>({});
}

TEST_CASE("erasing from plans with an item more or less throws std::invalid_argument and changes nothing") {
  require_refused<test::plan>({"a b c", "b x a", "", "c c y"});
  require_refused<test::plan>({"a b c", "b x a", "", "c c y x z"});
  require_refused<test::plan>({"a b", "b x a", "", "c c y x"});
  require_refused<test::plan>({"a b c", "b x a", "z", "c c y x"});
  // As many items in all, in other plans.
  require_refused<test::plan>({"a b c", "b x", "a", "c c y x"});
}

TEST_CASE("where items are counted one by one, a wrong number is found before anything changes too") {
  require_refused<test::basic_plan<std::list<test::item>>>({"a b c", "b x a", "", "c c y"});
}

TEST_CASE("a decision is not carried out a second time on what it has shortened") {
  auto plans = plans_of(some_plans);
  const dcp::duplicates found = dcp::find_duplicates(plans);
  dcp::erase_duplicates(plans, found);
  const auto once = plans;

  REQUIRE_THROWS_AS(dcp::erase_duplicates(plans, found), std::invalid_argument);
  REQUIRE(plans == once);
}

}  // namespace find_and_erase_test
