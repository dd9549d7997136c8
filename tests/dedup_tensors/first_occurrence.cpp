// Which of several items stays: the first, plans in order, items in order. `data` shows which one it was.

#include <dcp/dedup_tensors.hpp>

#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace first_occurrence_test {

using test::plans_of;

using items = std::vector<test::item>;

TEST_CASE("of plans that name an index, the first keeps its item") {
  const auto result = dcp::dedup_tensors(plans_of({"x", "a", "a", "a"}));

  REQUIRE(result[1].items == items{{"a", 1}});
  REQUIRE(result[2].items.empty());
  REQUIRE(result[3].items.empty());
}

TEST_CASE("of items in one plan that have an index, the first stays") {
  const auto result = dcp::dedup_tensors(plans_of({"a b b a"}));

  REQUIRE(result[0].items == items{{"a", 0}, {"b", 1}});
}

TEST_CASE("plans come before items: the last item of a plan goes before the first of the next") {
  const auto result = dcp::dedup_tensors(plans_of({"b c a", "a b"}));

  REQUIRE(result[0].items == items{{"b", 0}, {"c", 1}, {"a", 2}});
  REQUIRE(result[1].items.empty());
}

TEST_CASE("where a plan repeats an index that an earlier plan has, it keeps none of the items") {
  const auto result = dcp::dedup_tensors(plans_of({"a", "a b a"}));

  REQUIRE(result[0].items == items{{"a", 0}});
  REQUIRE(result[1].items == items{{"b", 2}});
}

TEST_CASE("the keeper that is reported is the plan whose item stays") {
  const auto found = dcp::find_duplicates(plans_of({"", "a", "b a", "c c b a"}));

  REQUIRE(found.size() == 4);
  REQUIRE(*found.in(2).begin() == dcp::duplicate{1, 1, 0});
  const std::vector<dcp::duplicate> of_last{{1, 3, 0}, {2, 2, 0}, {3, 1, 0}};
  REQUIRE(std::ranges::equal(found.in(3), of_last));
}

// Replicas mostly list the same items in the same order. These do so but for what the second list of each pair shows;
// where the lists part, the items after that have to be found all the same.
TEST_CASE("a replica's items are found wherever its order parts from that of the first") {
  const auto left_in_second = [](const char* first, const char* second) {
    return dcp::dedup_tensors(plans_of({first, second}))[1].items;
  };
  REQUIRE(left_in_second("a b c d e", "a b c d e").empty());
  REQUIRE(left_in_second("a b c d e", "c d e").empty());
  REQUIRE(left_in_second("a b c d e", "e d c b a").empty());
  REQUIRE(left_in_second("a b c d e", "d e a b c").empty());
  REQUIRE(left_in_second("a b c d e", "a b c d e a b c d e").empty());
  REQUIRE(left_in_second("a b c d e", "a b x c d e") == items{{"x", 7}});
  REQUIRE(left_in_second("a b c d e", "x a b c d e y") == items{{"x", 5}, {"y", 11}});
  REQUIRE(left_in_second("a b c d e", "a b x y e") == items{{"x", 7}, {"y", 8}});
}

TEST_CASE("a third replica is matched with what the first two have, in whatever order") {
  const auto result = dcp::dedup_tensors(plans_of({"a b c", "a b d c e", "e d a b c f d"}));

  REQUIRE(result[1].items == items{{"d", 5}, {"e", 7}});
  REQUIRE(result[2].items == items{{"f", 13}});
}

}  // namespace first_occurrence_test
