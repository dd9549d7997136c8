// Plans as protobuf generates them. Their functions `items()`, `mutable_items()`, `index()` and `storage_size()` work as
// they are. Copies of a map<> have another order, and between arenas a move is a copy.

#include <dcp/balanced.hpp>
#include <dcp/dedup_tensors.hpp>

#include <google/protobuf/arena.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "plans.pb.h"

namespace protobuf = google::protobuf;

namespace {

using names = std::vector<std::string>;

frameworks::Plan plan(int rank, const names& indices, std::int64_t bytes = 1) {
  frameworks::Plan result;
  result.set_rank(rank);
  for (const std::string& index : indices) {
    frameworks::Item& item = *result.add_items();
    item.set_index(index);
    item.set_storage_size(bytes);
  }
  return result;
}

names names_in(const frameworks::Plan& plan) {
  names result;
  for (const frameworks::Item& item : plan.items()) result.push_back(item.index());
  return result;
}

frameworks::MapPlan map_plan(int from, int to) {
  frameworks::MapPlan result;
  for (int i = from; i != to; ++i) (*result.mutable_items())["layer." + std::to_string(i)].set_storage_size(i + 1);
  return result;
}

// That each of `count` tensors is in one plan, with its own data.
void require_each_once(const auto& plans, int count) {
  names found;
  for (const frameworks::MapPlan& each : plans)
    for (const auto& [name, tensor] : each.items()) {
      REQUIRE(name == "layer." + std::to_string(tensor.storage_size() - 1));
      found.push_back(name);
    }
  REQUIRE(found.size() == static_cast<std::size_t>(count));
  std::sort(found.begin(), found.end());
  REQUIRE(std::unique(found.begin(), found.end()) == found.end());
}

}  // namespace

template <>
struct dcp::save_plan_traits<frameworks::ShardPlan> {
  static auto& items(const frameworks::ShardPlan& plan) { return plan.shards(); }
  static auto& items(frameworks::ShardPlan& plan) { return *plan.mutable_shards(); }
};
template <>
struct dcp::write_item_traits<frameworks::Shard> {
  static auto index(const frameworks::Shard& item) { return std::tie(item.fqn(), item.offsets()); }
  static std::optional<std::int64_t> storage_size(const frameworks::Shard& item) {
    return item.has_nbytes() ? std::optional(item.nbytes()) : std::nullopt;
  }
  static bool same_data(const frameworks::Shard& a, const frameworks::Shard& b) {
    return protobuf::util::MessageDifferencer::Equals(a, b);
  }
};

TEST_CASE("messages with repeated items work as they are") {
  std::vector<frameworks::Plan> plans{plan(0, {"a", "b"}), plan(1, {"b", "c", "a", "d"})};
  std::string message;

  const dcp::duplicates found =
      dcp::find_duplicates(plans, {.log = [&](const dcp::log_record& record) { message = record.message; }});
  REQUIRE(message == "Duplicate keys to remove: {1: ['b', 'a']}");
  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans[1].items_size() == 4);
  auto erased = plans;
  dcp::erase_duplicates(erased, found);
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved, erased}) {
    REQUIRE(names_in(result[0]) == names{"a", "b"});
    REQUIRE(names_in(result[1]) == names{"c", "d"});
    REQUIRE(result[1].rank() == 1);
  }
}

TEST_CASE("plans may be a repeated field, on an arena too") {
  protobuf::Arena arena;
  frameworks::Job on_heap;
  auto* on_arena = protobuf::Arena::CreateMessage<frameworks::Job>(&arena);
  for (frameworks::Job* job : {&on_heap, on_arena}) {
    *job->add_plans() = plan(0, {"a", "b"});
    *job->add_plans() = plan(1, {"b", "c", "a"});

    const auto copied = dcp::dedup_tensors(job->plans());
    REQUIRE(names_in(copied[1]) == names{"c"});
    REQUIRE(job->plans(1).items_size() == 3);
    dcp::erase_duplicates(*job->mutable_plans(), dcp::find_duplicates(job->plans()));
    REQUIRE(names_in(job->plans(1)) == names{"c"});
    *job->mutable_plans(1) = plan(1, {"b", "c", "a"});
    const auto moved = dcp::dedup_tensors(std::move(*job->mutable_plans()));
    REQUIRE(names_in(moved[0]) == names{"a", "b"});
    REQUIRE(names_in(moved[1]) == names{"c"});
  }
}

TEST_CASE("of items in a map<> none is lost, in a copy, in place and where a move is a copy") {
  std::vector<frameworks::MapPlan> plans{map_plan(0, 30), map_plan(10, 40), map_plan(0, 40)};
  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans[2].items_size() == 40);
  require_each_once(copied, 40);
  auto erased = plans;
  dcp::erase_duplicates(erased, dcp::find_duplicates(erased));
  require_each_once(erased, 40);
  require_each_once(dcp::dedup_tensors(std::move(plans)), 40);

  protobuf::Arena arena;
  protobuf::RepeatedPtrField<frameworks::MapPlan>* on_arena =
      protobuf::Arena::CreateMessage<protobuf::RepeatedPtrField<frameworks::MapPlan>>(&arena);
  for (int rank = 0; rank != 3; ++rank) *on_arena->Add() = map_plan(0, 40);
  require_each_once(dcp::dedup_tensors(std::move(*on_arena)), 40);
}

TEST_CASE("plans may be a map<> by rank, and lose nothing") {
  frameworks::RankedJob job;
  for (int rank = 0; rank != 16; ++rank) (*job.mutable_plans())[rank] = map_plan(rank, rank + 20);

  const auto require_all = [](const auto& by_rank) {
    std::vector<frameworks::MapPlan> plans;
    for (const auto& [rank, each] : by_rank) plans.push_back(each);
    require_each_once(plans, 35);
  };
  require_all(dcp::dedup_tensors(job.plans()));
  REQUIRE(job.plans().at(15).items_size() == 20);
  require_all(dcp::dedup_tensors(std::move(*job.mutable_plans())));
}

TEST_CASE("bytes are told by storage_size(), of items and of a map's values") {
  std::vector<frameworks::Plan> plans{plan(0, {"a", "b"}, 1 << 20), plan(1, {"a", "b"}, 1 << 20)};
  for (const auto& each : dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced})) REQUIRE(each.items_size() == 1);

  std::vector<frameworks::MapPlan> maps(2);
  for (auto& each : maps)
    for (const char* name : {"a", "b"}) (*each.mutable_items())[name].set_storage_size(1 << 20);
  for (const auto& each : dcp::dedup_tensors(maps, {.keep = dcp::keep::balanced})) REQUIRE(each.items_size() == 1);
}

TEST_CASE("a field that is repeated may be a part of an index, of messages with names of their own") {
  std::vector<frameworks::ShardPlan> plans(2);
  for (auto& each : plans)
    for (const std::int64_t offset : {0, 4}) {
      frameworks::Shard& shard = *each.add_shards();
      shard.set_fqn("w");
      shard.add_offsets(offset);
    }
  plans[1].mutable_shards(0)->add_offsets(0);

  REQUIRE(dcp::find_duplicates(plans, {.check_replicas = true}).size() == 1);
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(result[0].shards_size() == 2);
  REQUIRE(result[1].shards_size() == 1);
  REQUIRE(result[1].shards(0).offsets_size() == 2);

  plans[1].mutable_shards(1)->set_nbytes(1);
  REQUIRE_THROWS_AS(dcp::find_duplicates(plans, {.check_replicas = true}), dcp::conflict_error);
}
