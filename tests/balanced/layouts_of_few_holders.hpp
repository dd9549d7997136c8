// Layouts of jobs in which some tensors are on few ranks: towers, stages, experts, an actor beside a critic, and meshes
// on which sets of holders cross. The same for a seed on every platform: it uses no distribution of the standard library, and no floating point.

#ifndef DCP_TESTS_LAYOUTS_OF_FEW_HOLDERS_HPP
#define DCP_TESTS_LAYOUTS_OF_FEW_HOLDERS_HPP

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace test {

// An index that is in several plans, or in one.
struct planned_tensor {
  std::uint64_t bytes = 0;
  std::vector<std::uint32_t> holders;  // ascending
};

struct layout {
  std::string name;
  std::size_t plans = 0;
  std::vector<planned_tensor> tensors;  // in the order in which they first occur
};

inline dcp::shared_indices shared_indices_of(const layout& from) {
  dcp::shared_indices shared(from.plans);
  for (const planned_tensor& tensor : from.tensors)
    if (tensor.holders.size() == 1) shared.add_own_bytes(tensor.holders.front(), tensor.bytes);
    else shared.add(tensor.bytes, tensor.holders);
  return shared;
}

class layouts_of_few_holders {
 public:
  explicit layouts_of_few_holders(std::uint64_t seed) : engine_(seed) {}

  layout next() {
    constexpr const char* kinds[] = {"towers", "stages", "experts", "actor and critic", "any sets"};
    constexpr const char* sizes[] = {"a model's", "uniform", "heavy-tailed"};
    layout made;
    made.plans = 4 + below(13);
    const std::size_t kind = below(5);
    const std::size_t size = below(6) < 4 ? 0 : 1 + below(2);
    made.name = std::string(kinds[kind]) + ", sizes " + sizes[size] + ", " + std::to_string(made.plans) + " ranks";
    const auto sets = sets_of(kind, static_cast<std::uint32_t>(made.plans));
    const bool mixed = below(4) == 0;  // or one set after the other, as modules stand in a model
    for (const auto& set : sets) {
      if (size == 0) add_model(made, set);
      else add_tensors(made, set, size == 2);
    }
    if (mixed)
      for (std::size_t left = made.tensors.size(); left > 1; --left)
        std::swap(made.tensors[left - 1], made.tensors[below(left)]);
    return made;
  }

 private:
  using holders = std::vector<std::uint32_t>;

  static holders range(std::size_t begin, std::size_t end, std::size_t step = 1) {
    holders result;
    for (; begin < end; begin += step) result.push_back(static_cast<std::uint32_t>(begin));
    return result;
  }

  std::vector<holders> sets_of(std::size_t kind, std::size_t plans) {
    std::vector<holders> sets;
    switch (kind) {
      case 0:  // what all have, and towers on the first few
        sets.push_back(range(0, plans));
        for (std::size_t left = 2 + below(4); left != 0; --left) {
          const std::size_t begin = below(plans - 1);
          sets.push_back(range(begin, begin + 2 + below(plans - begin - 1)));
        }
        break;
      case 1: {  // stages of about equal size, what two neighbours tie, and what all have
        const std::size_t stages = 2 + below(plans / 2 < 4 ? plans / 2 - 1 : 3);
        for (std::size_t stage = 0; stage != stages; ++stage)
          sets.push_back(range(stage * plans / stages, (stage + 1) * plans / stages));
        holders ends = sets.front();
        ends.insert(ends.end(), sets.back().begin(), sets.back().end());
        if (stages > 1) sets.push_back(ends);
        if (below(2) == 0) sets.push_back(range(0, plans));
        break;
      }
      case 2: {  // experts, each on the ranks of equal remainder; the rest on all
        const std::size_t groups = 2 + below(plans / 2 < 8 ? plans / 2 - 1 : 7);
        for (std::size_t group = 0; group != groups; ++group)
          if (range(group, plans, groups).size() > 0) sets.push_back(range(group, plans, groups));
        sets.push_back(range(0, plans));
        break;
      }
      case 3: {  // an actor, a critic, a reference that overlaps both, an optimizer on a rank or two
        const std::size_t half = 1 + below(plans - 1);
        sets.push_back(range(0, half));
        sets.push_back(range(half, plans));
        sets.push_back(range(half / 2, half / 2 + 2));
        sets.push_back(range(0, plans, 2));
        break;
      }
      default:
        for (std::size_t left = 3 + below(8); left != 0; --left) {
          holders set;
          const std::size_t density = 1 + below(4);
          for (std::uint32_t plan = 0; plan != plans; ++plan)
            if (below(5) < density) set.push_back(plan);
          if (set.empty()) set.push_back(static_cast<std::uint32_t>(below(plans)));
          sets.push_back(set);
        }
    }
    while (sets.size() < 3) sets.push_back(range(below(plans - 1), plans));
    if (sets.size() > 10) sets.resize(10);
    return sets;
  }

  // A transformer, or a part of one: matrices, and norms that are small.
  void add_model(layout& made, const holders& set) {
    const std::uint64_t width = std::uint64_t{256} << below(4);
    const std::uint64_t inner = width * (below(2) == 0 ? 4 : 3);
    const std::size_t layers = 4 + below(29);
    const std::uint64_t vocabulary = below(3) == 0 ? 8000 * (1 + below(8)) : 0;
    const bool optimizer = below(2) == 0;
    const auto add = [&](std::uint64_t elements) {
      made.tensors.push_back({2 * elements, set});
      if (optimizer) made.tensors.insert(made.tensors.end(), 2, {4 * elements, set});
    };
    if (vocabulary != 0) add(vocabulary * width);
    for (std::size_t layer = 0; layer != layers; ++layer)
      for (const std::uint64_t rows :
           {width, width / 4, width / 4, width, inner, inner, inner, std::uint64_t{1}, std::uint64_t{1}})
        add(rows * width);
  }

  void add_tensors(layout& made, const holders& set, bool heavy_tailed) {
    for (std::size_t left = 20 + below(150); left != 0; --left)
      made.tensors.push_back(
          {heavy_tailed ? 1000 + (std::uint64_t{1} << below(18)) * (1 + below(1000)) : 1 + below(1'000'000), set});
  }

  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }

  std::mt19937_64 engine_;
};

