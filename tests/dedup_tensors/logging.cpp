// The logger hook: what it is told, when, how often, and from where.

#include <dcp/console_logger.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../match.hpp"
#include "../plans.hpp"

namespace logging_test {

using test::lines;
using test::plans_of;

// Keeps what it is told.
struct log_book {
  std::vector<dcp::log_record> records;

  auto hook() {
    return [this](const dcp::log_record& record) { records.push_back(record); };
  }
};

template <class Plans>
std::string message_for(const Plans& plans) {
  log_book log;
  static_cast<void>(dcp::find_duplicates(plans, {.log = log.hook()}));
  REQUIRE(log.records.size() == 1);
  return log.records[0].message;
}

template <class Index>
struct item_with {
  Index index;
};

template <class Index>
struct plan_with {
  std::vector<item_with<Index>> items;
};

// Two plans: one with the index, and one with `before` others and then the index.
template <class Index>
std::string message_for_index(const Index& index, const std::vector<Index>& before = {}) {
  std::vector<plan_with<Index>> plans(2);
  plans[0].items.push_back({index});
  for (const Index& other : before) plans[1].items.push_back({other});
  plans[1].items.push_back({index});
  return message_for(plans);
}

// Counts how often it is printed.
struct printed {
  int value = 0;
  static inline int prints = 0;

  friend bool operator==(const printed&, const printed&) = default;
  friend std::ostream& operator<<(std::ostream& out, const printed& index) {
    ++prints;
    return out << "<no. " << index.value << '>';
  }
};

struct silent {
  int value = 0;
  friend bool operator==(const silent&, const silent&) = default;
};

enum class silent_enum { first, second };

}  // namespace logging_test

template <>
struct std::hash<logging_test::printed> {
  std::size_t operator()(const logging_test::printed& index) const noexcept {
    return static_cast<std::size_t>(index.value);
  }
};

template <>
struct std::hash<logging_test::silent> {
  std::size_t operator()(const logging_test::silent& index) const noexcept {
    return static_cast<std::size_t>(index.value);
  }
};

