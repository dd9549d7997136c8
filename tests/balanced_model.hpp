// keep::balanced once more, written to be seen to be right and for nothing else, step by step as the comment of
// dcp::find_duplicates has it.

#ifndef DCP_TESTS_BALANCED_MODEL_HPP
#define DCP_TESTS_BALANCED_MODEL_HPP

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "reference_model.hpp"

namespace test {

struct planned_index {
  std::uint64_t bytes = 0;           // 0 where they are not known
  std::vector<std::uint32_t> plans;  // that have it: ascending, each once
};

struct planned_indices {
  std::vector<planned_index> all;                   // in the order in which they first occur
  std::vector<std::vector<std::uint32_t>> numbers;  // for each plan and each of its items: which of `all` that is
};

// `key(item)` is what can be ordered of an index, `bytes(item)` what the item writes.
template <class Plans, class Key, class Bytes>
planned_indices indices_of(const Plans& plans, Key key, Bytes bytes) {
  planned_indices result;
  std::map<decltype(key(plans[0].items[0])), std::uint32_t> number_of;
  for (std::uint32_t rank = 0; rank != plans.size(); ++rank) {
    result.numbers.emplace_back();
    for (const auto& item : plans[rank].items) {
      const auto [found, is_new] = number_of.emplace(key(item), static_cast<std::uint32_t>(result.all.size()));
      if (is_new) result.all.push_back({bytes(item), {}});
      auto& has_it = result.all[found->second].plans;
      if (has_it.empty() || has_it.back() != rank) has_it.push_back(rank);
      result.numbers.back().push_back(found->second);
    }
  }
  return result;
}

// Who writes each index, and what that makes of the plans.
struct assignment {
  std::vector<std::uint32_t> keepers;  // of each index
  std::vector<std::uint64_t> loads;    // of each plan, in bytes

  [[nodiscard]] std::uint64_t largest() const {
    return loads.empty() ? 0 : *std::max_element(loads.begin(), loads.end());
  }

  // The lowest, where several are loaded alike.
  [[nodiscard]] std::uint32_t least_loaded(const std::vector<std::uint32_t>& plans) const {
    std::uint32_t least = plans.front();
    for (const std::uint32_t plan : plans)
      if (loads[plan] < loads[least]) least = plan;
    return least;
  }

  void give(const planned_indices& indices, std::uint32_t index, std::uint32_t plan) {
    keepers[index] = plan;
    loads[plan] += indices.all[index].bytes;
  }
};

// The indices that leave a choice, largest first; of equal ones the first comes first.
inline std::vector<std::uint32_t> choices_of(const planned_indices& indices) {
  std::vector<std::uint32_t> choices;
  for (std::uint32_t index = 0; index != indices.all.size(); ++index)
    if (indices.all[index].plans.size() > 1 && indices.all[index].bytes != 0) choices.push_back(index);
  std::sort(choices.begin(), choices.end(), [&](auto a, auto b) {
    return indices.all[a].bytes != indices.all[b].bytes ? indices.all[a].bytes > indices.all[b].bytes : a < b;
  });
  return choices;
}

// All others with their lowest plan: that is the only one, or there is nothing to write.
inline assignment before_any_choice(const planned_indices& indices) {
  assignment result{std::vector<std::uint32_t>(indices.all.size()), std::vector<std::uint64_t>(indices.numbers.size())};
  for (std::uint32_t index = 0; index != indices.all.size(); ++index)
    if (indices.all[index].plans.size() == 1 || indices.all[index].bytes == 0)
      result.give(indices, index, indices.all[index].plans.front());
  return result;
}

// Each index, largest first, to its least loaded plan.
inline assignment largest_first(const planned_indices& indices) {
  assignment result = before_any_choice(indices);
  for (const std::uint32_t index : choices_of(indices))
    result.give(indices, index, result.least_loaded(indices.all[index].plans));
  return result;
}

inline std::uint64_t with_tolerance(std::uint64_t bytes, double tolerance) {
  const long double most = static_cast<long double>(bytes) * (1 + static_cast<long double>(tolerance));
  return most >= 0x1p64L ? ~std::uint64_t{0} : static_cast<std::uint64_t>(most);
}

inline assignment balanced_model(const planned_indices& indices, double tolerance) {
  const assignment even = largest_first(indices);
  const std::uint64_t limit = with_tolerance(even.largest(), tolerance);

  assignment result = before_any_choice(indices);
  std::vector<std::uint32_t> choices = choices_of(indices);
  const auto bytes = [&](std::uint32_t index) { return indices.all[index].bytes; };
  const auto plans = [&](std::uint32_t index) -> auto& { return indices.all[index].plans; };

  // For each set of plans, those that keep an index of it, in the order in which they came to.
  std::map<std::vector<std::uint32_t>, std::vector<std::uint32_t>> keepers_of;
  const auto keep_in = [&](std::uint32_t index, std::uint32_t plan) {
    auto& keepers = keepers_of[plans(index)];
    if (std::find(keepers.begin(), keepers.end(), plan) == keepers.end()) keepers.push_back(plan);
    result.give(indices, index, plan);
  };

  // The smallest, as many as the tolerance has room for.
  for (std::uint64_t room = limit - even.largest(); !choices.empty() && bytes(choices.back()) <= room;) {
    room -= bytes(choices.back());
    keep_in(choices.back(), plans(choices.back()).front());
    choices.pop_back();
  }

  for (const std::uint32_t choice : choices) {
    std::uint32_t plan = result.least_loaded(plans(choice));
    for (const std::uint32_t keeper : keepers_of[plans(choice)])
      if (result.loads[keeper] + bytes(choice) <= limit) {
        plan = keeper;
        break;
      }
    keep_in(choice, plan);
  }
  return result.largest() > limit ? even : result;
}

// What is left of the plans where these keepers write the indices: of a keeper's items the first that has the index.
template <class Plan>
expectation<Plan> expectation_of(const std::vector<Plan>& plans, const planned_indices& indices,
                                 const std::vector<std::uint32_t>& keepers) {
  std::set<std::uint32_t> written;
  expectation<Plan> result;
  for (std::uint32_t rank = 0; rank != plans.size(); ++rank) {
    Plan kept = plans[rank];
    kept.items.clear();
    std::vector<dcp::duplicate> redundant;
    for (std::uint32_t position = 0; position != plans[rank].items.size(); ++position) {
      const std::uint32_t index = indices.numbers[rank][position];
      if (keepers[index] == rank && written.insert(index).second) kept.items.push_back(plans[rank].items[position]);
      else redundant.push_back({position, keepers[index]});
    }
    result.plans.push_back(kept);
    result.redundant.push_back(redundant);
  }
  return result;
}

}  // namespace test

#endif  // DCP_TESTS_BALANCED_MODEL_HPP
