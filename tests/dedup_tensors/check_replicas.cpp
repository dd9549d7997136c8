// With check_replicas, items of one index that describe different data are found, wherever they are, before anything is
// changed or logged; and the exception says where they are.

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"
#include "../policies.hpp"

namespace dedup_tensors_check_replicas_test {

using test::contains;
using test::keys_of;
using test::lines;

using place = std::tuple<std::string, std::size_t, std::size_t, std::size_t, std::size_t>;

// The index, where it is, and where the item is that would be written: plan and position of each.
place place_of(const dcp::conflict& each) {
  return {each.index, each.plan, each.position, each.keeper, each.keeper_position};
}

std::vector<place> places_of(const dcp::conflict_error& error) {
  std::vector<place> places;
  for (const dcp::conflict& each : error.conflicts) places.push_back(place_of(each));
  return places;
}

dcp::options checked(dcp::keep_policy keep = dcp::keep::first) { return {.keep = keep, .check_replicas = true}; }

// What the call throws. Whoever is called, with an lvalue or an rvalue: the plans stay as they were, and nothing is
// logged.
template <class Plans>
dcp::conflict_error conflicts_in(const Plans& plans, dcp::keep_policy keep = dcp::keep::first) {
  dcp::options settings = checked(keep);
  settings.log = [](const dcp::log_record&) { FAIL("something was logged"); };
  std::vector<dcp::conflict_error> thrown;
  const auto attempt = [&](auto call) {
    Plans argument = plans;
    try {
      call(argument);
      FAIL("no conflict was found");
    } catch (const dcp::conflict_error& error) {
      thrown.push_back(error);
    }
    REQUIRE(argument == plans);
  };
  attempt([&](Plans& argument) { static_cast<void>(dcp::find_duplicates(argument, settings)); });
  attempt([&](Plans& argument) { static_cast<void>(dcp::dedup_tensors(argument, settings)); });
  attempt([&](Plans& argument) { static_cast<void>(dcp::dedup_tensors(std::move(argument), settings)); });
  for (const dcp::conflict_error& each : thrown) {
    REQUIRE(std::string(each.what()) == thrown[0].what());
    REQUIRE(each.count == thrown[0].count);
    REQUIRE(places_of(each) == places_of(thrown[0]));
  }
  return thrown[0];
}

// That the check finds nothing, and the result is that without it.
template <class Plans>
void require_none_in(const Plans& plans) {
  for (const dcp::keep_policy& keep : {dcp::keep_policy(dcp::keep::first), dcp::keep_policy(test::keep_last)}) {
    const auto result = dcp::dedup_tensors(plans, {.keep = keep});
    REQUIRE(dcp::dedup_tensors(plans, checked(keep)) == result);
    REQUIRE(dcp::find_duplicates(plans, checked(keep)) == dcp::find_duplicates(plans, {.keep = keep}));
    Plans argument = plans;
    REQUIRE(dcp::dedup_tensors(std::move(argument), checked(keep)) == result);
  }
}

// A line a plan, a word an item: `a` and `a:1` have the data 0 and 1.
template <class Plan = test::plan>
std::vector<Plan> plans_of(const lines& text) {
  std::vector<Plan> plans;
  for (const std::string& line : text) {
    std::vector<test::item> items;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const std::size_t colon = word.find(':');
      items.push_back({word.substr(0, colon), colon == word.npos ? 0 : std::stoi(word.substr(colon + 1))});
    }
    plans.push_back({decltype(Plan::items)(items.begin(), items.end()), static_cast<int>(plans.size())});
  }
  return plans;
}

// ------------------------------------------------------------------------------------------------- where conflicts are

TEST_CASE("replicas that agree are deduplicated as without the check") {
  for (const lines& text : {lines{}, lines{"", ""}, lines{"a b c"}, lines{"a:1 b:2", "c:3"},
                            lines{"a:1 b:2 c", "a:1 b:2 c"}, lines{"a:1 a:1 b", "", "b a:1 b", "c b"}})
    require_none_in(plans_of(text));
}

TEST_CASE("a conflict is found first, last and in the middle") {
  REQUIRE(places_of(conflicts_in(plans_of({"a b c", "a:1 b c", "a b c"}))) == std::vector<place>{{"'a'", 1, 0, 0, 0}});
  REQUIRE(places_of(conflicts_in(plans_of({"a b c", "a b c", "a b c:1"}))) == std::vector<place>{{"'c'", 2, 2, 0, 2}});
  REQUIRE(places_of(conflicts_in(plans_of({"a b c", "a b:1 c", "a b c"}))) == std::vector<place>{{"'b'", 1, 1, 0, 1}});
}

