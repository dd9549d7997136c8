// What a decision says of itself, however it was found: the same for the same plans, item by item, and a range for each
// plan's redundant items that the standard's algorithms take.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"
#include "../policies.hpp"

namespace decision_test {

using test::lines;
using test::plans_of;
using list = std::vector<dcp::duplicate>;
using range = decltype(std::declval<const dcp::duplicates&>().in(0));

static_assert(std::regular<dcp::duplicates>);
static_assert(std::is_nothrow_move_constructible_v<dcp::duplicates>);
static_assert(std::regular<dcp::item_place> && std::same_as<decltype(dcp::item_place::plan), std::uint32_t> &&
              std::same_as<decltype(dcp::item_place::position), std::uint32_t>);
static_assert(std::regular<dcp::duplicate>);

static_assert(std::ranges::forward_range<range> && std::ranges::forward_range<const range>);
static_assert(std::ranges::sized_range<const range>);
static_assert(std::ranges::common_range<const range>);
static_assert(std::same_as<std::ranges::range_value_t<range>, dcp::duplicate>);
static_assert(std::same_as<std::ranges::range_reference_t<range>, dcp::duplicate>);  // by value

template <class Decision>
concept shows_redundant_items = requires(Decision&& found) { std::forward<Decision>(found).in(0); };
static_assert(shows_redundant_items<dcp::duplicates&> && shows_redundant_items<const dcp::duplicates&>);
static_assert(!shows_redundant_items<dcp::duplicates> && !shows_redundant_items<const dcp::duplicates>);

struct sized_item {
  std::string index;
  std::uint64_t storage_size = 0;
  friend bool operator==(const sized_item&, const sized_item&) = default;
};
struct sized_plan {
  std::vector<sized_item> items;
  friend bool operator==(const sized_plan&, const sized_plan&) = default;
};

// Says the same in every way that there is to ask.
void require_consistent(const dcp::duplicates& found) {
  std::size_t count = 0;
  for (std::size_t plan = 0; plan != found.plans(); ++plan) {
    list expected;
    for (std::uint32_t position = 0; position != found.items(plan); ++position) {
      const dcp::item_place kept = found.kept_item(plan, position);
      const bool is_kept = kept == dcp::item_place{static_cast<std::uint32_t>(plan), position};
      REQUIRE(found.is_redundant(plan, position) == !is_kept);
      REQUIRE(found.kept_item(kept.plan, kept.position) == kept);
      REQUIRE_FALSE(found.is_redundant(kept.plan, kept.position));
      if (!is_kept) expected.push_back({position, kept.plan, kept.position});
    }
    const auto redundant = found.in(plan);
    REQUIRE(list(redundant.begin(), redundant.end()) == expected);
    REQUIRE(redundant.size() == expected.size());
    REQUIRE(redundant.empty() == expected.empty());
    REQUIRE((redundant.begin() == redundant.end()) == expected.empty());
    REQUIRE_THROWS_AS(found.kept_item(plan, found.items(plan)), std::out_of_range);
    REQUIRE_THROWS_AS(found.is_redundant(plan, found.items(plan)), std::out_of_range);
    count += expected.size();
  }
  REQUIRE(found.size() == count);
  REQUIRE(found.empty() == (count == 0));
  REQUIRE_THROWS_AS(found.in(found.plans()), std::out_of_range);
  REQUIRE_THROWS_AS(found.items(found.plans()), std::out_of_range);
  REQUIRE_THROWS_AS(found.kept_item(found.plans(), 0), std::out_of_range);
  REQUIRE_THROWS_AS(found.is_redundant(found.plans(), 0), std::out_of_range);
}

TEST_CASE("a default-constructed decision is that for no plans") {
  const dcp::duplicates none;
  require_consistent(none);
  REQUIRE(none.plans() == 0);
  REQUIRE(none == dcp::duplicates());
  REQUIRE(none == dcp::find_duplicates(std::vector<test::plan>()));
  REQUIRE_FALSE(none == dcp::find_duplicates(plans_of({""})));
}

TEST_CASE("a decision says the same, whether it is asked for a plan, an item or its kept item") {
  for (const lines& keys : {lines{"a b c", "b x a", "", "c c y x"}, lines{"a b c", "a b c", "a b c"},
                            lines{"a b c d", "b c", "d c b a", "a a"}, lines{"a", "b", "c"}, lines{"", "", ""}})
    for (const dcp::keep_policy& keep : {dcp::keep_policy(), dcp::keep_policy(test::keep_last)})
      require_consistent(dcp::find_duplicates(plans_of(keys), {.keep = keep}));
}

TEST_CASE("a plan without redundant items says so, between others that have some") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of({"a b", "c d", "b a"}));
  REQUIRE(found.in(0).empty());
  REQUIRE(found.in(1).empty());
  REQUIRE(found.in(2).size() == 2);
  REQUIRE(found.kept_item(1, 1) == dcp::item_place{1, 1});
  REQUIRE(found.kept_item(2, 0) == dcp::item_place{0, 1});
}

