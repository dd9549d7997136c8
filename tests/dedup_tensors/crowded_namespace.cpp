// A caller's namespace that has a `same_data`, a `bytes_of` or a `begin_of` of its own: where the library called such a
// function without saying whose, theirs was found by their types. Conflicts were missed, and balancing did nothing. Here
// the types lie in a namespace that has a greedy template of every name that the headers call, and each is deleted.

#include <dcp/balanced.hpp>
#include <dcp/console_logger.hpp>
#include <dcp/coverage.hpp>
#include <dcp/dedup_tensors.hpp>

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../greedy_names.hpp"

namespace crowded {

struct tensor_key {
  std::string fqn;
  std::vector<std::int64_t> offsets;
  friend bool operator==(const tensor_key&, const tensor_key&) = default;
};

struct tensor_part {
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> size;
  friend bool operator==(const tensor_part&, const tensor_part&) = default;
};

struct tensor_item {
  tensor_key index;
  std::int64_t nbytes = 0;
  int data = 0;

  [[nodiscard]] std::int64_t storage_size() const { return nbytes; }
  [[nodiscard]] tensor_part chunk() const { return {index.offsets, {2}, {4}}; }
  friend bool operator==(const tensor_item&, const tensor_item&) = default;
  tensor_item* operator&() = delete;
  const tensor_item* operator&() const = delete;
};

struct rank_plan {
  std::vector<tensor_item> items;
  rank_plan* operator&() = delete;
  const rank_plan* operator&() const = delete;
};

// The items behind pointers in a list, named by a tuple.
struct listed_item {
  tensor_key name;
  std::optional<int> nbytes;
};
struct listed_plan {
  std::list<std::unique_ptr<listed_item>> writes;
};

class job_plans {
 public:
  explicit job_plans(std::vector<rank_plan> plans) : plans_(std::move(plans)) {}
  auto begin() { return plans_.begin(); }
  auto end() { return plans_.end(); }
  [[nodiscard]] auto begin() const { return plans_.begin(); }
  [[nodiscard]] auto end() const { return plans_.end(); }

 private:
  std::vector<rank_plan> plans_;
};

#define DCP_TESTS_GREEDY(name)  \
  template <class... Arguments> \
  void name(Arguments&&...) = delete;
DCP_TESTS_GREEDY_NAMES(DCP_TESTS_GREEDY)

template <class First, class Second>
void operator,(First&&, Second&&) = delete;

}  // namespace crowded

template <>
struct std::hash<crowded::tensor_key> {
  std::size_t operator()(const crowded::tensor_key& key) const { return std::hash<std::string>{}(key.fqn); }
};

template <>
struct dcp::save_plan_traits<crowded::listed_plan> {
  static auto& items(auto& plan) { return plan.writes; }
};
template <>
struct dcp::write_item_traits<crowded::listed_item> {
  static auto index(const crowded::listed_item& item) { return std::tie(item.name, item.name.offsets); }
  static auto storage_size(const crowded::listed_item& item) { return item.nbytes; }
};

namespace {

crowded::tensor_item tensor(std::string name, std::int64_t offset, std::int64_t bytes, int data = 0) {
  return {{std::move(name), {offset}}, bytes, data};
}

std::vector<crowded::rank_plan> sample() {
  std::vector<crowded::rank_plan> plans(2);
  for (const std::int64_t offset : {0, 2})
    for (const char* name : {"a", "b"})
      for (auto& plan : plans) plan.items.push_back(tensor(name, offset, 1 << 20));
  return plans;
}

std::vector<std::string> functions_declared_in(const std::string& header) {
  std::ifstream in(std::string(DCP_SOURCE_DIR) + "/include/dcp/" + header);
  REQUIRE(in);
  std::vector<std::string> names;
  for (std::string line; std::getline(in, line);) {
    // In a namespace nothing is indented.
    if (const std::size_t result = line.find("decltype(auto) "); result != line.npos) line.erase(result, 15);
    const std::size_t end = line.find('(');
    const auto starts = [&](std::string_view word) { return line.starts_with(word); };
    if (end == line.npos || end == 0 || line[0] == ' ' || line[0] == '#' || line[0] == '}' || starts("//") ||
        starts("template") || starts("static_assert") || starts("concept") || starts("using") || starts("extern"))
      continue;
    std::size_t begin = end;
    while (begin != 0 && (std::isalnum(static_cast<unsigned char>(line[begin - 1])) != 0 || line[begin - 1] == '_'))
      --begin;
    const std::string name = line.substr(begin, end - begin);
    if (!name.empty() && name != "operator" && line[begin - 1] != ':') names.push_back(name);
  }
  return names;
}

}  // namespace