// Layouts on a mesh of 2 or 3 dimensions: each kind of tensor is replicated along some of them and sharded along the
// others, so that the sets of holders cross. The layers are of equal size.
class layouts_on_meshes {
 public:
  explicit layouts_on_meshes(std::uint64_t seed) : engine_(seed) {}

  layout next() {
    layout made;
    made.plans = 1;
    made.name = "mesh";
    std::vector<std::size_t> extents(2 + below(2));
    for (std::size_t& extent : extents) {
      extent = 2 + below(extents.size() == 2 ? 4 : 3);
      made.plans *= extent;
      made.name += ' ' + std::to_string(extent);
    }
    const std::size_t layers = below(3) == 0 ? 1 + below(4) : 4 + below(33);
    made.name += ", layers " + std::to_string(layers);
    std::vector<kind> kinds(2 + below(4));
    for (std::size_t number = 0; number != kinds.size(); ++number) {
      const std::uint64_t width = std::uint64_t{256} << below(4);
      const std::uint64_t sizes[] = {width * width / (1 + below(4)), width * width * (1 + below(8)), width,
                                     1 + below(1'000'000)};
      kinds[number] = {sizes[below(4)], std::vector<bool>(extents.size())};
      for (std::size_t dimension = 0; dimension != extents.size(); ++dimension)
        kinds[number].replicated[dimension] = number == dimension || below(2) == 0;
    }
    for (std::size_t layer = 0; layer != layers; ++layer)
      for (const kind& each : kinds) add(made, extents, each);
    return made;
  }

 private:
  struct kind {
    std::uint64_t bytes = 0;
    std::vector<bool> replicated;  // along each dimension
  };

  // One tensor for each shard: its holders are the ranks whose other coordinates are the same.
  static void add(layout& made, const std::vector<std::size_t>& extents, const kind& like) {
    std::map<std::size_t, std::vector<std::uint32_t>> holders_of;  // by the lowest of them
    for (std::uint32_t rank = 0; rank != made.plans; ++rank) {
      std::size_t lowest = rank;
      std::size_t stride = 1;
      for (std::size_t dimension = 0; dimension != extents.size(); stride *= extents[dimension++])
        if (like.replicated[dimension]) lowest -= rank / stride % extents[dimension] * stride;
      holders_of[lowest].push_back(rank);
    }
    for (const auto& [lowest, holders] : holders_of) made.tensors.push_back({like.bytes, holders});
  }

  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }

  std::mt19937_64 engine_;
};

}  // namespace test

#endif  // DCP_TESTS_LAYOUTS_OF_FEW_HOLDERS_HPP