namespace logging_test {

// ------------------------------------------------------------------------------------------------------ the message

TEST_CASE("the message lists what is removed, plans ascending, a plan's keys in its order") {
  REQUIRE(message_for(plans_of({"a b c", "c a", "x", "b b x"})) ==
          "Duplicate keys to remove: {1: ['c', 'a'], 3: ['b', 'b', 'x']}");
}

TEST_CASE("the message lists a key as often as a plan repeats it") {
  REQUIRE(message_for(plans_of({"a a b a"})) == "Duplicate keys to remove: {0: ['a', 'a']}");
}

TEST_CASE("plans are numbered in decimal, from 0") {
  lines keys(12, "");
  keys[0] = "a";
  keys[10] = "a";
  REQUIRE(message_for(plans_of(keys)) == "Duplicate keys to remove: {10: ['a']}");
}

TEST_CASE("an index of PyTorch's type is printed as Python prints it") {
  std::vector<dcp::SavePlan> plans(2);
  for (auto& plan : plans)
    plan.items = {{.index = {.fqn = "tensor_0", .offset = dcp::Size{0}}},
                  {.index = {.fqn = "w", .offset = dcp::Size{4, 0}, .index = 1}},
                  {.index = {.fqn = "step"}}};
  REQUIRE(message_for(plans) ==
          "Duplicate keys to remove: {1: [MetadataIndex(fqn='tensor_0', offset=torch.Size([0]), index=None), "
          "MetadataIndex(fqn='w', offset=torch.Size([4, 0]), index=1), "
          "MetadataIndex(fqn='step', offset=None, index=None)]}");
}

TEST_CASE("an index is printed by its own operator<<") {
  REQUIRE(message_for_index(printed{7}) == "Duplicate keys to remove: {1: [<no. 7>]}");
  REQUIRE(message_for_index(42) == "Duplicate keys to remove: {1: [42]}");
}

TEST_CASE("an index without operator<< is shown as its position in the plan") {
  REQUIRE(message_for_index(silent{7}, {{1}, {2}}) == "Duplicate keys to remove: {1: [#2]}");
  REQUIRE(message_for_index(silent_enum::second) == "Duplicate keys to remove: {1: [#0]}");
}

TEST_CASE("a string is shown in quotes, with escapes as Python writes them") {
  const auto shown = [](const std::string& name) {
    const std::string message = message_for_index(name);
    const std::string start = "Duplicate keys to remove: {1: [";
    REQUIRE(message.starts_with(start));
    REQUIRE(message.ends_with("]}"));
    return message.substr(start.size(), message.size() - start.size() - 2);
  };
  REQUIRE(shown("") == R"('')");
  REQUIRE(shown("layer 1.weight") == R"('layer 1.weight')");
  REQUIRE(shown("it's") == R"("it's")");
  REQUIRE(shown(R"(say "a")") == R"('say "a"')");
  REQUIRE(shown(R"(it's "a")") == R"('it\'s "a"')");
  REQUIRE(shown(R"(a\b)") == R"('a\\b')");
  REQUIRE(shown("a\nb\rc\td") == R"('a\nb\rc\td')");
  REQUIRE(shown(std::string("\x00\x1b\x7f", 3)) == R"('\x00\x1b\x7f')");
  REQUIRE(shown("\xC3\xA9") == "'\xC3\xA9'");
}

TEST_CASE("a std::string_view is quoted as a string is") {
  REQUIRE(message_for_index(std::string_view("a\tb")) == R"(Duplicate keys to remove: {1: ['a\tb']})");
}

// ------------------------------------------------------------------------------------------------- when and how often

TEST_CASE("the logger is called once a call, at level info") {
  const auto plans = plans_of({"a b", "a b", "a", "b b"});
  log_book log;

  static_cast<void>(dcp::find_duplicates(plans, {.log = log.hook()}));
  REQUIRE(log.records.size() == 1);
  static_cast<void>(dcp::dedup_tensors(plans, {.log = log.hook()}));
  REQUIRE(log.records.size() == 2);
  static_cast<void>(dcp::dedup_tensors(plans_of({"a b", "a b", "a", "b b"}), {.log = log.hook()}));
  REQUIRE(log.records.size() == 3);

  for (const auto& record : log.records) {
    REQUIRE(record.level == dcp::log_level::info);
    REQUIRE(record.message == "Duplicate keys to remove: {1: ['a', 'b'], 2: ['a'], 3: ['b', 'b']}");
  }
}

TEST_CASE("the logger is not called where nothing is removed") {
  log_book log;

  static_cast<void>(dcp::find_duplicates(plans_of({}), {.log = log.hook()}));
  static_cast<void>(dcp::dedup_tensors(plans_of({"", ""}), {.log = log.hook()}));
  const auto plans = plans_of({"a", "b"});
  static_cast<void>(dcp::dedup_tensors(plans, {.log = log.hook()}));

  REQUIRE(log.records.empty());
}

TEST_CASE("the logger is called before any plan of an rvalue is changed") {
  auto plans = plans_of({"a b", "b c"});
  const auto before = plans;
  std::vector<test::plan> seen;

  // Looks at the plans from inside the call that works on them.
  const auto result = dcp::dedup_tensors(std::move(plans), {.log = [&](const dcp::log_record&) { seen = plans; }});

  REQUIRE(seen == before);
  REQUIRE(test::keys_of(result) == lines{"a b", "c"});
}

TEST_CASE("without a logger nothing is formatted") {
  const std::vector<plan_with<printed>> plans{{{{{1}}, {{2}}}}, {{{{1}}, {{3}}}}};
  printed::prints = 0;

  REQUIRE(dcp::find_duplicates(plans).size() == 1);
  REQUIRE(dcp::find_duplicates(plans, {.log = nullptr}).size() == 1);
  REQUIRE(dcp::dedup_tensors(plans)[1].items.size() == 1);
  REQUIRE(printed::prints == 0);

  REQUIRE(message_for(plans) == "Duplicate keys to remove: {1: [<no. 1>]}");
  REQUIRE(printed::prints == 1);
}

TEST_CASE("a logger that is empty says so") {
  REQUIRE_FALSE(dcp::logger());
  REQUIRE_FALSE(dcp::logger(nullptr));
  REQUIRE_FALSE(dcp::options().log);
  REQUIRE_FALSE(dcp::logger(std::function<void(const dcp::log_record&)>()));
  REQUIRE(dcp::logger([](const dcp::log_record&) {}));
  REQUIRE(dcp::console_logger());
}

TEST_CASE("what a logger throws reaches the caller, and leaves an lvalue and an rvalue as they were") {
  auto plans = plans_of({"a b", "b c"});
  const auto before = plans;
  const dcp::options options{.log = [](const dcp::log_record&) { throw std::runtime_error("disk full"); }};

  REQUIRE_THROWS_AS(dcp::find_duplicates(plans, options), std::runtime_error);
  REQUIRE(plans == before);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(plans, options), std::runtime_error);
  REQUIRE(plans == before);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), options), std::runtime_error);
  REQUIRE(plans == before);
}

// -------------------------------------------------------------------------------------------------- the caller's place

TEST_CASE("a record has the file and line of the caller's call") {
  const auto plans = plans_of({"a", "a"});
  log_book log;

  const int line = __LINE__ + 1;
  static_cast<void>(dcp::find_duplicates(plans, {.log = log.hook()}));
  static_cast<void>(dcp::dedup_tensors(plans, {.log = log.hook()}));
  static_cast<void>(dcp::dedup_tensors(plans_of({"a", "a"}), {.log = log.hook()}));

  REQUIRE(log.records.size() == 3);
  for (std::size_t i = 0; i != 3; ++i) {
    REQUIRE(log.records[i].where.file_name() == std::string(__FILE__));
    REQUIRE(log.records[i].where.line() == static_cast<std::size_t>(line) + i);
  }
}

