// A caller's own plans, items and indices, which keep their member names and are adapted by traits.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../catch.hpp"

namespace {

// A key with a hash of its own, which leaves a member out that == leaves out too.
struct shard_key {
  std::string parameter;
  std::uint64_t first_byte = 0;
  int last_seen = 0;

  friend bool operator==(const shard_key& a, const shard_key& b) {
    return a.parameter == b.parameter && a.first_byte == b.first_byte;
  }
};

struct write_request {
  shard_key key;
  std::uint64_t bytes = 0;
};

struct rank_requests {
  std::string host;
  std::vector<write_request> writes;
};

// Shows its members through functions alone.
class sealed_item {
 public:
  explicit sealed_item(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] std::string_view name() const { return name_; }

 private:
  std::string name_;
};

class sealed_plan {
 public:
  void add(std::string name) { writes_.emplace_back(std::move(name)); }
  [[nodiscard]] std::deque<sealed_item>& writes() { return writes_; }
  [[nodiscard]] const std::deque<sealed_item>& writes() const { return writes_; }

 private:
  std::deque<sealed_item> writes_;
};

// `items` is inherited.
struct base_plan {
  std::vector<write_request> items;
};
struct derived_plan : base_plan {
  int rank = 0;
};

enum class tensor_id : std::uint16_t { weight, bias, scale };

struct numbered_item {
  tensor_id index;
};
struct numbered_plan {
  std::vector<numbered_item> items;
};

struct shared_plan {
  std::vector<std::shared_ptr<const write_request>> items;
};

struct text_plan {
  std::vector<std::string> items;
};

// A plan whose member is called `items`, but means something else: the trait says what counts.
struct misleading_plan {
  int items = 0;
  std::vector<numbered_item> real;
};

// Its name lies elsewhere, in a table that outlives the plans.
struct named_by_pointer {
  const std::string* name;
};
struct pointing_plan {
  std::vector<named_by_pointer> items;
};

}  // namespace

template <>
struct std::hash<shard_key> {
  std::size_t operator()(const shard_key& key) const noexcept {
    return std::hash<std::string>{}(key.parameter) * 31 + static_cast<std::size_t>(key.first_byte);
  }
};

template <>
struct dcp::save_plan_traits<rank_requests> {
  static auto& items(auto& plan) { return plan.writes; }
};
template <>
struct dcp::write_item_traits<write_request> {
  static const shard_key& index(const write_request& item) { return item.key; }
};

template <>
struct dcp::save_plan_traits<sealed_plan> {
  static auto& items(auto& plan) { return plan.writes(); }
};
template <>
struct dcp::write_item_traits<sealed_item> {
  static std::string_view index(const sealed_item& item) { return item.name(); }
};

template <>
struct dcp::write_item_traits<std::shared_ptr<const write_request>> {
  static const shard_key& index(const std::shared_ptr<const write_request>& item) { return item->key; }
};

template <>
struct dcp::write_item_traits<std::string> {
  static const std::string& index(const std::string& item) { return item; }
};

template <>
struct dcp::save_plan_traits<misleading_plan> {
  static std::vector<numbered_item>& items(misleading_plan& plan) { return plan.real; }
  static const std::vector<numbered_item>& items(const misleading_plan& plan) { return plan.real; }
};

template <>
struct dcp::write_item_traits<named_by_pointer> {
  static std::string_view index(const named_by_pointer& item) { return *item.name; }
};

TEST_CASE("plans and items with other member names are adapted by traits") {
  std::vector<rank_requests> plans{{"node-a", {{{"embedding", 0}, 4096}, {{"norm", 0}, 64}}},
                                   {"node-b", {{{"embedding", 4096}, 4096}, {{"norm", 0}, 64}}}};

  const auto copied = dcp::dedup_tensors(plans);
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved}) {
    REQUIRE(result[0].writes.size() == 2);
    REQUIRE(result[1].host == "node-b");
    REQUIRE(result[1].writes.size() == 1);
    REQUIRE(result[1].writes[0].key == shard_key{"embedding", 4096});
  }
}

