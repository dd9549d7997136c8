// A keep policy of your own: one writer a node. Of each node (8 ranks) the first rank alone writes, where it may: few
// large files, and one stream of each node into the network.
//
//     c++ -std=c++20 -O2 -Iinclude examples/own_policy.cpp -o own_policy

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

struct item {
  std::string index;
};
struct plan {
  std::vector<item> items;
};

// Of each index the least loaded of its nodes' first ranks; if it is on none of them, its first holder.
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
    load[keepers.back()] += shared.bytes(index) + 1;  // where bytes are not known, the indices are counted
  }
  return keepers;
}

int main() {
  std::vector<plan> plans(16, plan{{{"embedding"}, {"layer"}, {"norm"}}});  // on two nodes
  plans = dcp::dedup_tensors(std::move(plans), {.keep = one_writer_a_node});
  for (std::size_t rank = 0; rank != plans.size(); ++rank)
    for (const item& each : plans[rank].items) std::cout << "rank " << rank << " writes " << each.index << '\n';
}
