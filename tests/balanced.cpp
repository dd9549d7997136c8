// keep::balanced by examples that can be checked by hand: who writes what, ties, the tolerance, sizes that are zero,
// unknown, of one giant, past 2^63 and past 2^64; and the values of keep.

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "plans.hpp"

using test::keys_of;
using test::lines;

namespace {

// ------------------------------------------------------------------------------------- plans of words with their bytes

template <class Bytes>
struct basic_item {
  std::string index;
  Bytes bytes{};
  int number = 0;  // through all plans

  [[nodiscard]] Bytes storage_size() const { return bytes; }
  friend bool operator==(const basic_item&, const basic_item&) = default;
};

template <class Bytes, template <class...> class Items = std::vector>
struct basic_plan {
  Items<basic_item<Bytes>> items;
  friend bool operator==(const basic_plan&, const basic_plan&) = default;
};

using optional_bytes = std::optional<std::uint64_t>;

// A line a plan, a word an item: `a:10` writes 10 bytes, and of `a` it is not known how many.
template <class Bytes = std::uint64_t, template <class...> class Items = std::vector>
std::vector<basic_plan<Bytes, Items>> plans_of(const lines& text) {
  std::vector<basic_plan<Bytes, Items>> plans;
  int number = 0;
  for (const std::string& line : text) {
    auto& items = plans.emplace_back().items;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const std::size_t colon = word.find(':');
      Bytes bytes{};
      if (colon != word.npos) bytes = static_cast<Bytes>(std::stoull(word.substr(colon + 1)));
      items.push_back({word.substr(0, colon), bytes, number++});
    }
  }
  return plans;
}

// What is left of the plans: the same for an lvalue, which stays as it was, and an rvalue.
template <class Bytes = std::uint64_t>
lines balanced(const lines& text, dcp::keep keep = dcp::keep::balanced) {
  auto plans = plans_of<Bytes>(text);
  const auto before = plans;
  const auto result = dcp::dedup_tensors(plans, {.keep = keep});
  REQUIRE(plans == before);
  REQUIRE(dcp::dedup_tensors(std::move(plans), {.keep = keep}) == result);
  return keys_of(result);
}

lines first(const lines& text) { return balanced(text, dcp::keep::first); }

// That the call throws this exception, with the plans as they were, an lvalue or an rvalue, and that nothing is logged.
template <class Exception, class Plans>
void require_throws(const Plans& plans) {
  const dcp::options settings{.log = [](const dcp::log_record&) { FAIL("something was logged"); },
                              .keep = dcp::keep::balanced};
  REQUIRE_THROWS_AS(dcp::find_duplicates(plans, settings), Exception);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(plans, settings), Exception);
  Plans argument = plans;
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(argument), settings), Exception);
  REQUIRE(argument == plans);
}

constexpr std::uint64_t two_to_63 = std::uint64_t{1} << 63;

}  // namespace

// ----------------------------------------------------------------------------------------------------- who writes what

TEST_CASE("what two plans have is shared between them") {
  REQUIRE(balanced({"a:10 b:10", "a:10 b:10"}) == lines{"a", "b"});
  REQUIRE(balanced({"a:10 b:10 c:10", "a:10 b:10 c:10", "a:10 b:10 c:10"}) == lines{"a", "b", "c"});
}

TEST_CASE("what one plan alone has is counted before any choice, wherever it occurs") {
  REQUIRE(balanced({"a:10 b:10 x:20", "a:10 b:10"}) == lines{"x", "a b"});
  REQUIRE(balanced({"x:20 a:10 b:10", "a:10 b:10"}) == lines{"x", "a b"});
  REQUIRE(balanced({"a:10 b:10", "a:10 b:10 x:20"}) == lines{"a b", "x"});
}

TEST_CASE("the largest are given first, wherever they occur") {
  // In the order of the plans it would be 3 and 3, then 6 on top of one of them.
  REQUIRE(balanced({"a:3 b:3 c:6", "a:3 b:3 c:6"}) == lines{"c", "a b"});
}