TEST_CASE("a conflict is found between plans that are neither the first nor in the same order") {
  REQUIRE(places_of(conflicts_in(plans_of({"x", "y b a", "z", "", "a c b:7"}))) ==
          std::vector<place>{{"'b'", 4, 2, 1, 1}});
}

TEST_CASE("a conflict is found in a repeat within one plan") {
  REQUIRE(places_of(conflicts_in(plans_of({"a b a:1"}))) == std::vector<place>{{"'a'", 0, 2, 0, 0}});
  REQUIRE(places_of(conflicts_in(plans_of({"x", "b a a a:1", "a"}))) == std::vector<place>{{"'a'", 1, 3, 1, 1}});
}

TEST_CASE("each item is compared with the one that stays, not with its neighbour") {
  REQUIRE(places_of(conflicts_in(plans_of({"a", "a:1", "a:1", "a"}))) ==
          std::vector<place>{{"'a'", 1, 0, 0, 0}, {"'a'", 2, 0, 0, 0}});
}

TEST_CASE("an index that is in one item alone has no conflict, whatever its data") {
  require_none_in(plans_of({"a:1 b:2", "c:3 d:4"}));
}

TEST_CASE("conflicts are found in other containers too") {
  const lines text{"a b c", "d b:1 c", "a c:2"};
  const std::vector<place> expected{{"'b'", 1, 1, 0, 1}, {"'c'", 2, 1, 0, 2}};
  REQUIRE(places_of(conflicts_in(plans_of<test::basic_plan<std::list<test::item>>>(text))) == expected);
  REQUIRE(places_of(conflicts_in(plans_of<test::basic_plan<std::deque<test::item>>>(text))) == expected);
  const auto plans = plans_of(text);
  REQUIRE(places_of(conflicts_in(std::list<test::plan>(plans.begin(), plans.end()))) == expected);
}

TEST_CASE("nothing is compared without check_replicas") {
  REQUIRE(keys_of(dcp::dedup_tensors(plans_of({"a b:1", "b a:1"}))) == lines{"a b", ""});
  REQUIRE(keys_of(dcp::dedup_tensors(plans_of({"a b:1", "b a:1"}), {.check_replicas = false})) == lines{"a b", ""});
}

// -------------------------------------------------------------------------------------------------- what is a conflict

dcp::WriteItem shard(std::optional<std::int64_t> hint = {}) {
  return {.index = {.fqn = "w", .offset = dcp::Size{4, 0}, .index = hint},
          .type = dcp::WriteItemType::SHARD,
          .tensor_data = dcp::TensorWriteData{.chunk = {.offsets = {4, 0}, .sizes = {4, 8}},
                                              .properties = {.dtype = dcp::Dtype::bfloat16},
                                              .size = {16, 8}}};
}

std::vector<dcp::SavePlan> two_plans(const dcp::WriteItem& a, const dcp::WriteItem& b) {
  return {{.items = {a}}, {.items = {b}}};
}

const std::string shard_text = "MetadataIndex(fqn='w', offset=torch.Size([4, 0]), index=None)";

TEST_CASE("another dtype, chunk, tensor size or type is a conflict") {
  std::vector<dcp::WriteItem> others(5, shard());
  others[0].tensor_data->properties.dtype = dcp::Dtype::float16;  // as many bytes
  others[1].tensor_data->chunk.sizes = {2, 8};
  others[2].tensor_data->size = {8, 8};
  others[3].type = dcp::WriteItemType::TENSOR;
  others[4].tensor_data.reset();
  for (const dcp::WriteItem& other : others) {
    INFO(other);
    REQUIRE(places_of(conflicts_in(two_plans(shard(), other))) == std::vector<place>{{shard_text, 1, 0, 0, 0}});
    REQUIRE(places_of(conflicts_in(two_plans(other, shard()))) == std::vector<place>{{shard_text, 1, 0, 0, 0}});
  }
}

// Values of each rank under one name: pytorch issue 120356.
TEST_CASE("another number of bytes of an object is a conflict") {
  dcp::WriteItem object{.index = {.fqn = "state"},
                        .type = dcp::WriteItemType::BYTE_IO,
                        .bytes_io_data = dcp::BytesIOWriteData{.nbytes = 12}};
  dcp::WriteItem other = object;
  other.bytes_io_data->nbytes = 13;
  REQUIRE(conflicts_in(two_plans(object, other)).count == 1);
  other.bytes_io_data.reset();
  REQUIRE(conflicts_in(two_plans(object, other)).count == 1);
  require_none_in(two_plans(object, object));
}

