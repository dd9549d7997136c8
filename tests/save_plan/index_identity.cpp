// What makes two indices one: == and the hash, which spreads over all its bits.

#include <dcp/save_plan.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "../catch.hpp"
#include "../write_items.hpp"

namespace index_identity_test {

using dcp::MetadataIndex;
using dcp::Size;
using test::hash_of;

TEST_CASE("indices are equal if their names and offsets are; the hint takes no part") {
  const MetadataIndex index{"w", Size{4, 0}, 1};
  REQUIRE(index == MetadataIndex{"w", Size{4, 0}, 2});
  REQUIRE(index == MetadataIndex{"w", Size{4, 0}});
  REQUIRE(index != MetadataIndex{"v", Size{4, 0}, 1});
  REQUIRE(index != MetadataIndex{"w", Size{0, 4}, 1});
  REQUIRE(index != MetadataIndex{"w", Size{4}, 1});
  REQUIRE(index != MetadataIndex{"w", {}, 1});
}

TEST_CASE("no offset, an empty one and {0} are three offsets, with three hashes") {
  const MetadataIndex none{"w"};
  const MetadataIndex scalar{"w", Size{}};
  const MetadataIndex zero{"w", Size{0}};
  REQUIRE(none != scalar);
  REQUIRE(scalar != zero);
  REQUIRE(zero != none);
  REQUIRE(std::set{hash_of(none), hash_of(scalar), hash_of(zero), hash_of({"w", Size{0, 0}})}.size() == 4);
}

TEST_CASE("equal indices have equal hashes, wherever their names lie") {
  REQUIRE(hash_of({"w", Size{4, 0}, 1}) == hash_of({"w", Size{4, 0}, 2}));
  REQUIRE(hash_of({"w", Size{4, 0}, 1}) == hash_of({"w", Size{4, 0}}));
  for (std::size_t length = 0; length != 100; ++length) {
    const std::string name(length, 'x');
    const std::string again = name;
    REQUIRE(hash_of({name}) == hash_of({again}));
  }
}

TEST_CASE("every byte of a name, its length and every part of an offset changes the hash") {
  std::unordered_set<std::size_t> hashes;
  std::size_t indices = 0;
  for (std::size_t length = 0; length <= 80; ++length) {
    std::string name(length, 'a');
    hashes.insert(hash_of({name}));
    ++indices;
    for (char& c : name) {
      for (const char other : {'b', 'A', '\xE1', '\0'}) {
        c = other;
        hashes.insert(hash_of({name}));
        ++indices;
      }
      c = 'a';
    }
  }
  for (std::size_t dimensions = 1; dimensions <= 8; ++dimensions) {
    Size offset(dimensions, 0);
    hashes.insert(hash_of({"", offset}));
    ++indices;
    for (std::int64_t& each : offset)
      for (int bit = 0; bit != 63; ++bit) {
        each = std::int64_t{1} << bit;
        hashes.insert(hash_of({"", offset}));
        ++indices;
        each = 0;
      }
  }
  REQUIRE(hashes.size() == indices);
}

// Throws as many balls as there are boxes: any twelve bits of the hash in a row choose one of 4096. By chance 63 % of
// the boxes are hit; a tenth of that is allowed either way. A hash that leaves bits as they are, or repeats itself, is
// far off.
void require_spread(const std::vector<MetadataIndex>& indices) {
  REQUIRE(indices.size() == 4096);
  for (unsigned shift = 0; shift + 12 <= sizeof(std::size_t) * 8; ++shift) {
    std::set<std::size_t> boxes;
    for (const MetadataIndex& index : indices) boxes.insert(hash_of(index) >> shift & 4095);
    INFO("bits from " << shift);
    REQUIRE(boxes.size() > 4096 * 57 / 100);
    REQUIRE(boxes.size() < 4096 * 69 / 100);
  }
}

TEST_CASE("names that differ in the layer's number alone spread over the low and high bits of the hash") {
  std::vector<MetadataIndex> long_names;
  std::vector<MetadataIndex> short_names;
  for (int layer = 0; layer != 4096; ++layer) {
    long_names.push_back({"model.layers." + std::to_string(layer) + ".self_attn.q_proj.weight"});
    short_names.push_back({"h." + std::to_string(layer) + ".w"});
  }
  require_spread(long_names);
  require_spread(short_names);
}

TEST_CASE("names that differ in one character spread over the low and high bits of the hash") {
  std::vector<MetadataIndex> indices;
  const std::string name = "model.layers.00.block_sparse_moe.experts.w1.weight_";
  for (std::size_t at = 0; indices.size() != 4096; at = (at + 1) % name.size())
    for (char c = ' '; c <= '~' && indices.size() != 4096; ++c) {
      std::string changed = name;
      changed[at] = c;
      if (c != name[at]) indices.push_back({changed});
    }
  require_spread(indices);
}

TEST_CASE("chunks of one tensor spread over the low and high bits of the hash") {
  std::vector<MetadataIndex> rows;
  std::vector<MetadataIndex> grid;
  for (std::int64_t i = 0; i != 4096; ++i) {
    rows.push_back({"tok_embeddings.weight", Size{i * 4096, 0}});
    grid.push_back({"tok_embeddings.weight", Size{i / 64 * 128, i % 64 * 128}});
  }
  require_spread(rows);
  require_spread(grid);
}

}  // namespace index_identity_test
