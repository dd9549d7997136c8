// How an item tells its chunk and its tensor's name: members, traits, optionals, references; indices of many kinds.

#include <dcp/coverage.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../catch.hpp"

namespace how_chunks_are_told_test {

// --------------------------------------------------------------------------- a plain value, the index is the name

struct range_part {
  std::array<int, 2> offsets;
  std::array<unsigned, 2> sizes;
  std::list<std::int64_t> size;  // any range of integers
};

struct plain_item {
  std::string index;
  range_part its;

  [[nodiscard]] range_part chunk() const { return its; }  // by value
};

struct plain_plan {
  std::deque<plain_item> items;
};

// ------------------------------------------------------------------ a std::optional of references, the index has fqn

struct index_with_fqn {
  std::string_view fqn;
  int number = 0;
  friend bool operator==(const index_with_fqn&, const index_with_fqn&) = default;
};

struct references {
  const std::vector<std::int64_t>& offsets;
  const std::vector<std::int64_t>& sizes;
  const std::vector<std::int64_t>& size;
  const std::string& dtype;
};

struct referring_item {
  index_with_fqn index;
  std::vector<std::int64_t> offsets, sizes, size;
  std::string type;

  [[nodiscard]] std::optional<references> chunk() const {
    if (size.empty()) return {};
    return references{offsets, sizes, size, type};
  }
};

struct referring_plan {
  std::vector<referring_item> items;
};

// ------------------------------------------- a reference to a std::optional, which the trait returns; the chunk has fqn

struct far_part {
  std::string fqn;
  std::vector<std::int64_t> offsets, sizes, size;
};

struct far_item {
  int key = 0;
  std::optional<far_part> its;
};

struct far_plan {
  std::vector<far_item> items;
};

// -------------------------------------------------------------------------- the index is a pair, the first is the name

using pair_index = std::pair<std::string, int>;

struct pair_part {
  std::vector<std::int64_t> offsets, sizes, size;
};

struct pair_item {
  pair_index index;
  pair_part its;

  [[nodiscard]] const pair_part& chunk() const { return its; }
};

struct pair_plan {
  std::vector<pair_item> items;
};

}  // namespace how_chunks_are_told_test

template <>
struct std::hash<how_chunks_are_told_test::index_with_fqn> {
  std::size_t operator()(const how_chunks_are_told_test::index_with_fqn& index) const noexcept {
    return std::hash<std::string_view>{}(index.fqn) + static_cast<std::size_t>(index.number);
  }
};

template <>
struct std::hash<how_chunks_are_told_test::pair_index> {
  std::size_t operator()(const how_chunks_are_told_test::pair_index& index) const noexcept {
    return std::hash<std::string>{}(index.first) + static_cast<std::size_t>(index.second);
  }
};

template <>
struct dcp::write_item_traits<how_chunks_are_told_test::far_item> {
  static const int& index(const how_chunks_are_told_test::far_item& item) { return item.key; }
  static const auto& chunk(const how_chunks_are_told_test::far_item& item) { return item.its; }
};

namespace how_chunks_are_told_test {

TEST_CASE("a member function that returns a value, ranges of any integers, an index that is the name") {
  std::vector<plain_plan> plans = {{{{"w", {{0, 0}, {2, 8}, {4, 8}}}, {"v", {{0, 0}, {4, 8}, {4, 8}}}}}};
  const dcp::coverage_report report = dcp::check_coverage(plans);

  REQUIRE(report.size() == 1);
  REQUIRE(report.tensors[0].fqn == "w");
  REQUIRE(report.tensors[0].offsets == std::vector<std::int64_t>{2, 0});
}

TEST_CASE("a std::optional of references, an index that has the name") {
  std::vector<referring_plan> plans = {
      {{{{"w", 0}, {0}, {4}, {8}, "float32"}, {{"bytes", 0}, {}, {}, {}, {}}}},
      {{{{"w", 1}, {4}, {4}, {8}, "float32"}}},
  };
  REQUIRE(dcp::check_coverage(plans).empty());

  plans[1].items[0].type = "bfloat16";
  REQUIRE(dcp::check_coverage(plans).tensors.at(0).fault == dcp::coverage_fault::different_dtype);
}

TEST_CASE("a trait that returns a reference to a std::optional, a chunk that has the name") {
  const auto part = [](std::int64_t offset) { return far_part{"w", {offset}, {4}, {8}}; };
  std::vector<far_plan> plans = {{{{1, part(0)}, {2, part(4)}, {3, {}}}}, {{{1, part(0)}}}};
  REQUIRE(dcp::check_coverage(plans).empty());  // an item without a chunk has no name here

  // The items have one index but belong to different tensors, and only one of the items is kept.
  plans[1].items[0].its = far_part{"v", {0}, {4}, {4}};
  const dcp::coverage_report report = dcp::check_coverage(plans);
  REQUIRE(report.size() == 1);
  REQUIRE(report.tensors[0].fqn == "v");
  REQUIRE(report.tensors[0].fault == dcp::coverage_fault::hole);
}

// ------------------------------------------------------------------------------- a namespace with the library's names

}  // namespace how_chunks_are_told_test

namespace crowded {

struct part {
  std::vector<std::int64_t> offsets, sizes, size;
};

struct item {
  std::string index;
  part its;

  [[nodiscard]] const part& chunk() const { return its; }
};

struct plan {
  std::vector<item> items;
};

// Better matches than the library's own, were they called without saying whose.
void given_chunk(const item&) = delete;
void chunk_in(const part&) = delete;
void tensor_name(const part*, const std::string&) = delete;
void dtype_of(const part*) = delete;
void read_boxes(const part&, auto&, auto&) = delete;
void find_duplicates(const std::vector<plan>&) = delete;
void check_coverage(const std::vector<plan>&) = delete;
void require_coverage(const std::vector<plan>&) = delete;

}  // namespace crowded

namespace how_chunks_are_told_test {

TEST_CASE("functions of the caller's namespace are not taken for the library's") {
  std::vector<crowded::plan> plans = {{{{"w", {{0}, {4}, {4}}}}}, {{{"w", {{0}, {4}, {4}}}}}};
  REQUIRE(dcp::check_coverage(plans).empty());
  REQUIRE_NOTHROW(dcp::require_coverage(plans));
}

TEST_CASE("an index of several parts, of which the first is the name") {
  std::vector<pair_plan> plans = {{{{{"w", 0}, {{0}, {4}, {8}}}, {{"w", 1}, {{4}, {4}, {8}}}}}};
  REQUIRE(dcp::check_coverage(plans).empty());

  plans[0].items.pop_back();
  const dcp::coverage_report report = dcp::check_coverage(plans);
  REQUIRE(report.size() == 1);
  REQUIRE(report.tensors[0].fqn == "w");
}

}  // namespace how_chunks_are_told_test