// The ids of the items number the indices in the order in which they occur, and so differ; a plan that repeats an
// earlier one has none of its own. What is decided is the same.
TEST_CASE("decisions are equal where every item has the same kept item, however they were found") {
  // Both keep plan 1's "a" and "b": because plan 0's are empty, and by a policy.
  const auto sized = [](std::uint64_t first, std::uint64_t second) {
    return std::vector<sized_plan>{{{{"a", first}, {"b", first}}}, {{{"a", second}, {"b", second}}}};
  };
  const dcp::duplicates by_size = dcp::find_duplicates(sized(0, 4));
  const dcp::duplicates by_policy = dcp::find_duplicates(sized(4, 4), {.keep = test::keep_last});
  REQUIRE(by_size == by_policy);
  REQUIRE_FALSE(by_size == dcp::find_duplicates(sized(4, 4)));

  // Plan 2 repeats plan 1 with other keys, of which one is new to all.
  const dcp::duplicates stretch = dcp::find_duplicates(plans_of({"x", "a b c", "a b c"}), {.keep = test::keep_last});
  const dcp::duplicates backwards = dcp::find_duplicates(plans_of({"y", "p q r", "p q r"}), {.keep = test::keep_last});
  REQUIRE(stretch == backwards);

  // In a list and in a vector.
  REQUIRE(dcp::find_duplicates(plans_of<test::basic_plan<std::list<test::item>>>({"a b c", "c a"})) ==
          dcp::find_duplicates(plans_of({"k l m", "m k"})));

  // Of two decisions in which all is the same but one kept item, and that of the same plan.
  REQUIRE_FALSE(dcp::find_duplicates(plans_of({"a b", "a b"})) == dcp::find_duplicates(plans_of({"a b", "b a"})));
  REQUIRE_FALSE(dcp::find_duplicates(plans_of({"a a", "a"})) ==
                dcp::find_duplicates(plans_of({"a a", "a"}), {.keep = test::keep_last}));
}

TEST_CASE("a decision is copied and moved with all that it says") {
  dcp::duplicates found = dcp::find_duplicates(plans_of({"a b c", "b x a", "c"}));
  const dcp::duplicates copy = found;
  const dcp::duplicates moved = std::move(found);
  REQUIRE(moved == copy);
  require_consistent(moved);
  found = copy;
  REQUIRE(found == moved);
  found = dcp::duplicates();
  require_consistent(found);
  require_consistent(copy);
}

TEST_CASE("the standard's algorithms take the redundant items of a plan") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of({"a b c", "b x a c"}));
  const auto redundant = found.in(1);
  REQUIRE(std::ranges::distance(redundant) == 3);
  REQUIRE(std::ranges::count_if(redundant, [](dcp::duplicate each) { return each.keeper_position > 0; }) == 2);
  REQUIRE(std::ranges::is_sorted(redundant, {}, &dcp::duplicate::position));
  REQUIRE((*std::ranges::find(redundant, 2U, &dcp::duplicate::position)).keeper_position == 0);
  auto at = redundant.begin();
  REQUIRE(*at++ == dcp::duplicate{0, 0, 1});
  const auto second = at;
  REQUIRE(*++at == dcp::duplicate{3, 0, 2});
  REQUIRE(*second == dcp::duplicate{2, 0, 0});
  REQUIRE(++at == redundant.end());
  std::vector<dcp::duplicate> copied;
  std::copy(redundant.begin(), redundant.end(), std::back_inserter(copied));
  REQUIRE(copied.size() == 3);
  REQUIRE(range(redundant).size() == 3);
  REQUIRE(std::ranges::iterator_t<const range>() == std::ranges::iterator_t<const range>());
}

