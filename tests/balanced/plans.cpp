// keep::balanced on whole plans: PyTorch's real dumps, and what the decision looks like to a caller. (How keepers are
// chosen is tested on dcp::shared_indices, in the other files.)

#include <dcp/balanced.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../../examples/plan_dump.hpp"
#include "../catch.hpp"
#include "limit_model.hpp"

namespace balanced_plans_test {

using plans = std::vector<dcp::SavePlan>;
using key = std::pair<std::string, std::optional<dcp::Size>>;

key key_of(const dcp::WriteItem& item) { return {item.index.fqn, item.index.offset}; }

plans read(const std::string& name) {
  const std::string file = std::string(DCP_EXAMPLE_PLANS) + '/' + name + ".tsv";
  return plan_dump::parse(plan_dump::read_bytes(file), file).plans;
}

struct planned {
  std::uint64_t bytes = 0;         // that the item writes
  std::uint64_t tensor_bytes = 0;  // of the whole tensor
  std::vector<std::uint32_t> holders;
};

// In the order in which the indices first occur.
std::vector<planned> indices_of(const plans& all, std::map<key, std::size_t>& numbers) {
  std::vector<planned> result;
  for (std::uint32_t rank = 0; rank != all.size(); ++rank)
    for (const dcp::WriteItem& item : all[rank].items) {
      const auto [found, is_new] = numbers.emplace(key_of(item), result.size());
      if (is_new)
        result.push_back({static_cast<std::uint64_t>(item.storage_size().value_or(0)),
                          static_cast<std::uint64_t>(item.tensor_storage_size().value_or(0)),
                          {}});
      auto& holders = result[found->second].holders;
      if (holders.empty() || holders.back() != rank) holders.push_back(rank);
    }
  return result;
}

// The files that a rank opens to load what it planned: the mean over the ranks.
double files(const plans& all, const std::map<key, std::size_t>& numbers, const std::vector<std::uint32_t>& keepers) {
  double result = 0;
  for (const dcp::SavePlan& plan : all) {
    std::set<std::uint32_t> opened;
    for (const dcp::WriteItem& item : plan.items) opened.insert(keepers[numbers.at(key_of(item))]);
    result += static_cast<double>(opened.size()) / static_cast<double>(all.size());
  }
  return result;
}

// PyTorch's dedup_save_plans: each index, in order, to its least loaded plan; whole tensors are counted, and 1 for what
// is none.
std::vector<std::uint32_t> dedup_save_plans(const std::vector<planned>& indices, std::size_t plan_count) {
  std::vector<std::uint64_t> load(plan_count);
  std::vector<std::uint32_t> keepers;
  for (const planned& each : indices) {
    keepers.push_back(*std::min_element(each.holders.begin(), each.holders.end(),
                                        [&](std::uint32_t a, std::uint32_t b) { return load[a] < load[b]; }));
    load[keepers.back()] += std::max<std::uint64_t>(1, each.tensor_bytes);
  }
  return keepers;
}

// A goal for the mean over the dumps, not for each: in data-parallel training (gpt2-ddp-4) every rank has every index,
// so whoever balances has every rank open every file.
TEST_CASE("on four real dumps the largest plan is near the limit, and a rank opens few files") {
  double balanced_files = 0;
  double pytorch_files = 0;
  for (const std::string name : {"gpt2-ddp-4", "llama3-8b-hsdp-2x2", "moe-ep4-dp2", "uneven-hsdp-2x6"}) {
    INFO(name);
    const plans all = read(name);
    std::map<key, std::size_t> numbers;
    const std::vector<planned> indices = indices_of(all, numbers);
    dcp::shared_indices shared(all.size());
    for (const planned& each : indices)
      if (each.holders.size() > 1) shared.add(each.bytes, each.holders);
      else shared.add_own_bytes(each.holders.front(), each.bytes);

    const plans kept = dcp::dedup_tensors(all, {.keep = dcp::keep::balanced});
    std::vector<std::uint32_t> keepers(indices.size());
    std::vector<std::uint64_t> load(all.size());
    for (std::uint32_t rank = 0; rank != kept.size(); ++rank)
      for (const dcp::WriteItem& item : kept[rank].items) {
        keepers[numbers.at(key_of(item))] = rank;
        load[rank] += indices[numbers.at(key_of(item))].bytes;
      }
    CHECK(static_cast<double>(*std::max_element(load.begin(), load.end())) <=
          1.01001 * static_cast<double>(test::limit_model(shared)));
    balanced_files += files(all, numbers, keepers);
    pytorch_files += files(all, numbers, dedup_save_plans(indices, all.size()));
  }
  REQUIRE(balanced_files <= 0.6 * pytorch_files);
}

TEST_CASE("each redundant item names the plan that writes its index, be it later or its own") {
  const auto tensor = [](const char* name, std::int64_t elements) {
    return dcp::WriteItem{.index = {.fqn = name, .offset = dcp::Size{0}},
                          .tensor_data = dcp::TensorWriteData{
                              .chunk = {.offsets = {0}, .sizes = {elements}}, .properties = {}, .size = {1000}}};
  };
  plans all(2);
  all[0].items = {tensor("a", 5), tensor("own", 9)};
  all[1].items = {tensor("a", 5), tensor("a", 5)};
  const dcp::duplicates found = dcp::find_duplicates(all, {.keep = dcp::keep::balanced});
  REQUIRE(found.size() == 2);
  REQUIRE(found.kept_item(0, 0) == dcp::item_place{1, 0});
  REQUIRE(found.kept_item(1, 1) == dcp::item_place{1, 0});
}

}  // namespace balanced_plans_test
