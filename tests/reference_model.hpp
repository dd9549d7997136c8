// dedup_tensors once more, written to be seen to be right and for nothing else: a map tells which plan has an index
// already.

#ifndef DCP_TESTS_REFERENCE_MODEL_HPP
#define DCP_TESTS_REFERENCE_MODEL_HPP

#include <dcp/dedup_tensors.hpp>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace test {

template <class Plan>
struct expectation {
  std::vector<Plan> plans;                             // what is left
  std::vector<std::vector<dcp::duplicate>> redundant;  // by plan
};

// For plans in a vector with items in a vector, whose `index` can be ordered: so neither a hash nor a table takes part.
template <class Plan>
expectation<Plan> reference_model(const std::vector<Plan>& plans) {
  using index = decltype(plans[0].items[0].index);
  std::map<index, std::pair<std::uint32_t, std::uint32_t>> place_of;  // plan and position

  expectation<Plan> result;
  for (std::uint32_t rank = 0; rank != plans.size(); ++rank) {
    Plan kept = plans[rank];
    kept.items.clear();
    std::vector<dcp::duplicate> redundant;
    for (std::uint32_t position = 0; position != plans[rank].items.size(); ++position) {
      const auto& item = plans[rank].items[position];
      const bool is_first = place_of.emplace(item.index, std::pair(rank, position)).second;
      if (is_first) kept.items.push_back(item);
      else redundant.push_back({position, place_of.at(item.index).first, place_of.at(item.index).second});
    }
    result.plans.push_back(kept);
    result.redundant.push_back(redundant);
  }
  return result;
}

}  // namespace test

#endif  // DCP_TESTS_REFERENCE_MODEL_HPP
