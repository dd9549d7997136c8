// What keep::balanced is for: a largest plan that is small, and few files that a rank opens to load what it planned.
// Measured on PyTorch's real plans and on a large layout, against the two ways to balance that PyTorch's users have:
// dedup_save_plans, and a distribution of the largest first.

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../examples/plan_dump.hpp"
#include "balanced_model.hpp"
#include "catch.hpp"

namespace {

using plans = std::vector<dcp::SavePlan>;
using keepers = std::vector<std::uint32_t>;  // of each index, in the order in which they first occur

test::planned_indices indices_of(const plans& all) {
  return test::indices_of(
      all, [](const dcp::WriteItem& item) { return std::pair(item.index.fqn, item.index.offset); },
      [](const dcp::WriteItem& item) { return static_cast<std::uint64_t>(item.storage_size().value_or(0)); });
}

// ------------------------------------------------------------------------------------------------------ the references

// PyTorch's dedup_save_plans: goes through the indices in the order of their first occurrence and gives each to the
// plan that has the least bytes so far, of those that have it. It counts the whole tensor for each chunk, and 1 for
// what is no tensor.
keepers dedup_save_plans(const plans& all) {
  const auto indices = test::indices_of(
      all, [](const dcp::WriteItem& item) { return std::pair(item.index.fqn, item.index.offset); },
      [](const dcp::WriteItem& item) { return static_cast<std::uint64_t>(item.tensor_storage_size().value_or(0)); });
  test::assignment result{keepers(indices.all.size()), std::vector<std::uint64_t>(all.size())};
  for (std::uint32_t index = 0; index != indices.all.size(); ++index) {
    const std::uint32_t keeper = result.least_loaded(indices.all[index].plans);
    result.keepers[index] = keeper;
    result.loads[keeper] += std::max<std::uint64_t>(1, indices.all[index].bytes);
  }
  return result.keepers;
}

// Gives each index, largest first, to the plan that has the least bytes so far, of those that have it.
keepers largest_first_greedy(const plans& all) {
  const auto indices = indices_of(all);
  std::vector<std::uint32_t> order(indices.all.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) {
    return indices.all[a].bytes != indices.all[b].bytes ? indices.all[a].bytes > indices.all[b].bytes : a < b;
  });
  test::assignment result{keepers(indices.all.size()), std::vector<std::uint64_t>(all.size())};
  for (const std::uint32_t index : order) result.give(indices, index, result.least_loaded(indices.all[index].plans));
  return result.keepers;
}

keepers library(const plans& all, dcp::keep keep) {
  const auto indices = indices_of(all);
  const dcp::duplicates found = dcp::find_duplicates(all, {.keep = keep});
  keepers result(indices.all.size());
  for (std::uint32_t rank = 0; rank != all.size(); ++rank) {
    std::vector<bool> stays(all[rank].items.size(), true);
    for (const dcp::duplicate& each : found.in(rank)) stays[each.position] = false;
    for (std::size_t position = 0; position != stays.size(); ++position)
      if (stays[position]) result[indices.numbers[rank][position]] = rank;
  }
  return result;
}

// -------------------------------------------------------------------------------------------------------- the measures

struct measures {
  std::uint64_t largest = 0;  // bytes of the largest plan
  double files = 0;           // that a rank opens: the distinct keepers of its indices, the mean of all ranks
};

measures measure(const plans& all, const keepers& who) {
  const auto indices = indices_of(all);
  std::vector<std::uint64_t> loads(all.size());
  for (std::size_t index = 0; index != who.size(); ++index) loads[who[index]] += indices.all[index].bytes;
  measures result{*std::max_element(loads.begin(), loads.end()), 0};
  for (const auto& numbers : indices.numbers) {
    std::set<std::uint32_t> files;
    for (const std::uint32_t number : numbers) files.insert(who[number]);
    result.files += static_cast<double>(files.size()) / static_cast<double>(all.size());
  }
  return result;
}

// For one set of plans: that it is as balanced as is promised, and opens no more files than dedup_save_plans has it
// open. Returns the files, of keep::balanced and of dedup_save_plans.
std::pair<double, double> require_goals(const plans& all) {
  const measures balanced = measure(all, library(all, dcp::keep::balanced));
  const measures exact = measure(all, library(all, dcp::keep::balanced(0)));
  const measures greedy = measure(all, largest_first_greedy(all));
  const measures pytorch = measure(all, dedup_save_plans(all));

  REQUIRE(greedy.largest > 0);
  const auto lower = static_cast<double>(std::min(greedy.largest, pytorch.largest));
  CHECK(static_cast<double>(balanced.largest) <= 1.0106 * lower);
  CHECK(exact.largest <= greedy.largest);
  CHECK(balanced.files <= pytorch.files);
  return {balanced.files, pytorch.files};
}

// ----------------------------------------------------------------------------------------------------------- the plans

const char* const real_dumps[] = {"gpt2-ddp-4", "llama3-8b-hsdp-2x2", "moe-ep4-dp2", "uneven-hsdp-2x6"};