TEST_CASE("plans are numbered in the order of iteration, whatever a map's keys") {
  std::map<int, test::plan> plans;
  const auto made = plans_of({"a b", "b c a"});
  plans[3] = made[0];
  plans[7] = made[1];

  std::string message;
  const dcp::duplicates found =
      dcp::find_duplicates(plans, {.log = [&](const dcp::log_record& record) { message = record.message; }});

  REQUIRE(found.plans() == 2);
  REQUIRE(found == dcp::find_duplicates(made));
  REQUIRE(found.kept_item(1, 2) == dcp::item_place{0, 0});
  REQUIRE(message == "Duplicate keys to remove: {1: ['b', 'a']}");
  REQUIRE_THROWS_AS(found.in(7), std::out_of_range);

  plans[-1] = plans_of({"c"})[0];
  REQUIRE(dcp::find_duplicates(plans) == dcp::find_duplicates(plans_of({"c", "a b", "b c a"})));
  dcp::erase_duplicates(plans, dcp::find_duplicates(plans));
  REQUIRE(plans[7].items.empty());
}

TEST_CASE("each index is left in one item under every policy, for an lvalue, an rvalue and a decision") {
  const auto plans = plans_of({"a b a", "c b", "", "a c d d", "b a"});
  const std::vector<dcp::keep_policy> policies{dcp::keep::first, test::keep_last,
                                               [](const dcp::shared_indices& shared) {
                                                 std::vector<std::uint32_t> keepers;
                                                 for (std::size_t i = 0; i != shared.size(); ++i)
                                                   keepers.push_back(shared.holders(i)[i % shared.holders(i).size()]);
                                                 return keepers;
                                               }};
  for (const dcp::keep_policy& keep : policies) {
    const auto copied = dcp::dedup_tensors(plans, {.keep = keep});
    std::vector<std::string> left;
    for (const test::plan& plan : copied)
      for (const test::item& item : plan.items) left.push_back(item.index);
    std::ranges::sort(left);
    REQUIRE(left == lines{"a", "b", "c", "d"});
    REQUIRE(dcp::dedup_tensors(std::vector(plans), {.keep = keep}) == copied);
    auto erased = plans;
    dcp::erase_duplicates(erased, dcp::find_duplicates(erased, {.keep = keep}));
    REQUIRE(erased == copied);
  }
}

TEST_CASE("a decision is refused where a kept item has become empty and one of its redundant items has not") {
  const auto outcome = [](std::vector<sized_plan> plans, const dcp::duplicates& found) {
    const auto before = plans;
    try {
      dcp::erase_duplicates(plans, found);
    } catch (const std::invalid_argument&) {
      REQUIRE(plans == before);
      return false;
    }
    return true;
  };
  const auto sized = [](std::uint64_t first, std::uint64_t second, std::uint64_t third) {
    return std::vector<sized_plan>{{{{"a", first}}}, {{{"a", second}}}, {{{"a", third}}}};
  };
  const dcp::duplicates keeps_second = dcp::find_duplicates(sized(0, 4, 4));
  REQUIRE(keeps_second.kept_item(2, 0) == dcp::item_place{1, 0});
  REQUIRE(outcome(sized(0, 4, 4), keeps_second));
  REQUIRE(outcome(sized(4, 4, 0), keeps_second));
  REQUIRE(outcome(sized(0, 0, 0), keeps_second));
  REQUIRE_FALSE(outcome(sized(0, 0, 4), keeps_second));
  REQUIRE_FALSE(outcome(sized(4, 0, 0), keeps_second));
  // Without redundant items nothing is erased, and nothing can be lost.
  const dcp::duplicates nothing = dcp::find_duplicates(std::vector<sized_plan>{{{{"a", 4}}}, {{{"b", 4}}}, {{}}});
  REQUIRE(outcome({{{{"a", 0}}}, {{{"a", 4}}}, {{}}}, nothing));
}

TEST_CASE("a decision for a stretch that is repeated is refused where one of the repeating plans has changed") {
  const dcp::duplicates found = dcp::find_duplicates(plans_of({"a b c", "a b c", "b c", "a b c"}));
  for (const lines& changed : {lines{"a b c", "a x c", "b c", "a b c"}, lines{"a b c", "a b c", "b x", "a b c"},
                               lines{"a b c", "a b c", "b c", "x b c"}, lines{"a b x", "a b c", "b c", "a b c"},
                               lines{"a b c", "b a c", "b c", "a b c"}, lines{"b a c", "a b c", "b c", "a b c"}}) {
    auto plans = plans_of(changed);
    const auto before = plans;
    REQUIRE_THROWS_AS(dcp::erase_duplicates(plans, found), std::invalid_argument);
    REQUIRE(plans == before);
  }
  // Replaced by another name in all of them.
  auto renamed = plans_of({"a x c", "a x c", "x c", "a x c"});
  dcp::erase_duplicates(renamed, found);
  REQUIRE(test::keys_of(renamed) == lines{"a x c", "", "", ""});
}

}  // namespace decision_test
