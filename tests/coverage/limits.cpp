// Sizes at the limits of 64 bits, tensors of no dimension and of many.

#include "../catch.hpp"
#include "tensors.hpp"

#include <cstdint>
#include <limits>

namespace coverage_limits_test {

using dcp::coverage_fault;
using dcp::faulty_tensor;
using test::chunk_of;
using test::numbers;
using test::only_fault;
using test::tensor_plans;

constexpr std::int64_t largest = (std::numeric_limits<std::int64_t>::max)();
constexpr std::int64_t half = std::int64_t{1} << 62;

struct unsigned_part {
  std::vector<std::uint64_t> offsets;
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint64_t> size;
};

struct unsigned_item {
  std::string index;
  unsigned_part writes;

  [[nodiscard]] const unsigned_part& chunk() const { return writes; }
};

struct unsigned_plan {
  std::vector<unsigned_item> items;
};

TEST_CASE("a scalar is one element") {
  REQUIRE(dcp::check_coverage(tensor_plans{{{chunk_of("s", {}, {}, {})}}, {{chunk_of("s", {}, {}, {})}}}).empty());

  // Two indices, as one has no offset.
  test::tensor_item other = chunk_of("s", {}, {}, {});
  other.index.offset.reset();
  REQUIRE(only_fault({{{chunk_of("s", {}, {}, {})}}, {{other}}}) ==
          faulty_tensor{"s", coverage_fault::overlap, {{1, 0}, {0, 0}}, {}, {}, {}});
}

TEST_CASE("a tensor without elements is whole, and no chunk but an empty one lies within it") {
  REQUIRE(dcp::check_coverage(tensor_plans{{{chunk_of("w", {0, 8}, {0, 0}, {0, 8})}}}).empty());
  REQUIRE(dcp::check_coverage(tensor_plans{{{chunk_of("w", {largest, largest, 0}, {0, 0, 0}, {0, 1, 0})}}}).empty());
  REQUIRE(only_fault({{{chunk_of("w", {0, 8}, {0, 0}, {1, 8})}}}).fault == coverage_fault::outside);
}

TEST_CASE("a tensor of 2^63 - 1 elements is checked") {
  REQUIRE(dcp::check_coverage(tensor_plans{{{chunk_of("w", {largest}, {0}, {largest})}}}).empty());
  REQUIRE(dcp::check_coverage(
              tensor_plans{{{chunk_of("w", {largest}, {0}, {half}), chunk_of("w", {largest}, {half}, {half - 1})}}})
              .empty());
  REQUIRE(only_fault({{{chunk_of("w", {largest}, {0}, {half}), chunk_of("w", {largest}, {half + 1}, {half - 2})}}}) ==
          faulty_tensor{"w", coverage_fault::hole, {{0, 0}}, {largest}, {half}, {1}});
  REQUIRE(only_fault({{{chunk_of("w", {largest}, {0}, {half}), chunk_of("w", {largest}, {half - 1}, {half})}}}) ==
          faulty_tensor{"w", coverage_fault::overlap, {{0, 1}, {0, 0}}, {largest}, {half - 1}, {1}});
  REQUIRE(only_fault({{{chunk_of("w", {7, largest / 7}, {0, 0}, {7, largest / 7 - 1})}}}) ==
          faulty_tensor{"w", coverage_fault::hole, {{0, 0}}, {7, largest / 7}, {0, largest / 7 - 1}, {7, 1}});
}

TEST_CASE("a tensor of 2^63 elements or more is told, and never counted round") {
  for (const numbers& size : {numbers{half, 2},
                              {std::int64_t{1} << 32, std::int64_t{1} << 32},
                              {largest, largest},
                              {2, half},
                              {largest, 1, 2},
                              {std::int64_t{1} << 32, std::int64_t{1} << 32, 3}}) {
    CAPTURE(size);
    const faulty_tensor fault = only_fault({{{chunk_of("w", size, numbers(size.size()), size)}}});
    REQUIRE(fault.fault == coverage_fault::malformed);
    REQUIRE(fault.items == std::vector<dcp::item_place>{{0, 0}});
  }
}

TEST_CASE("offsets and sizes whose sum is past 64 bits lie outside") {
  REQUIRE(only_fault({{{chunk_of("w", {largest}, {largest}, {largest})}}}).fault == coverage_fault::outside);
  REQUIRE(only_fault({{{chunk_of("w", {8}, {1}, {largest})}}}).fault == coverage_fault::outside);
  REQUIRE(only_fault({{{chunk_of("w", {8}, {largest}, {1})}}}).fault == coverage_fault::outside);
}

TEST_CASE("unsigned numbers of 2^63 or more are told") {
  constexpr std::uint64_t beyond = std::uint64_t{1} << 63;
  const auto fault_of = [](unsigned_part part) {
    const auto report = dcp::check_coverage(std::vector<unsigned_plan>{{{{"w", std::move(part)}}}});
    return report.empty() ? std::nullopt : std::optional(report.tensors.front().fault);
  };

  REQUIRE(fault_of({{0}, {8}, {8}}) == std::nullopt);
  REQUIRE(fault_of({{beyond}, {8}, {8}}) == coverage_fault::malformed);
  REQUIRE(fault_of({{0}, {~std::uint64_t{0}}, {8}}) == coverage_fault::malformed);
  REQUIRE(fault_of({{0}, {8}, {beyond}}) == coverage_fault::malformed);
}

TEST_CASE("a tensor of 40 dimensions that is taken apart like stairs is checked") {
  // Chunks that take a tensor apart like stairs, each of half of what is left, in two parts: they have 2^40 corners.
  constexpr std::size_t dimensions = 40;
  const numbers size(dimensions, 2);
  tensor_plans plans = {{{chunk_of("w", size, numbers(dimensions, 0), numbers(dimensions, 1))}}};
  for (std::size_t step = 0; step != dimensions; ++step) {
    numbers offsets(dimensions, 0);
    numbers sizes(dimensions, 1);
    offsets[step] = 1;
    for (std::size_t later = step + 2; later < dimensions; ++later) sizes[later] = 2;
    plans[0].items.push_back(chunk_of("w", size, offsets, sizes));
    if (step + 1 == dimensions) break;
    offsets[step + 1] = 1;
    plans[0].items.push_back(chunk_of("w", size, offsets, sizes));
  }
  REQUIRE(dcp::check_coverage(plans).empty());

  const test::part gone = *plans[0].items[30].writes;
  plans[0].items.erase(plans[0].items.begin() + 30);
  REQUIRE(only_fault(plans) == faulty_tensor{"w", coverage_fault::hole, {{0, 0}}, size, gone.offsets, gone.sizes});
}

// PyTorch has at most 64. The check recurses once a dimension, and 100,000 of them once were a stack overflow.
TEST_CASE("a tensor of 64 dimensions is checked, and a tensor of more is malformed") {
  const auto halves = [](std::size_t dimensions) {
    numbers size(dimensions, 1);
    numbers sizes = size;
    numbers offsets(dimensions, 0);
    size.back() = 2;
    tensor_plans plans = {{{chunk_of("w", size, offsets, sizes)}}};
    offsets.back() = 1;
    plans[0].items.push_back(chunk_of("w", size, offsets, sizes));
    return plans;
  };
  REQUIRE(dcp::check_coverage(halves(64)).empty());
  for (const std::size_t dimensions : {65U, 1000U, 100'000U})
    REQUIRE(only_fault(halves(dimensions)) == faulty_tensor{"w", coverage_fault::malformed, {{0, 0}}, {}, {}, {}});
}

}  // namespace coverage_limits_test