TEST_CASE("an index is written by a plan that has it") {
  REQUIRE(balanced({"a:10 b:10 c:10 d:10", "a:10", ""}) == lines{"b c d", "a", ""});
  REQUIRE(balanced({"a:10", "b:10", "a:10 b:10", "c:1"}) == lines{"a", "b", "", "c"});
}

// Within the limit the keepers stay few: so that a rank which holds one shard of each tensor opens few files.
TEST_CASE("indices of the same plans are gathered in as few of them as the limit allows") {
  // The others write 15 bytes anyway, or else 10.
  REQUIRE(balanced({"a:5 b:5 c:5", "a:5 b:5 c:5", "x:15", "y:15"}) == lines{"a b c", "", "x", "y"});
  REQUIRE(balanced({"a:5 b:5 c:5", "a:5 b:5 c:5", "x:10", "y:10"}) == lines{"a b", "c", "x", "y"});
}

TEST_CASE("what stays keeps its order") {
  REQUIRE(balanced({"d:1 a:1 x:9 c:1 b:1", "b:1 a:1 y:1 d:1 c:1"}) == lines{"x", "b a y d c"});
}

TEST_CASE("of a plan that names an index several times the first of its items stays") {
  const auto plans = plans_of({"x:9 a:5", "a:5 b:1 a:5 b:1 a:5"});
  const auto result = dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced});
  REQUIRE(keys_of(result) == lines{"x", "a b"});
  REQUIRE(result[1].items[0] == plans[1].items[0]);
  REQUIRE(result[1].items[1] == plans[1].items[1]);
}

TEST_CASE("each redundant item names the plan that writes its index, be it later or its own") {
  const auto found = dcp::find_duplicates(plans_of({"a:5 x:9", "a:5 a:5", "a:5"}), {.keep = dcp::keep::balanced});
  REQUIRE(found.size() == 3);
  REQUIRE(std::vector(found.in(0).begin(), found.in(0).end()) == std::vector<dcp::duplicate>{{0, 1}});
  REQUIRE(std::vector(found.in(1).begin(), found.in(1).end()) == std::vector<dcp::duplicate>{{1, 1}});
  REQUIRE(std::vector(found.in(2).begin(), found.in(2).end()) == std::vector<dcp::duplicate>{{0, 1}});
}

TEST_CASE("the log names what is taken out where plans are balanced") {
  std::string message;
  const auto log = [&](const dcp::log_record& record) { message += record.message; };
  const auto plans = plans_of({"a:10 b:10 x:20", "a:10 b:10", "b:10"});
  static_cast<void>(dcp::dedup_tensors(plans, {.log = log, .keep = dcp::keep::balanced}));
  REQUIRE(message == "Duplicate keys to remove: {0: ['a', 'b'], 1: ['b']}");
}

// ---------------------------------------------------------------------------------------------------------------- ties

TEST_CASE("ties go to the index that occurs first and to the lowest plan") {
  REQUIRE(balanced({"b:1 a:1", "a:1 b:1"}) == lines{"b", "a"});
  REQUIRE(balanced({"", "b:1 a:1", "a:1 b:1"}) == lines{"", "b", "a"});
  REQUIRE(balanced({"c:1 b:1 a:1", "a:1 b:1 c:1", "b:1 a:1 c:1"}) == lines{"c", "b", "a"});
}

TEST_CASE("of plans that are all equal each writes about as much") {
  lines text(4);
  for (int i = 0; i != 40; ++i)
    for (std::string& line : text) line += " k" + std::to_string(i) + ":7";
  const auto plans = plans_of(text);
  for (const auto& plan : dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced})) REQUIRE(plan.items.size() == 10);
}

// --------------------------------------------------------------------------------------------------- nothing to choose

TEST_CASE("plans without a choice are left as keep::first leaves them") {
  for (const lines& text : {lines{}, lines{""}, lines{"", "", ""}, lines{"a:1"}, lines{"a:1 b:2", "", "c:3"},
                            lines{"a:1 a:1 b:2 a:1", "c:3 c:3"}})
    REQUIRE(balanced(text) == first(text));
}