plans read(const std::string& name) {
  const std::string file = std::string(DCP_EXAMPLE_PLANS) + '/' + name + ".tsv";
  return plan_dump::parse(plan_dump::read_bytes(file), file).plans;
}

dcp::WriteItem tensor(const std::string& name, dcp::Dtype dtype, const dcp::Size& offsets, const dcp::Size& sizes,
                      const dcp::Size& size) {
  return {.index = {.fqn = name, .offset = offsets},
          .type = sizes == size ? dcp::WriteItemType::TENSOR : dcp::WriteItemType::SHARD,
          .tensor_data = dcp::TensorWriteData{
              .chunk = {.offsets = offsets, .sizes = sizes}, .properties = {.dtype = dtype}, .size = size}};
}

// A transformer whose tensors are cut in `shards`, each held by as many ranks as there are replicas; every rank has the
// step counters of the optimizer, and objects whose bytes are not known.
plans hsdp(std::uint32_t replicas, std::uint32_t shards) {
  struct weight {
    const char* name;
    std::int64_t rows;
    std::int64_t columns;
  };
  const weight weights[] = {{"attention.wq", 1024, 1024},    {"attention.wkv", 512, 1024},
                            {"attention.wo", 1024, 1024},    {"feed_forward.w1", 2816, 1024},
                            {"feed_forward.w2", 1024, 2816}, {"norm", 1024, 1}};
  plans all(std::size_t{replicas} * shards);
  for (std::uint32_t rank = 0; rank != all.size(); ++rank) {
    auto& items = all[rank].items;
    const std::int64_t shard = rank % shards;
    const auto add = [&](const std::string& name, std::int64_t rows, std::int64_t columns) {
      const std::int64_t part = rows / shards;
      const auto add_state = [&](const std::string& prefix, const std::string& suffix, dcp::Dtype dtype) {
        items.push_back(tensor(prefix + name + suffix, dtype, {part * shard, 0}, {part, columns}, {rows, columns}));
      };
      add_state("", ".weight", dcp::Dtype::bfloat16);
      add_state("optim.state.", ".weight.exp_avg", dcp::Dtype::float32);
      add_state("optim.state.", ".weight.exp_avg_sq", dcp::Dtype::float32);
      items.push_back(tensor("optim.state." + name + ".weight.step", dcp::Dtype::float32, {}, {}, {}));
      items.push_back({.index = {.fqn = "optim.param_groups." + name + ".lr"}, .type = dcp::WriteItemType::BYTE_IO});
    };
    add("tok_embeddings", 32000, 1024);
    for (int layer = 0; layer != 12; ++layer)
      for (const weight& each : weights)
        add("layers." + std::to_string(layer) + '.' + each.name, each.rows, each.columns);
    items.push_back({.index = {.fqn = "rng_state." + std::to_string(rank)}, .type = dcp::WriteItemType::BYTE_IO});
  }
  return all;
}

}  // namespace

// The files are a goal for the mean over the dumps, not for each: in data-parallel training (gpt2-ddp-4) every rank has
// every index, so whoever balances has every rank open every file; there is nothing to gain on dedup_save_plans.
TEST_CASE("on four real dumps the largest plan is near the best known, and a rank opens few files") {
  double balanced_files = 0;
  double pytorch_files = 0;
  for (const std::string name : real_dumps) {
    INFO(name);
    const auto [balanced, pytorch] = require_goals(read(name));
    balanced_files += balanced / static_cast<double>(std::size(real_dumps));
    pytorch_files += pytorch / static_cast<double>(std::size(real_dumps));
  }
  REQUIRE(balanced_files <= 0.75 * pytorch_files);
}

TEST_CASE("with 8 replicas of 8 shards the largest plan is near the best known, and a rank opens few files") {
  const auto [balanced, pytorch] = require_goals(hsdp(8, 8));
  REQUIRE(balanced <= 0.75 * pytorch);
}

TEST_CASE("where replicas hold a few shards each, the largest plan is near the best known whatever their number") {
  for (const auto& [replicas, shards] : {std::pair{2U, 4U}, {3U, 2U}, {5U, 4U}, {16U, 2U}, {4U, 16U}}) {
    INFO(replicas << " replicas of " << shards << " shards");
    const auto [balanced, pytorch] = require_goals(hsdp(replicas, shards));
    REQUIRE(balanced <= pytorch);
  }
}

TEST_CASE("a larger tolerance never makes the largest plan larger than it allows, on four real dumps") {
  for (const std::string name : real_dumps) {
    const plans all = read(name);
    const std::uint64_t even = test::largest_first(indices_of(all)).largest();
    for (const double tolerance : {0.0, 0.001, 0.01, 0.05, 0.25, 1.0, 10.0}) {
      INFO(name << " with a tolerance of " << tolerance);
      const auto who = library(all, dcp::keep::balanced(tolerance));
      REQUIRE(measure(all, who).largest <= test::with_tolerance(even, tolerance));
      const bool as_the_model = who == test::balanced_model(indices_of(all), tolerance).keepers;
      REQUIRE(as_the_model);
    }
  }
}
