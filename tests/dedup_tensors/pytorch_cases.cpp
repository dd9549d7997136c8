// PyTorch's own test of dedup_tensors (test/distributed/checkpoint/test_dedup_tensors.py), and what its code does step
// by step, on the types of save_plan.hpp. The four real dumps are in dedup_plans_program.cpp.

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"

namespace pytorch_cases_test {

// A write item for a whole one-dimensional tensor, as _create_write_item_for_tensor makes it.
dcp::WriteItem whole_tensor(std::string fqn, std::int64_t size, dcp::WriteItemType type = dcp::WriteItemType::TENSOR) {
  return {.index = {.fqn = std::move(fqn), .offset = dcp::Size{0}},
          .type = type,
          .tensor_data =
              dcp::TensorWriteData{.chunk = {.offsets = {0}, .sizes = {size}}, .properties = {}, .size = {size}}};
}

// A duplicated shard that covers its whole tensor, and an item that no other plan has.
dcp::SavePlan create_plan(std::string second_fqn) {
  return {.items = {whole_tensor("tensor_0", 4, dcp::WriteItemType::SHARD), whole_tensor(std::move(second_fqn), 10)}};
}

dcp::WriteItem pickled(std::string fqn) {
  return {.index = {.fqn = std::move(fqn)}, .type = dcp::WriteItemType::BYTE_IO};
}

TEST_CASE("test_dedup_shards: a shard that both ranks plan stays with rank 0, what is a rank's own stays with it") {
  const std::vector<dcp::SavePlan> plans{create_plan("r0"), create_plan("r1")};

  const std::vector<dcp::SavePlan> result = dcp::dedup_tensors(plans);

  REQUIRE(result.size() == 2);
  REQUIRE(result[0] == plans[0]);
  REQUIRE(result[1].items == std::vector{plans[1].items[1]});
}

TEST_CASE("of an index that all ranks plan the first rank keeps its entry, item by item as PyTorch does") {
  std::vector<dcp::SavePlan> plans(3);
  plans[0].items = {whole_tensor("own.0", 1), whole_tensor("all", 2)};
  plans[1].items = {whole_tensor("all", 2), whole_tensor("1 and 2", 3), whole_tensor("own.1", 4)};
  plans[2].items = {whole_tensor("1 and 2", 3), whole_tensor("own.2", 5), whole_tensor("all", 2)};

  const std::vector<dcp::SavePlan> result = dcp::dedup_tensors(plans);

  REQUIRE(result.size() == 3);
  REQUIRE(result[0].items == plans[0].items);
  REQUIRE(result[1].items == std::vector{plans[1].items[1], plans[1].items[2]});
  REQUIRE(result[2].items == std::vector{plans[2].items[1]});
}

TEST_CASE("the chunks of a sharded tensor are told apart by their offsets, and each replica of one is found") {
  const auto chunk = [](std::int64_t row) {
    dcp::WriteItem item = whole_tensor("w", 8, dcp::WriteItemType::SHARD);
    item.index.offset = dcp::Size{row, 0};
    item.index.index = row / 4;
    item.tensor_data->chunk = {.offsets = {row, 0}, .sizes = {4, 2}};
    item.tensor_data->size = {8, 2};
    return item;
  };
  std::vector<dcp::SavePlan> plans(4);  // two replicas of two shards
  for (std::size_t rank = 0; rank != 4; ++rank) plans[rank].items = {chunk(rank % 2 == 0 ? 0 : 4)};

  const std::vector<dcp::SavePlan> result = dcp::dedup_tensors(plans);

  REQUIRE(result[0] == plans[0]);
  REQUIRE(result[1] == plans[1]);
  REQUIRE(result[2].items.empty());
  REQUIRE(result[3].items.empty());
}

TEST_CASE("items that are written as bytes, which have no offset, are deduplicated too") {
  std::vector<dcp::SavePlan> plans(2);
  plans[0].items = {pickled("lr_scheduler"), pickled("rng.0")};
  plans[1].items = {pickled("lr_scheduler"), pickled("rng.1")};

  const std::vector<dcp::SavePlan> result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[0].items == std::vector{pickled("lr_scheduler"), pickled("rng.0")});
  REQUIRE(result[1].items == std::vector{pickled("rng.1")});
}

TEST_CASE("a plan that loses items keeps its other fields, as dataclasses.replace does") {
  std::vector<dcp::SavePlan> plans{create_plan("r0"), create_plan("r1")};
  plans[1].storage_data = std::make_shared<int>(1);
  plans[1].planner_data = std::make_shared<std::string>("per-rank-data");
  plans[1].usable = false;
  const dcp::SavePlan before = plans[1];

  const std::vector<dcp::SavePlan> result = dcp::dedup_tensors(plans);

  REQUIRE(result[1].items.size() == 1);
  REQUIRE(result[1].storage_data == before.storage_data);
  REQUIRE(result[1].planner_data == before.planner_data);
  REQUIRE_FALSE(result[1].usable);
}

TEST_CASE("plans that have nothing in common come back as they are") {
  std::vector<dcp::SavePlan> plans(2);
  plans[0].items = {whole_tensor("a", 1), pickled("b")};
  plans[1].items = {whole_tensor("c", 1), pickled("d")};

  REQUIRE(dcp::dedup_tensors(plans) == plans);
}

// pytorch/xla issue 7919: PyTorch notes for each index the plans that have it, once for each item, and takes it out of
// all those but the first. A plan that has an index twice follows itself in that list, so it loses both items.
TEST_CASE("an index that one plan alone names twice is not lost, as it is with PyTorch") {
  std::vector<dcp::SavePlan> plans(2);
  plans[0].items = {whole_tensor("tied", 4), whole_tensor("a", 1), whole_tensor("tied", 4)};
  plans[1].items = {whole_tensor("b", 1)};

  const std::vector<dcp::SavePlan> result = dcp::dedup_tensors(plans);

  REQUIRE(result[0].items == std::vector{whole_tensor("tied", 4), whole_tensor("a", 1)});
  REQUIRE(result[1] == plans[1]);
}

}  // namespace pytorch_cases_test