TEST_CASE("another hint is no conflict") {
  require_none_in(two_plans(shard(1), shard(2)));
  require_none_in(two_plans(shard(), shard(2)));
}

TEST_CASE("another chunk of the same tensor is another index and no conflict") {
  dcp::WriteItem other = shard();
  other.index.offset = dcp::Size{8, 0};
  other.tensor_data->chunk = {.offsets = {8, 0}, .sizes = {2, 8}};
  require_none_in(two_plans(shard(), other));
}

// ------------------------------------------------------------------------------------------------------- the exception

TEST_CASE("the exception is a runtime_error, and itself the first conflict") {
  STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, dcp::conflict_error>);
  const dcp::conflict_error error = conflicts_in(plans_of({"a b c", "", "c:1 x b:1", "a"}));
  REQUIRE(error.index == "'c'");
  REQUIRE(error.plan == 2);
  REQUIRE(error.position == 0);
  REQUIRE(error.keeper == 0);
  REQUIRE(error.keeper_position == 2);
  REQUIRE(error.count == 2);
  REQUIRE(places_of(error) == std::vector<place>{{"'c'", 2, 0, 0, 2}, {"'b'", 2, 2, 0, 1}});
}

TEST_CASE("the exception's message names the index, both plans and both positions") {
  const std::string message = conflicts_in(plans_of({"p q r s b", "", "", "x y b:1"})).what();
  INFO(message);
  for (const char* part : {"'b'", "plan 3", "item 2", "plan 0", "item 4"}) REQUIRE(contains(message, part));
  REQUIRE(message.find("plan 3") < message.find("plan 0"));
  REQUIRE_FALSE(contains(message, "more"));
}

TEST_CASE("an index is named as the log names it") {
  REQUIRE(conflicts_in(plans_of({"it's\\", "it's\\:1"})).index == "\"it's\\\\\"");
  REQUIRE(conflicts_in(two_plans(shard(), {.index = shard().index})).index == shard_text);
  // That of the item which would go: the hint tells the two apart.
  REQUIRE(contains(conflicts_in(two_plans(shard(1), {.index = shard(2).index})).index, "index=2"));
}

TEST_CASE("all conflicts are counted and the first 10 listed, plans in order, items in order") {
  for (const std::size_t count : {1U, 9U, 10U, 11U, 12U, 250U}) {
    INFO(count << " conflicts");
    lines text(3);
    for (std::size_t i = 0; i != count; ++i) {
      const std::string name = " k" + std::to_string(i);
      text[0] += name;
      text[1] += name + (i % 2 == 0 ? ":1" : "");
      text[2] += name + (i % 2 == 0 ? "" : ":2");
    }
    std::vector<place> expected;
    for (const std::size_t plan : {1U, 2U})
      for (std::size_t i = plan - 1; i < count && expected.size() != 10; i += 2)
        expected.emplace_back("'k" + std::to_string(i) + '\'', plan, i, 0, i);

    const dcp::conflict_error error = conflicts_in(plans_of(text));

    REQUIRE(error.count == count);
    REQUIRE(places_of(error) == expected);
    const std::string message = error.what();
    INFO(message);
    REQUIRE(contains(message, std::to_string(count)));
    std::size_t at = 0;  // each is named in the message, in the same order
    for (const dcp::conflict& each : error.conflicts) {
      at = message.find(each.index, at);
      REQUIRE(at != message.npos);
    }
    REQUIRE(contains(message, std::to_string(count - expected.size()) + " more") == (count > 10));
  }
}

TEST_CASE("a conflict_error can be copied, with all that it says") {
  const dcp::conflict_error error = conflicts_in(plans_of({"a b", "a:1 b:1"}));
  const dcp::conflict_error copy = error;
  REQUIRE(std::string(copy.what()) == error.what());
  REQUIRE(copy.count == error.count);
  REQUIRE(place_of(copy) == place_of(error));
  REQUIRE(places_of(copy) == places_of(error));
}

// ----------------------------------------------------------------------------------------------------- how it compares

// Has an == that would tell all apart, but the trait decides.
struct rounded_item {
  int index = 0;
  double data = 0;
  friend bool operator==(const rounded_item&, const rounded_item&) = default;
};

// Has no ==, and the trait decides.
struct tagged_item {
  int index = 0;
  std::string tag;
};

// Has an index that cannot be shown.
struct coded_item {
  enum class code : int {};
  code index{};
  int data = 0;
  friend bool operator==(const coded_item&, const coded_item&) = default;
};

// Has neither.
struct bare_item {
  int index = 0;
};

template <class Item>
struct plan_with {
  std::vector<Item> items;
  friend bool operator==(const plan_with&, const plan_with&) = default;
};