TEST_CASE(
    "small ones join a giant where the tolerance has room for them, and are left to the others where it has none") {
  REQUIRE(balanced({"a:1 b:1 giant:1000000 c:1", "a:1 b:1 giant:1000000 c:1"}, dcp::keep::balanced(0)) ==
          lines{"giant", "a b c"});
  REQUIRE(balanced({"a:1 b:1 giant:1000000 c:1", "a:1 b:1 giant:1000000 c:1"}) == lines{"a b giant c", ""});
  REQUIRE(balanced({"giant:1000000 a:1", "a:1 b:1", "b:1 giant:1000000"}) == lines{"a", "b", "giant"});
}

// ----------------------------------------------------------------------------------------------------------- tolerance

TEST_CASE("the tolerance is what the largest plan may write more") {
  // 100 bytes each, spread evenly; nothing fits into 9 more, and f into 10.
  const lines text{"a:100 b:60 c:10 d:10 e:10 f:10", "a:100 b:60 c:10 d:10 e:10 f:10"};
  REQUIRE(balanced(text, dcp::keep::balanced(0)) == lines{"a", "b c d e f"});
  REQUIRE(balanced(text, dcp::keep::balanced(0.09)) == lines{"a", "b c d e f"});
  REQUIRE(balanced(text, dcp::keep::balanced(0.1)) == lines{"a f", "b c d e"});
  REQUIRE(balanced(text, dcp::keep::balanced(0.99)) == lines{"a c d e f", "b"});
  REQUIRE(balanced(text, dcp::keep::balanced(1)) == lines{"a b c d e f", ""});
}

TEST_CASE("the tolerance gathers indices of the same plans in fewer of them") {
  // Spread evenly the largest writes 9 bytes; within 11 there is room for c and d beside x.
  const lines text{"a:9 b:8", "a:9 b:8", "c:5 d:5 x:1", "c:5 d:5 y:1"};
  REQUIRE(balanced(text, dcp::keep::balanced(0)) == lines{"a", "b", "c x", "d y"});
  REQUIRE(balanced(text, dcp::keep::balanced(0.3)) == lines{"a", "b", "c d x", "y"});
}

TEST_CASE("a tolerance of any size is taken, and leaves the lowest plan all that it has") {
  const lines text{"a:3 b:5 c:1", "b:5 d:2 a:3", "c:1 d:2 e:8"};
  REQUIRE(balanced(text, dcp::keep::balanced(std::numeric_limits<double>::max())) == first(text));
  REQUIRE(balanced(text, dcp::keep::balanced(1e30)) == first(text));
}

TEST_CASE("the smallest tolerance is none") {
  const lines text{"a:100 b:99 c:1", "a:100 b:99 c:1"};
  REQUIRE(balanced(text, dcp::keep::balanced(0)) == lines{"a", "b c"});
  REQUIRE(balanced(text, dcp::keep::balanced(-0.0)) == lines{"a", "b c"});
  REQUIRE(balanced(text, dcp::keep::balanced(std::numeric_limits<double>::denorm_min())) == lines{"a", "b c"});
}

// --------------------------------------------------------------------------------------------------------------- sizes

TEST_CASE("items of no bytes and of bytes unknown stay in their lowest plan and count as nothing") {
  REQUIRE(balanced({"a:0 b:0 c:0", "a:0 b:0 c:0"}) == lines{"a b c", ""});
  REQUIRE(balanced({"x:5 a:0 b:0", "a:0 y:5 b:0"}) == lines{"x a b", "y"});
  REQUIRE(balanced<optional_bytes>({"a b c", "a b c"}) == lines{"a b c", ""});
  REQUIRE(balanced<optional_bytes>({"x:50 a b p:10", "a y:1 b p:10", "b a q:1"}) == lines{"x a b", "y p", "q"});
}

TEST_CASE("where no sizes are known at all, keep::balanced is keep::first") {
  const auto plans = test::plans_of({"a b c d", "d a e a", "", "e b x c"});  // the items have no storage_size
  REQUIRE(dcp::find_duplicates(plans, {.keep = dcp::keep::balanced}) == dcp::find_duplicates(plans));
  REQUIRE(dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced}) == dcp::dedup_tensors(plans));
  REQUIRE(balanced<optional_bytes>({"a b c d", "d a e a", "", "e b x c"}) ==
          first({"a b c d", "d a e a", "", "e b x c"}));
}

