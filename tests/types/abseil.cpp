// Items in Abseil's containers, whose hash maps are erased from by functions that return nothing, and its hash.

#include <dcp/dedup_tensors.hpp>

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/fixed_array.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <absl/container/node_hash_map.h>
#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

using test::lines;

namespace {

struct tensor {
  int data = 0;
  friend bool operator==(const tensor&, const tensor&) = default;
};

// Has a hash for Abseil alone.
struct shard_key {
  std::string fqn;
  absl::InlinedVector<std::int64_t, 4> offsets;

  friend bool operator==(const shard_key&, const shard_key&) = default;
  template <class State>
  friend State AbslHashValue(State state, const shard_key& key) {
    return State::combine(std::move(state), key.fqn, key.offsets);
  }
};

struct shard {
  shard_key index;
};

struct tied_shard {
  std::string fqn;
  absl::InlinedVector<std::int64_t, 4> offsets;
};

template <class Item>
struct plan {
  std::vector<Item> items;
};

template <class Map>
void require_each_once_in_maps() {
  std::vector<Map> plans(3);
  for (int i = 0; i != 200; ++i)
    for (std::size_t rank = 0; rank != plans.size(); ++rank)
      if (i % 7 != static_cast<int>(rank)) plans[rank]["layer." + std::to_string(i)] = {i};
  const auto before = plans;

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans == before);
  auto erased = plans;
  dcp::erase_duplicates(erased, dcp::find_duplicates(erased));
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved, erased}) {
    lines names;
    for (const Map& each : result)
      for (const auto& [name, data] : each) {
        REQUIRE(name == "layer." + std::to_string(data.data));
        REQUIRE(each.contains(name));
        names.push_back(name);
      }
    REQUIRE(names.size() == 200);
    std::sort(names.begin(), names.end());
    REQUIRE(std::unique(names.begin(), names.end()) == names.end());
  }
}

}  // namespace

template <>
struct dcp::write_item_traits<std::string> {
  static const std::string& index(const std::string& item) { return item; }
};
template <>
struct dcp::write_item_traits<shard> {
  static std::size_t hash(const shard_key& index) { return absl::Hash<shard_key>{}(index); }
};
template <>
struct dcp::write_item_traits<tied_shard> {
  static auto index(const tied_shard& item) { return std::tie(item.fqn, item.offsets); }
};

TEST_CASE("of the entries of Abseil's maps none is lost, in a copy and in place") {
  require_each_once_in_maps<absl::flat_hash_map<std::string, tensor>>();
  require_each_once_in_maps<absl::node_hash_map<std::string, tensor>>();
  require_each_once_in_maps<absl::btree_map<std::string, tensor>>();
}

TEST_CASE("items may lie in Abseil's sets") {
  std::vector<absl::flat_hash_set<std::string>> sets{{"a", "b"}, {"b", "c"}};
  REQUIRE(dcp::dedup_tensors(sets)[1] == absl::flat_hash_set<std::string>{"c"});
  std::vector<absl::btree_set<std::string>> trees{{"a", "b"}, {"b", "c"}};
  REQUIRE(dcp::dedup_tensors(std::move(trees))[1] == absl::btree_set<std::string>{"c"});
}

TEST_CASE("items may lie in an InlinedVector, in itself and on the heap") {
  const lines input{"a b a", "", "b c a d", "d e e c f"};
  auto plans = test::plans_of<test::basic_plan<absl::InlinedVector<test::item, 4>>>(input);
  REQUIRE(test::keys_of(dcp::dedup_tensors(plans)) == lines{"a b", "", "c d", "e f"});
  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(plans))) == lines{"a b", "", "c d", "e f"});
}

TEST_CASE("plans may lie in Abseil's containers") {
  const auto plans = test::plans_of({"a b", "b c"});
  absl::InlinedVector<test::plan, 4> inlined(plans.begin(), plans.end());
  REQUIRE(test::keys_of(dcp::dedup_tensors(inlined)) == lines{"a b", "c"});
  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(inlined))) == lines{"a b", "c"});

  absl::FixedArray<test::plan> fixed(plans.begin(), plans.end());
  REQUIRE(dcp::dedup_tensors(fixed)[1].items.size() == 1);

  absl::flat_hash_map<int, test::plan> by_rank;
  for (const test::plan& each : plans) by_rank[each.rank] = each;
  std::size_t count = 0;
  for (const auto& [rank, each] : dcp::dedup_tensors(std::move(by_rank))) count += each.items.size();
  REQUIRE(count == 3);

  auto viewed = plans;
  dcp::erase_duplicates(absl::MakeSpan(viewed), dcp::find_duplicates(absl::MakeConstSpan(viewed)));
  REQUIRE(test::keys_of(viewed) == lines{"a b", "c"});
}

TEST_CASE("a key that has a hash for Abseil is found by it, and its members tied together as well") {
  std::vector<plan<shard>> shards{{{{{"w", {0, 0}}}, {{"w", {4, 0}}}}}, {{{{"w", {4, 0}}}, {{"w", {0, 4}}}}}};
  const auto result = dcp::dedup_tensors(std::move(shards));
  REQUIRE(result[1].items.size() == 1);
  REQUIRE(result[1].items[0].index.offsets[1] == 4);

  std::vector<plan<tied_shard>> tied{{{{"w", {0, 0}}, {"w", {4, 0}}}}, {{{"w", {4, 0}}, {"w", {0, 4}}}}};
  REQUIRE(dcp::dedup_tensors(std::move(tied))[1].items.size() == 1);
}