TEST_CASE("in a namespace with a function of every name, what is redundant is found, logged and erased") {
  std::string message;
  const dcp::options log{.log = [&](const dcp::log_record& record) { message = record.message; }};
  auto plans = sample();

  const dcp::duplicates found = dcp::find_duplicates(plans, log);
  REQUIRE(found.size() == 4);
  REQUIRE(message == "Duplicate keys to remove: {1: [#0, #1, #2, #3]}");
  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(copied[0].items.size() == 4);
  REQUIRE(copied[1].items.empty());
  dcp::erase_duplicates(plans, found);
  REQUIRE(plans[1].items.empty());
  const auto moved = dcp::dedup_tensors(crowded::job_plans(sample()));
  REQUIRE(moved.begin()[1].items.empty());
}

TEST_CASE("in a namespace with a function of every name, conflicts are found") {
  auto plans = sample();
  REQUIRE_NOTHROW(dcp::find_duplicates(plans, {.check_replicas = true}));
  plans[1].items[2].data = 1;
  REQUIRE_THROWS_AS(dcp::find_duplicates(plans, {.check_replicas = true}), dcp::conflict_error);
}

TEST_CASE("in a namespace with a function of every name, plans are balanced") {
  const auto result = dcp::dedup_tensors(sample(), {.log = dcp::logger(), .keep = dcp::keep::balanced});
  REQUIRE(result[0].items.size() == 2);
  REQUIRE(result[1].items.size() == 2);
}

TEST_CASE("in a namespace with a function of every name, coverage is checked") {
  auto plans = sample();
  for (auto& plan : plans)
    for (auto& item : plan.items) item.index.fqn += std::to_string(item.index.offsets[0]);
  const dcp::coverage_report report = dcp::check_coverage(plans);
  REQUIRE(report.size() == 4);
  REQUIRE_FALSE(report.what().empty());
  REQUIRE_THROWS_AS(dcp::require_coverage(plans), dcp::coverage_error);
}

TEST_CASE("in a namespace with a function of every name, items behind pointers and indices of parts are found") {
  std::vector<crowded::listed_plan> plans(2);
  for (auto& plan : plans)
    for (const char* name : {"a", "b"})
      plan.writes.push_back(std::make_unique<crowded::listed_item>(crowded::listed_item{{name, {}}, 1}));

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[0].writes.size() == 2);
  REQUIRE(result[1].writes.empty());
}

TEST_CASE("the crowded namespace has every function that the headers declare") {
  std::set<std::string> listed;
#define DCP_TESTS_INSERT(name) listed.insert(#name);
  DCP_TESTS_GREEDY_NAMES(DCP_TESTS_INSERT)
#undef DCP_TESTS_INSERT
  std::size_t count = 0;
  for (const char* header : {"dedup_tensors.hpp", "balanced.hpp", "coverage.hpp", "console_logger.hpp"})
    for (const std::string& name : functions_declared_in(header)) {
      INFO("tests/greedy_names.hpp lacks " << name << " of " << header);
      REQUIRE(listed.contains(name));
      ++count;
    }
  REQUIRE(count > 50);
}