TEST_CASE("sizes are integers of any kind, optional or not") {
  const lines text{"a:10 b:10 x:20", "a:10 b:10"};
  REQUIRE(balanced<std::int64_t>(text) == lines{"x", "a b"});
  REQUIRE(balanced<std::int32_t>(text) == lines{"x", "a b"});
  REQUIRE(balanced<std::uint16_t>(text) == lines{"x", "a b"});
  REQUIRE(balanced<unsigned char>(text) == lines{"x", "a b"});
  REQUIRE(balanced<std::optional<std::int64_t>>(text) == lines{"x", "a b"});
  REQUIRE(balanced<std::optional<std::uint32_t>>(text) == lines{"x", "a b"});
}

TEST_CASE("plans and items in other containers are balanced too") {
  const lines text{"d:1 a:1 x:9 c:1 b:1", "b:1 a:1 y:1 d:1 c:1"};
  const lines expected{"x", "b a y d c"};
  const dcp::options settings{.keep = dcp::keep::balanced};
  REQUIRE(keys_of(dcp::dedup_tensors(plans_of<std::uint64_t, std::list>(text), settings)) == expected);
  REQUIRE(keys_of(dcp::dedup_tensors(plans_of<std::uint64_t, std::deque>(text), settings)) == expected);
  const auto plans = plans_of(text);
  REQUIRE(keys_of(dcp::dedup_tensors(std::list(plans.begin(), plans.end()), settings)) == expected);
}

TEST_CASE("WriteItem's bytes are those of the chunk, or of the object where they are known") {
  const auto tensor = [](const char* name, std::int64_t rows) {
    return dcp::WriteItem{.index = {.fqn = name, .offset = dcp::Size{0}},
                          .tensor_data = dcp::TensorWriteData{
                              .chunk = {.offsets = {0}, .sizes = {rows}}, .properties = {}, .size = {1000}}};
  };
  const dcp::WriteItem object{.index = {.fqn = "object"},
                              .type = dcp::WriteItemType::BYTE_IO,
                              .bytes_io_data = dcp::BytesIOWriteData{.nbytes = 40}};
  const dcp::WriteItem unknown{.index = {.fqn = "unknown"}, .type = dcp::WriteItemType::BYTE_IO};
  const std::vector<dcp::SavePlan> plans(2,
                                         {.items = {tensor("a", 4), object, tensor("b", 5), unknown, tensor("c", 1)}});

  // 16, 40, 20 and 4 bytes: 40 is one half of them.
  const auto result = dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced});

  REQUIRE(result[0].items == std::vector{object, unknown});
  REQUIRE(result[1].items == std::vector{tensor("a", 4), tensor("b", 5), tensor("c", 1)});
}

TEST_CASE("sums past 2^63 are right, up to 2^64 - 1") {
  const auto bytes = [](std::uint64_t value) { return ':' + std::to_string(value); };
  // Alone, the plans have 2^63 and 2^63 - 2 bytes; a signed sum would take the first for the least.
  REQUIRE(balanced({"x" + bytes(two_to_63) + " a:1", "y" + bytes(two_to_63 - 2) + " a:1"}, dcp::keep::balanced(0)) ==
          lines{"x", "y a"});
  // All three together reach 2^64 - 1.
  const std::string a = "a" + bytes(two_to_63);
  const std::string b = " b" + bytes(two_to_63 / 2);
  const std::string c = " c" + bytes(two_to_63 / 2 - 1);
  REQUIRE(balanced({a + b + c, a + b + c}, dcp::keep::balanced(0)) == lines{"a", "b c"});
  REQUIRE(balanced({a + b + c, a + b + c}) == lines{"a", "b c"});
  REQUIRE(balanced({a + b + c, a + b + c}, dcp::keep::balanced(1)) == lines{"a b c", ""});
}

