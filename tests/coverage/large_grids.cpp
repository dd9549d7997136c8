// Tensors of very many chunks, as parallel trainers cut them, and as nobody does. What is promised of the time is not
// tested by the clock: a check that compared all pairs would not come to an end here.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "../rounds.hpp"
#include "tensors.hpp"

namespace large_grids_test {

using dcp::coverage_fault;
using test::chunk_of;
using test::numbers;
using test::tensor_plans;

tensor_plans in_plans(std::vector<test::tensor_item> items, std::size_t count) {
  std::shuffle(items.begin(), items.end(), std::mt19937_64(1));
  tensor_plans plans(count);
  for (std::size_t i = 0; i != items.size(); ++i) plans[i % count].items.push_back(std::move(items[i]));
  return plans;
}

/// A grid of `count` chunks in each dimension.
std::vector<test::tensor_item> grid(const numbers& count) {
  numbers size;
  for (const std::int64_t each : count) size.push_back(each * 3);
  const numbers sizes(count.size(), 3);
  std::vector<test::tensor_item> items;
  numbers at(count.size(), 0);
  for (;;) {
    items.push_back(chunk_of("w", size, at, sizes));
    std::size_t i = count.size();
    for (; i != 0 && at[i - 1] + 3 == size[i - 1]; --i) at[i - 1] = 0;
    if (i == 0) return items;
    at[i - 1] += 3;
  }
}

TEST_CASE("grids of very many chunks, of one to six dimensions") {
  constexpr std::int64_t chunks = test::rounds(100'000);
  const auto root = [](double degree) { return std::llround(std::pow(chunks, 1 / degree)); };
  for (const numbers& count : {numbers{chunks},
                               {chunks, 1},
                               {1, chunks},
                               numbers(2, root(2)),
                               numbers(3, root(3)),
                               {1, root(3), 1, root(3), root(3)},
                               numbers(6, root(6))}) {
    CAPTURE(count);
    std::vector<test::tensor_item> items = grid(count);
    REQUIRE(dcp::check_coverage(in_plans(items, 10)).empty());

    const test::part gone = *items[items.size() / 2].writes;
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(items.size() / 2));
    const dcp::faulty_tensor fault = test::only_fault(in_plans(items, 10));
    REQUIRE(fault.fault == coverage_fault::hole);
    REQUIRE(fault.offsets == gone.offsets);
    REQUIRE(fault.sizes == gone.sizes);
  }
}

TEST_CASE("thin slabs in three dimensions, each of which passes many others") {
  // In each layer rods lie along another axis: a search that sorts by one axis has a third of all in its way.
  constexpr std::int64_t rods = 100;
  std::vector<test::tensor_item> items;
  const numbers size = {3 * rods, rods, rods};
  for (std::int64_t layer = 0; layer != rods; ++layer)
    for (std::int64_t rod = 0; rod != rods; ++rod) {
      items.push_back(chunk_of("w", size, {3 * layer, rod, 0}, {1, 1, rods}));
      items.push_back(chunk_of("w", size, {3 * layer + 1, 0, rod}, {2, rods, 1}));
    }
  REQUIRE(dcp::check_coverage(in_plans(items, 3)).empty());

  items.push_back({{"w", numbers{1, 2, 3}}, test::part{{4, 50, 50}, {1, 1, 1}, size}});
  const dcp::faulty_tensor fault = test::only_fault(in_plans(items, 3));
  REQUIRE(fault.fault == coverage_fault::overlap);
  REQUIRE(fault.offsets == numbers{4, 50, 50});
  REQUIRE(fault.sizes == numbers{1, 1, 1});
}

TEST_CASE("bricks, no two of which share a whole face") {
  std::vector<test::tensor_item> items;
  constexpr std::int64_t length = 1000;
  const numbers size = {20, 20, 40 * length};
  for (std::int64_t layer = 0; layer != 20; ++layer)
    for (std::int64_t row = 0; row != 20; ++row) {
      const std::int64_t shift = (layer * 7 + row * 13) % 100 + 1;
      for (std::int64_t brick = 0; brick != 40; ++brick) {
        const std::int64_t begin = brick == 0 ? 0 : brick * length + shift;
        const std::int64_t end = brick == 39 ? 40 * length : (brick + 1) * length + shift;
        items.push_back(chunk_of("w", size, {layer, row, begin}, {1, 1, end - begin}));
      }
    }
  REQUIRE(dcp::check_coverage(in_plans(items, 5)).empty());
}

TEST_CASE("many overlaps of many chunks: the first is told") {
  std::vector<test::tensor_item> items;
  for (std::int64_t i = 0; i != 10'000; ++i)
    items.push_back({{"w", numbers{i}}, test::part{{i, 0}, {20'000 - 2 * i, 20'000}, {20'000, 20'000}}});
  const dcp::faulty_tensor fault = test::only_fault({{items}});

  REQUIRE(fault.fault == coverage_fault::overlap);
  REQUIRE(fault.items == std::vector<dcp::item_place>{{0, 1}, {0, 0}});
  REQUIRE(fault.offsets == numbers{1, 0});
  REQUIRE(fault.sizes == numbers{19'998, 20'000});
}

TEST_CASE("many tensors") {
  std::vector<test::tensor_item> items;
  for (std::int64_t i = 0; i != 20'000; ++i) {
    items.push_back(chunk_of("w" + std::to_string(i), {4, 8}, {0, 0}, {4, 8}));
    if (i % 2 == 0) continue;
    items.back().writes->sizes = {2, 8};
    items.push_back(chunk_of("w" + std::to_string(i), {4, 8}, {2, 0}, {2, 8}));
  }
  REQUIRE(dcp::check_coverage(in_plans(items, 7)).empty());
}

}  // namespace large_grids_test