TEST_CASE("find_duplicates and erase_duplicates go by the traits too") {
  std::vector<rank_requests> plans{{"a", {{{"x", 0}}, {{"x", 1}}}}, {"b", {{{"y", 0}}, {{"x", 1}}}}};

  const dcp::duplicates found = dcp::find_duplicates(plans);
  REQUIRE(found.size() == 1);
  REQUIRE(*found.in(1).begin() == dcp::duplicate{1, 0, 1});

  dcp::erase_duplicates(plans, found);
  REQUIRE(plans[0].writes.size() == 2);
  REQUIRE(plans[1].writes.size() == 1);
}

TEST_CASE("what the index's own == leaves out does not make two indices of one") {
  std::vector<rank_requests> plans{{"a", {{{"x", 0, 1}}}}, {"b", {{{"x", 0, 2}}}}};

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[0].writes.at(0).key.last_seen == 1);
  REQUIRE(result[1].writes.empty());
}

// The names are short enough to lie inside their std::string: where an item moves, its view moves along.
TEST_CASE("an index may be a std::string_view by value, of types that show nothing but functions") {
  std::vector<sealed_plan> plans(2);
  for (const char* name : {"a", "b", "c"}) plans[0].add(name);
  for (const char* name : {"c", "x", "a", "y", "x"}) plans[1].add(name);

  const auto copied = dcp::dedup_tensors(plans);
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved}) {
    REQUIRE(result[0].writes().size() == 3);
    REQUIRE(result[1].writes().size() == 2);
    REQUIRE(result[1].writes()[0].name() == "x");
    REQUIRE(result[1].writes()[1].name() == "y");
  }
}

TEST_CASE("string_views are compared by what they show, not by where it is") {
  const std::string one = "layer.weight";
  const std::string same = one;
  const std::string other = "layer.bias";
  std::vector<pointing_plan> plans{{{{&one}, {&other}}}, {{{&same}}}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0].items.size() == 2);
  REQUIRE(result[1].items.empty());
}

TEST_CASE("a plan may inherit its items") {
  std::vector<derived_plan> plans(2);
  for (auto& plan : plans) plan.items = {{{"x", 0}, 1}};
  plans[1].rank = 1;

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0].items.size() == 1);
  REQUIRE(result[1].items.empty());
  REQUIRE(result[1].rank == 1);
}

TEST_CASE("an index may be anything with == and std::hash, an enum for instance") {
  const std::vector<numbered_plan> plans{{{{tensor_id::weight}, {tensor_id::bias}}},
                                         {{{tensor_id::scale}, {tensor_id::weight}}}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0].items.size() == 2);
  REQUIRE(result[1].items.size() == 1);
  REQUIRE(result[1].items[0].index == tensor_id::scale);
}

TEST_CASE("items may be pointers, with the index in what they point to") {
  const auto x = std::make_shared<const write_request>(write_request{{"x", 0}, 1});
  const auto x_again = std::make_shared<const write_request>(write_request{{"x", 0}, 1});
  const auto y = std::make_shared<const write_request>(write_request{{"y", 0}, 1});
  const std::vector<shared_plan> plans{{{x}}, {{x_again, y}}};

  const auto result = dcp::dedup_tensors(plans);

  REQUIRE(result[0].items == plans[0].items);
  REQUIRE(result[1].items == std::vector{y});
}

TEST_CASE("an item may be its own index") {
  const auto result = dcp::dedup_tensors(std::vector<text_plan>{{{"a", "b"}}, {{"b", "c"}}});

  REQUIRE(result[0].items == std::vector<std::string>{"a", "b"});
  REQUIRE(result[1].items == std::vector<std::string>{"c"});
}

TEST_CASE("a trait goes before a member of the name that is looked for by default") {
  std::vector<misleading_plan> plans{{7, {{tensor_id::weight}}}, {8, {{tensor_id::weight}, {tensor_id::bias}}}};

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1].items == 8);
  REQUIRE(result[1].real.size() == 1);
  REQUIRE(result[1].real[0].index == tensor_id::bias);
}