TEST_CASE("2^64 bytes or more to balance are refused, with nothing changed") {
  const std::string half = std::to_string(two_to_63);
  require_throws<std::overflow_error>(plans_of({"a:" + half + " b:" + half, "a:" + half + " b:" + half}));
  require_throws<std::overflow_error>(plans_of({"a:" + half, "b:" + half, "a:" + half + " c:1"}));
  require_throws<std::overflow_error>(plans_of({"a:18446744073709551615", "b:1", "a:18446744073709551615 b:1"}));
  // What an index has is counted once, in however many plans it is.
  REQUIRE(balanced({"a:" + half, "a:" + half, "a:" + half, "b:1"}) == lines{"a", "", "", "b"});
  // keep::first adds nothing up.
  REQUIRE(first({"a:" + half + " b:" + half, "b:" + half}) == lines{"a b", ""});
}

TEST_CASE("a negative size is refused, with nothing changed") {
  auto plans = plans_of<std::int64_t>({"a:1 b:2", "b:2 a:1"});
  plans[0].items[1].bytes = -1;
  require_throws<std::invalid_argument>(plans);
  auto optional_plans = plans_of<std::optional<std::int32_t>>({"a:1 b:2", "b:2 a"});
  optional_plans[0].items[0].bytes = std::numeric_limits<std::int32_t>::min();
  require_throws<std::invalid_argument>(optional_plans);
}

// ------------------------------------------------------------------------------------------------------- keep's values

TEST_CASE("a tolerance that is negative or not finite is refused") {
  for (const double wrong : {-1.0, -0.01, -std::numeric_limits<double>::denorm_min(),
                             std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    INFO(wrong);
    REQUIRE_THROWS_AS(dcp::keep::balanced(wrong), std::invalid_argument);
  }
  for (const double right : {0.0, 0.01, 1.0, 1e300}) REQUIRE(dcp::keep::balanced(right).tolerance() == right);
}

TEST_CASE("policies are values: compared, copied, chosen between") {
  STATIC_REQUIRE(dcp::keep::first == dcp::keep::first);
  STATIC_REQUIRE(dcp::keep::first != dcp::keep::balanced);
  STATIC_REQUIRE(dcp::keep::first != dcp::keep::balanced(0));
  STATIC_REQUIRE(dcp::keep::balanced == dcp::keep::balanced);
  STATIC_REQUIRE(dcp::keep::balanced == dcp::keep::balanced(0.01));
  STATIC_REQUIRE(dcp::keep::balanced != dcp::keep::balanced(0.05));
  STATIC_REQUIRE(dcp::keep::balanced(0.05) == dcp::keep::balanced(0.05));
  STATIC_REQUIRE(std::is_copy_assignable_v<dcp::keep>);

  const lines text{"a:10 b:10", "a:10 b:10"};
  for (const bool flag : {true, false}) {
    const dcp::keep with_tolerance = flag ? dcp::keep::first : dcp::keep::balanced(0.05);
    const dcp::keep plain = flag ? dcp::keep::first : dcp::keep::balanced;
    dcp::keep assigned = dcp::keep::balanced;
    if (flag) assigned = dcp::keep::first;
    for (const dcp::keep& each : {with_tolerance, plain, assigned}) {
      REQUIRE(each.is_balanced() == !flag);
      REQUIRE((each == dcp::keep::first) == flag);
      REQUIRE(balanced(text, each) == (flag ? lines{"a b", ""} : lines{"a", "b"}));
    }
    REQUIRE((with_tolerance == dcp::keep::balanced(0.05)) == !flag);
    REQUIRE((plain == dcp::keep::balanced) == !flag);
  }
}

TEST_CASE("options keep the first unless they are told otherwise") {
  STATIC_REQUIRE(std::is_same_v<decltype(dcp::options::keep), dcp::keep>);
  REQUIRE(dcp::options{}.keep == dcp::keep::first);
  REQUIRE(dcp::options{.keep = dcp::keep::balanced}.keep == dcp::keep::balanced);
  REQUIRE(dcp::options{.keep = dcp::keep::balanced(0.25)}.keep.tolerance() == 0.25);
  REQUIRE_FALSE(dcp::options{}.check_replicas);
}
