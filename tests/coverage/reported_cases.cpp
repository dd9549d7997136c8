// What users of PyTorch and Megatron-LM reported: checkpoints of which a tensor was not whole.

#include "../catch.hpp"
#include "tensors.hpp"

namespace reported_cases_test {

using dcp::coverage_fault;
using dcp::faulty_tensor;
using test::chunk_of;
using test::only_fault;
using test::tensor_plan;
using test::tensor_plans;

TEST_CASE(
    "half of each tensor is covered, as the ranks of one axis named their part as if it were the other's (126595)") {
  // 3-D parallel on 8 ranks: (256, 256), of which the chunks of all ranks have 32,768 elements and not 65,536.
  tensor_plans plans(8);
  for (std::int64_t rank = 0; rank != 8; ++rank)
    plans[static_cast<std::size_t>(rank)].items.push_back(
        chunk_of("layers.0.attention.wq.weight", {256, 256}, {rank % 4 / 2 * 128, rank % 2 * 64}, {128, 64}));

  REQUIRE(
      only_fault(plans) ==
      faulty_tensor{"layers.0.attention.wq.weight", coverage_fault::hole, {{0, 0}}, {256, 256}, {0, 128}, {256, 128}});
}

TEST_CASE("an optimizer's shard goes past the end of its parameter (Megatron-LM 5174)") {
  REQUIRE(only_fault({{{chunk_of("exp_avg", {1000}, {0}, {512})}}, {{chunk_of("exp_avg", {1000}, {512}, {512})}}}) ==
          faulty_tensor{"exp_avg", coverage_fault::outside, {{1, 0}}, {1000}, {512}, {512}});
}

TEST_CASE("tensor-parallel ranks name their local part as if it were the whole") {
  // Under one index: the same offsets, the same sizes, so it is replicas, and whole. Uneven, it is told.
  REQUIRE(only_fault({{{chunk_of("w", {4, 8}, {0, 0}, {4, 8})}}, {{chunk_of("w", {3, 8}, {0, 0}, {3, 8})}}}).fault ==
          coverage_fault::different_size);
}

TEST_CASE("tensor-parallel parts under one name overlap") {
  REQUIRE(only_fault({{{chunk_of("w", {8, 8}, {0, 0}, {8, 8})}}, {{chunk_of("w", {8, 8}, {0, 4}, {8, 4})}}}) ==
          faulty_tensor{"w", coverage_fault::overlap, {{1, 0}, {0, 0}}, {8, 8}, {0, 4}, {8, 4}});
}

TEST_CASE(
    "a grouped expert tensor, one element of each leading dimension an expert, of which all but one are written") {
  tensor_plans plans(4);
  for (std::int64_t layer = 0; layer != 6; ++layer)
    for (std::int64_t expert = 0; expert != 16; ++expert)
      for (std::int64_t rank = 0; rank != 4; ++rank)
        if (layer != 3 || expert != 5 || rank != 2)
          plans[static_cast<std::size_t>(rank)].items.push_back(
              chunk_of("linear_fc1", {6, 16, 64, 32}, {layer, expert, rank * 16, 0}, {1, 1, 16, 32}));

  REQUIRE(only_fault(plans) ==
          faulty_tensor{"linear_fc1", coverage_fault::hole, {{0, 0}}, {6, 16, 64, 32}, {3, 5, 32, 0}, {1, 1, 16, 32}});
}

TEST_CASE("a dtype that differs by rank is told, though every index is there once") {
  REQUIRE(only_fault({{{chunk_of("w", {4}, {0}, {2}, 16)}}, {{chunk_of("w", {4}, {2}, {2}, 32)}}}).fault ==
          coverage_fault::different_dtype);
}

TEST_CASE("an empty shard whose offset is another shard's is no fault (pytorch PR 150862)") {
  // Uneven FSDP: the last rank has nothing, at an offset that lies past the end or is that of a shard that is not empty.
  const tensor_plan first = {{chunk_of("w", {5, 8}, {0, 0}, {3, 8})}};
  const tensor_plan second = {{chunk_of("w", {5, 8}, {3, 0}, {2, 8})}};
  for (const test::numbers& offsets : {test::numbers{0, 0}, {3, 0}, {5, 0}, {6, 0}}) {
    CAPTURE(offsets);
    const tensor_plan third = {{chunk_of("w", {5, 8}, offsets, {0, 8})}};
    REQUIRE(dcp::check_coverage(tensor_plans{first, second, third}).empty());
    REQUIRE(dcp::check_coverage(tensor_plans{third, first, second}).empty());
  }
}

}  // namespace reported_cases_test
