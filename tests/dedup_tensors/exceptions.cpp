// What a caller's types throw: an lvalue is untouched, and an rvalue too, as all that throws comes before its first
// change. Each kind of operation is made to throw at its first use, at its second, and so on, until the call gets
// through.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <functional>
#include <list>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"
#include "../policies.hpp"

namespace exceptions_test {

enum class operation { none, hash, compare, copy, move, print, storage_size, same_data };

struct fault {};

// Which operation is going to throw, and after how many that do not.
struct faults {
  static inline operation armed = operation::none;
  static inline long spared = 0;

  static void pass(operation done) {
    if (done != armed || spared-- != 0) return;
    armed = operation::none;
    throw fault();
  }
};

struct key {
  std::string text;

  explicit key(std::string name) : text(std::move(name)) {}
  key(const key& other) : text(other.text) { faults::pass(operation::copy); }
  key(key&& other) : text((faults::pass(operation::move), std::move(other.text))) {}
  key& operator=(const key& other) {
    faults::pass(operation::copy);
    text = other.text;
    return *this;
  }
  key& operator=(key&& other) {
    faults::pass(operation::move);
    text = std::move(other.text);
    return *this;
  }
  ~key() = default;

  friend bool operator==(const key& a, const key& b) {
    faults::pass(operation::compare);
    return a.text == b.text;
  }
  friend std::ostream& operator<<(std::ostream& out, const key& self) {
    faults::pass(operation::print);
    return out << self.text;
  }
};

struct item {
  key index;

  [[nodiscard]] int storage_size() const {
    faults::pass(operation::storage_size);
    return 1;
  }
  friend bool operator==(const item&, const item&) {
    faults::pass(operation::same_data);
    return true;
  }
};

template <class Items>
struct plan_with {
  Items items;
};

const char* name_of(operation which) {
  switch (which) {
    case operation::none: return "nothing";
    case operation::hash: return "hash";
    case operation::compare: return "==";
    case operation::copy: return "copy";
    case operation::move: return "move";
    case operation::print: return "operator<<";
    case operation::storage_size: return "storage_size";
    case operation::same_data: return "== of items";
  }
  return "";
}

template <class Plan>
std::vector<Plan> make_plans() {
  std::vector<Plan> plans;
  for (const std::vector<const char*>& names : std::vector<std::vector<const char*>>{
           {"a", "b", "c", "d"}, {"x", "b", "a", "y", "y"}, {}, {"a", "b", "c", "d", "z"}}) {
    Plan& plan = plans.emplace_back();
    for (const char* name : names) plan.items.push_back({key(name)});
  }
  return plans;
}

template <class Plans>
test::lines words_of(const Plans& plans) {
  test::lines result;
  for (const auto& plan : plans) {
    std::string& line = result.emplace_back();
    for (const auto& each : plan.items) line += each.index.text + ' ';
  }
  return result;
}

const test::lines before{"a b c d ", "x b a y y ", "", "a b c d z "};
const test::lines after{"a b c d ", "x y ", "", "z "};
const test::lines after_last{"", "x y ", "", "a b c d z "};

// Runs `call` on plans made anew, with the operation failing ever later, until it gets through; returns how often it
// failed.
template <class Plan, class Call>
int failures(operation which, Call call, const test::lines& expected = after) {
  for (int spared = 0;; ++spared) {
    INFO(name_of(which) << " number " << spared << " throws");
    auto plans = make_plans<Plan>();
    faults::armed = which;
    faults::spared = spared;
    try {
      const test::lines result = call(plans);
      faults::armed = operation::none;
      REQUIRE(result == expected);
      return spared;
    } catch (const fault&) {
      REQUIRE(faults::armed == operation::none);
      REQUIRE(words_of(plans) == before);
    }
  }
}

const auto deduplicate_lvalue = [](auto& plans) {
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(words_of(plans) == before);
  return words_of(result);
};

const auto deduplicate_rvalue = [](auto& plans) { return words_of(dcp::dedup_tensors(std::move(plans))); };

const auto find_then_erase = [](auto& plans) {
  const dcp::duplicates found = dcp::find_duplicates(plans);
  dcp::erase_duplicates(plans, found);
  return words_of(plans);
};

const auto deduplicate_rvalue_with_log = [](auto& plans) {
  return words_of(dcp::dedup_tensors(std::move(plans), {.log = [](const dcp::log_record&) {}}));
};

const auto choose_lvalue_and_check = [](auto& plans) {
  const auto result = dcp::dedup_tensors(plans, {.keep = test::keep_last, .check_replicas = true});
  REQUIRE(words_of(plans) == before);
  return words_of(result);
};

const auto choose_rvalue_and_check = [](auto& plans) {
  return words_of(dcp::dedup_tensors(std::move(plans), {.keep = test::keep_last, .check_replicas = true}));
};

const auto check_rvalue = [](auto& plans) {
  return words_of(dcp::dedup_tensors(std::move(plans), {.check_replicas = true}));
};

using vector_plan = plan_with<std::vector<item>>;
using list_plan = plan_with<std::list<item>>;

}  // namespace exceptions_test

