// Keep policies of your own, by node and by name.
//
//     c++ -std=c++20 -O2 -Iinclude examples/own_policy.cpp -o own_policy

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

struct item {
  std::string index;
};
struct plan {
  std::vector<item> items;
};

// Of each node (8 ranks) only the first rank writes, if it may: few large files, and one stream of each node into the
// network. Each index goes to the least loaded of these ranks, or to its first holder if none of them holds it.
std::vector<std::uint32_t> one_writer_a_node(const dcp::shared_indices& shared) {
  constexpr std::uint32_t ranks_a_node = 8;
  std::vector<std::uint64_t> load(shared.plans());
  for (std::size_t rank = 0; rank != load.size(); ++rank) load[rank] = shared.own_bytes(rank);
  std::vector<std::uint32_t> keepers;
  for (std::size_t index = 0; index != shared.size(); ++index) {
    const auto holders = shared.holders(index);
    const auto better = [&](std::uint32_t a, std::uint32_t b) {
      const bool a_writes = a % ranks_a_node == 0, b_writes = b % ranks_a_node == 0;
      return a_writes != b_writes ? a_writes : a_writes && load[a] < load[b];
    };
    keepers.push_back(*std::min_element(holders.begin(), holders.end(), better));
    load[keepers.back()] += shared.bytes(index) + 1;  // if bytes are not known, the indices are counted
  }
  return keepers;
}

// All tensors of a module (`layer.weight` and `layer.bias`) stay with one rank, so that a reader of the module opens one
// file. The policy captures the plans, because it has to see the names.
dcp::keep_policy one_writer_a_module(const std::vector<plan>& plans) {
  return [&plans](const dcp::shared_indices& shared) {
    std::map<std::string, std::size_t> numbers;  // of the modules, in the order in which they first occur
    std::vector<std::uint32_t> keepers;
    for (std::size_t index = 0; index != shared.size(); ++index) {
      const dcp::item_place first = shared.first(index);
      const std::string& name = plans[first.plan].items[first.position].index;
      const std::size_t number = numbers.emplace(name.substr(0, name.rfind('.')), numbers.size()).first->second;
      const auto holders = shared.holders(index);
      keepers.push_back(holders[number % holders.size()]);
    }
    return keepers;
  };
}

void print(const std::vector<plan>& plans) {
  for (std::size_t rank = 0; rank != plans.size(); ++rank)
    for (const item& each : plans[rank].items) std::cout << "  rank " << rank << " writes " << each.index << '\n';
}

int main() {
  const plan all = {{{"embedding.weight"}, {"layer.weight"}, {"layer.bias"}, {"norm.weight"}}};
  const std::vector<plan> plans(16, all);  // on two nodes
  std::cout << "one writer a node:\n";
  print(dcp::dedup_tensors(plans, {.keep = one_writer_a_node}));
  std::cout << "one writer a module:\n";
  print(dcp::dedup_tensors(plans, {.keep = one_writer_a_module(plans)}));
}
