// Who reads: on load, many ranks ask for the same bytes. After deduplication one rank reads each piece, all ranks read
// about as much, and the duplicates are the schedule by which the readers pass pieces on.
//
//     c++ -std=c++20 -O2 -Iinclude examples/cooperative_load.cpp -o cooperative_load

#include <dcp/balanced.hpp>
#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loader {

// What is read. The length is part of the index: two reads of one place but of different lengths are two pieces, or the
// longer read would be served with the bytes of the shorter one.
struct piece {
  std::string_view file;
  std::uint64_t first_byte = 0;
  std::uint64_t bytes = 0;

  bool operator==(const piece&) const = default;
};

struct read_item {
  piece index;
  std::string_view destination;  // where this rank puts the bytes; not part of the index

  [[nodiscard]] std::uint64_t storage_size() const { return index.bytes; }  // for keep::balanced
};

struct read_plan {
  std::vector<read_item> items;
};

}  // namespace loader

template <>
struct std::hash<loader::piece> {
  std::size_t operator()(const loader::piece& index) const noexcept {
    return std::hash<std::string_view>{}(index.file) * 31 + static_cast<std::size_t>(index.first_byte) * 7 +
           static_cast<std::size_t>(index.bytes);
  }
};

int main() {
  // Two nodes hold the same two shards. All four ranks read the norm, and each reads its tied weights twice.
  const loader::read_item norm = {{"1.distcp", 0, 512}, "norm"};
  const loader::read_item embedding_0 = {{"0.distcp", 0, 65536}, "embedding"};
  const loader::read_item embedding_1 = {{"0.distcp", 65536, 65536}, "embedding"};
  const loader::read_item output_0 = {{"0.distcp", 0, 65536}, "output"};
  const loader::read_item output_1 = {{"0.distcp", 65536, 65536}, "output"};
  const loader::read_item mlp_0 = {{"0.distcp", 131072, 49152}, "mlp"};
  const loader::read_item mlp_1 = {{"1.distcp", 512, 49152}, "mlp"};
  const std::vector<loader::read_plan> plans = {{{embedding_0, norm, mlp_0, output_0}},
                                                {{embedding_1, norm, mlp_1, output_1}},
                                                {{embedding_0, norm, mlp_0, output_0}},
                                                {{embedding_1, norm, mlp_1, output_1}}};

  const dcp::duplicates found = dcp::find_duplicates(plans, {.keep = dcp::keep::balanced});

  using place = std::pair<std::size_t, std::size_t>;  // a rank, and a position in its plan
  std::map<place, std::vector<place>> passed_on;      // by the item that is read, those that get it from there
  for (std::size_t rank = 0; rank != plans.size(); ++rank)
    for (const dcp::duplicate each : found.in(rank))
      passed_on[{each.keeper, each.keeper_position}].emplace_back(rank, each.position);

  std::uint64_t asked_for = 0;
  std::vector<std::uint64_t> read(plans.size());
  for (std::size_t rank = 0; rank != plans.size(); ++rank) {
    for (std::size_t position = 0; position != plans[rank].items.size(); ++position) {
      const loader::read_item& item = plans[rank].items[position];
      asked_for += item.index.bytes;
      if (found.is_redundant(rank, position)) continue;  // read by another rank, or as another item
      read[rank] += item.index.bytes;
      std::cout << "rank " << rank << " reads " << item.index.bytes << " bytes at " << item.index.first_byte << " of "
                << item.index.file << " into " << item.destination << '\n';
      for (const auto& [to, there] : passed_on[{rank, position}])
        std::cout << (to == rank ? "  copies them" : "  sends them to rank " + std::to_string(to)) << " into "
                  << plans[to].items[there].destination << '\n';
    }
  }

  std::uint64_t all = 0;
  for (const std::uint64_t each : read) all += each;
  std::cout << asked_for << " bytes are asked for, " << all << " are read, at most "
            << *std::max_element(read.begin(), read.end()) << " by a rank\n";
  return 0;
}