int comparisons = 0;

}  // namespace dedup_tensors_check_replicas_test

template <>
struct dcp::write_item_traits<dedup_tensors_check_replicas_test::rounded_item> {
  static int index(const dedup_tensors_check_replicas_test::rounded_item& item) { return item.index; }
  static bool same_data(const dedup_tensors_check_replicas_test::rounded_item& a,
                        const dedup_tensors_check_replicas_test::rounded_item& b) {
    ++dedup_tensors_check_replicas_test::comparisons;
    return static_cast<int>(a.data) == static_cast<int>(b.data);
  }
};

template <>
struct dcp::write_item_traits<dedup_tensors_check_replicas_test::tagged_item> {
  static int index(const dedup_tensors_check_replicas_test::tagged_item& item) { return item.index; }
  static bool same_data(const dedup_tensors_check_replicas_test::tagged_item& a,
                        const dedup_tensors_check_replicas_test::tagged_item& b) {
    return a.tag == b.tag;
  }
};

namespace dedup_tensors_check_replicas_test {

TEST_CASE("same_data of the trait decides, where there is one, and not ==") {
  using plans = std::vector<plan_with<rounded_item>>;
  require_none_in(plans{{{{1, 1.25}, {2, 5}}}, {{{2, 5.5}, {1, 1.75}}}});
  const dcp::conflict_error error = conflicts_in(plans{{{{1, 1.25}, {2, 5}}}, {{{2, 6.5}, {1, 1.75}}}});
  REQUIRE(places_of(error) == std::vector<place>{{"2", 1, 0, 0, 1}});
}

TEST_CASE("each redundant item is compared once, and no other") {
  const std::vector<plan_with<rounded_item>> plans{
      {{{1, 1}, {2, 2}, {1, 1}}}, {}, {{{3, 3}, {2, 2}}}, {{{2, 2}, {1, 1}}}};
  comparisons = 0;
  const dcp::duplicates found = dcp::find_duplicates(plans, checked());
  REQUIRE(found.size() == 4);
  REQUIRE(comparisons == 4);
  static_cast<void>(dcp::find_duplicates(plans));
  REQUIRE(comparisons == 4);
}

TEST_CASE("an index that cannot be shown is told by its position in the plan") {
  using code = coded_item::code;
  const std::vector<plan_with<coded_item>> plans{{{{code(1)}, {code(2)}}}, {{{code(3)}, {code(4)}, {code(2), 5}}}};
  REQUIRE(places_of(conflicts_in(plans)) == std::vector<place>{{"#2", 1, 2, 0, 1}});
}

TEST_CASE("items without == are compared by same_data of the trait") {
  const std::vector<plan_with<tagged_item>> plans{{{{1, "x"}, {2, "y"}}}, {{{2, "y"}, {1, "z"}}}};
  try {
    static_cast<void>(dcp::find_duplicates(plans, checked()));
    FAIL("no conflict was found");
  } catch (const dcp::conflict_error& error) {
    REQUIRE(places_of(error) == std::vector<place>{{"1", 1, 1, 0, 0}});
  }
}

TEST_CASE("items with neither same_data nor == are refused where they are to be checked") {
  std::vector<plan_with<bare_item>> plans{{{{1}, {2}}}, {{{2}, {3}}}};
  REQUIRE_THROWS_AS(dcp::find_duplicates(plans, checked()), std::invalid_argument);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(plans, checked()), std::invalid_argument);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), checked()), std::invalid_argument);
  REQUIRE(plans.size() == 2);
  REQUIRE(plans[1].items.size() == 2);
  REQUIRE(dcp::find_duplicates(plans).size() == 1);  // and otherwise they are not
}

// ------------------------------------------------------------------------------------------------------ with a policy

TEST_CASE("with a policy each item is compared with the one that stays there") {
  const auto plans = plans_of({"x a:1 b:1", "y b:2 a:2", "a:2 a:3"});
  REQUIRE(keys_of(dcp::dedup_tensors(plans, {.keep = test::keep_last})) == lines{"x", "y b", "a"});

  REQUIRE(places_of(conflicts_in(plans, test::keep_last)) ==
          std::vector<place>{{"'a'", 0, 1, 2, 0}, {"'b'", 0, 2, 1, 1}, {"'a'", 2, 1, 2, 0}});
  REQUIRE(places_of(conflicts_in(plans)) ==
          std::vector<place>{{"'b'", 1, 1, 0, 2}, {"'a'", 1, 2, 0, 1}, {"'a'", 2, 0, 0, 1}, {"'a'", 2, 1, 0, 1}});
}

}  // namespace dedup_tensors_check_replicas_test