template <>
struct std::hash<exceptions_test::key> {
  std::size_t operator()(const exceptions_test::key& index) const {
    exceptions_test::faults::pass(exceptions_test::operation::hash);
    return std::hash<std::string>{}(index.text);
  }
};

namespace exceptions_test {

TEST_CASE("an lvalue is untouched, whichever call of its hash, == or copy throws") {
  for (const operation which : {operation::hash, operation::compare, operation::copy}) {
    REQUIRE(failures<vector_plan>(which, deduplicate_lvalue) > 0);
    REQUIRE(failures<list_plan>(which, deduplicate_lvalue) > 0);
  }
}

TEST_CASE("an lvalue is untouched even where moving an item throws") {
  REQUIRE(failures<vector_plan>(operation::move, deduplicate_lvalue) >= 0);
  REQUIRE(failures<list_plan>(operation::move, deduplicate_lvalue) >= 0);
}

TEST_CASE("an rvalue is unchanged, whichever call of its hash or == throws") {
  for (const operation which : {operation::hash, operation::compare}) {
    REQUIRE(failures<vector_plan>(which, deduplicate_rvalue) > 0);
    REQUIRE(failures<list_plan>(which, deduplicate_rvalue) > 0);
    REQUIRE(failures<vector_plan>(which, find_then_erase) > 0);
    REQUIRE(failures<list_plan>(which, find_then_erase) > 0);
  }
}

TEST_CASE("an rvalue is unchanged where an index throws as it is printed for the log") {
  REQUIRE(failures<vector_plan>(operation::print, deduplicate_rvalue_with_log) == 7);
  REQUIRE(failures<list_plan>(operation::print, deduplicate_rvalue_with_log) == 7);
}

TEST_CASE("an rvalue has no copy that could throw") {
  REQUIRE(failures<vector_plan>(operation::copy, deduplicate_rvalue) == 0);
  REQUIRE(failures<list_plan>(operation::copy, deduplicate_rvalue) == 0);
  REQUIRE(failures<list_plan>(operation::copy, deduplicate_rvalue_with_log) == 0);
}

TEST_CASE("an rvalue is unchanged, whichever call of its hash, ==, storage_size or comparison of replicas throws") {
  for (const operation which : {operation::hash, operation::compare, operation::storage_size, operation::same_data}) {
    REQUIRE(failures<vector_plan>(which, choose_rvalue_and_check, after_last) > 0);
    REQUIRE(failures<list_plan>(which, choose_rvalue_and_check, after_last) > 0);
  }
  REQUIRE(failures<vector_plan>(operation::same_data, check_rvalue) == 7);
  REQUIRE(failures<list_plan>(operation::same_data, check_rvalue) == 7);
  REQUIRE(failures<vector_plan>(operation::copy, choose_rvalue_and_check, after_last) == 0);
}

TEST_CASE("an lvalue is untouched, whichever call of its storage_size or comparison of replicas throws") {
  for (const operation which : {operation::storage_size, operation::same_data, operation::copy, operation::move}) {
    INFO(name_of(which));
    REQUIRE(failures<vector_plan>(which, choose_lvalue_and_check, after_last) >= (which == operation::move ? 0 : 1));
  }
}

TEST_CASE("replicas are compared by check_replicas alone") {
  REQUIRE(failures<vector_plan>(operation::same_data, deduplicate_rvalue) == 0);
}

}  // namespace exceptions_test