// Compilers differ in which of its lines such a call is at.
TEST_CASE("of a call over several lines a record has one of the lines") {
  const auto plans = plans_of({"a", "a"});
  log_book log;

  const std::size_t before = __LINE__;
  const auto result = dcp::dedup_tensors(plans, {
                                                    .log = log.hook(),
                                                });
  const std::size_t after = __LINE__;

  REQUIRE(result[1].items.empty());
  REQUIRE(log.records.size() == 1);
  REQUIRE(log.records[0].where.file_name() == std::string(__FILE__));
  REQUIRE(log.records[0].where.line() > before);
  REQUIRE(log.records[0].where.line() < after);
}

TEST_CASE("with options made elsewhere, a record still has the place of the call") {
  const auto plans = plans_of({"a", "a"});
  log_book log;
  const dcp::options options{.log = log.hook()};

  const std::size_t line = __LINE__ + 1;
  static_cast<void>(dcp::dedup_tensors(plans, options));

  REQUIRE(log.records.at(0).where.line() == line);
}

TEST_CASE("a caller that wraps the call can hand its own caller's place on") {
  log_book log;

  static_cast<void>(dcp::dedup_tensors(plans_of({"a", "a"}), {.log = log.hook()}, {"save.cpp", 42}));

  REQUIRE(log.records.at(0).where.file_name() == std::string("save.cpp"));
  REQUIRE(log.records.at(0).where.line() == 42);
}

// ----------------------------------------------------------------------------------------------------------- the bound

TEST_CASE("max_message bounds the message, which then ends in how many keys are left out") {
  const auto plans = plans_of({"a b c", "a b", "b c a"});
  const auto bounded = [&](std::size_t max_message) {
    log_book log;
    static_cast<void>(dcp::find_duplicates(plans, {.log = log.hook(), .max_message = max_message}));
    return log.records.at(0).message;
  };
  const std::string start = "Duplicate keys to remove: {1: [";

  REQUIRE(bounded(0) == start + "5 more]}");
  REQUIRE(bounded(start.size()) == start + "5 more]}");
  REQUIRE(bounded(start.size() + 1) == start + "'a', 4 more]}");
  REQUIRE(bounded(start.size() + 6) == start + "'a', 'b'], 2: [3 more]}");
  REQUIRE(bounded(~std::size_t{0}) == start + "'a', 'b'], 2: ['b', 'c', 'a']}");
}

TEST_CASE("under every bound, keys shown and keys counted are all keys, and none is added past the bound") {
  const auto plans = plans_of({"a b c", "a b", "b c a", "c"});
  const std::string full = message_for(plans);
  const test::pattern cut(R"((.*[^0-9])([0-9]+) more\]\})");
  bool was_full = false;

  for (std::size_t bound = 0; bound <= full.size() + 1; ++bound) {
    INFO("bound " << bound);
    log_book log;
    static_cast<void>(dcp::find_duplicates(plans, {.log = log.hook(), .max_message = bound}));
    const std::string message = log.records.at(0).message;
    const auto parts = cut.groups_in(message);
    if (parts.empty()) {
      REQUIRE(message == full);
      was_full = true;
      continue;
    }
    REQUIRE_FALSE(was_full);
    const std::string shown = parts.at(0);
    REQUIRE(full.starts_with(shown));
    REQUIRE(shown.size() >= bound);
    const auto keys_shown = std::count(shown.begin(), shown.end(), '\'') / 2;
    REQUIRE(keys_shown + std::stol(parts.at(1)) == 6);
    if (keys_shown != 0) REQUIRE(shown.find_last_of('\'') - 2 < bound);  // where the last key shown begins
  }
  REQUIRE(was_full);
}

TEST_CASE("a message is bounded by 64 KiB unless another bound is given") {
  REQUIRE(dcp::options().max_message == 65536);

  lines many(2);
  for (int i = 0; i != 5000; ++i) many[0] += "key." + std::to_string(i) + ' ';
  many[1] = many[0];
  REQUIRE(message_for(plans_of(many)).ends_with(", 'key.4999']}"));  // 57 KB
  for (int i = 5000; i != 10000; ++i) many[0] += "key." + std::to_string(i) + ' ';
  many[1] = many[0];
  const std::string message = message_for(plans_of(many));
  REQUIRE(message.size() >= 65536);
  REQUIRE(message.size() < 65536 + 100);
  REQUIRE(message.ends_with(" more]}"));
}

}  // namespace logging_test
