// What dcp::find_duplicates is measured against: a pass that only hashes, one that only compares, the limit of the work, and
// what a good engineer would write with a hash set. All use the same hash, and the sets return the redundant items as
// {plan, position}.

#ifndef DCP_BENCHMARK_PEERS_HPP
#define DCP_BENCHMARK_PEERS_HPP

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#if __has_include(<absl/container/flat_hash_set.h>) && defined(DCP_BENCHMARK_WITH_ABSEIL)
#include <absl/container/flat_hash_set.h>
#endif

namespace benchmark {

using redundant_items = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

template <class Item>
const auto& index_of(const Item& item) {
  return dcp::write_item_traits<Item>::index(item);
}

/// The hashing pass: hashes every index once.
template <class Plans>
std::size_t hash_all(const Plans& plans) {
  std::size_t all = 0;
  for (const auto& plan : plans)
    for (const auto& item : dcp::save_plan_traits<typename Plans::value_type>::items(plan)) {
      const auto& index = index_of(item);
      all ^= std::hash<std::remove_cvref_t<decltype(index)>>{}(index);
    }
  return all;
}

/// The limit of the work: every index is hashed once and touches one slot of a table that is just large enough, and what
/// the decision holds of it is written to fresh memory: 4 bytes an item, 8 an index. No comparison, no growth, no branch
/// that fails. In blocks, as in find_duplicates: one by one the table's cache misses cost more.
template <class Plans>
std::size_t touch_all(const Plans& plans, std::size_t items, std::size_t indices) {
  std::vector<std::uint32_t> slots(std::bit_ceil(indices * 16 / 11 + 1));
  const std::size_t mask = slots.size() - 1;
  const auto ids = std::make_unique_for_overwrite<std::uint32_t[]>(items);
  const auto kept = std::make_unique_for_overwrite<std::array<std::uint32_t, 2>[]>(indices);
  std::uint32_t at = 0;
  for (const auto& plan : plans) {
    const auto& of_plan = dcp::save_plan_traits<typename Plans::value_type>::items(plan);
    for (std::size_t begin = 0; begin < of_plan.size();) {
      std::array<std::uint32_t, 32> hashes;
      const std::size_t count = std::min(hashes.size(), of_plan.size() - begin);
      for (std::size_t i = 0; i != count; ++i) {
        const auto& index = index_of(of_plan[begin + i]);
        const std::size_t hash = std::hash<std::remove_cvref_t<decltype(index)>>{}(index);
        hashes[i] = static_cast<std::uint32_t>((hash * 0x9E3779B97F4A7C15u) >> 32);
        __builtin_prefetch(slots.data() + (hashes[i] & mask));
      }
      for (std::size_t i = 0; i != count; ++i, ++at) {
        slots[hashes[i] & mask] = at;
        ids[at] = at;
        if (at < indices) kept[at] = {at, at};
      }
      begin += count;
    }
  }
  // Or else the compiler would leave the writing out.
  asm volatile("" : : "r"(ids.get()), "r"(kept.get()), "r"(slots.data()) : "memory");
  return at;
}

template <class Index>
struct hash_behind {
  std::size_t operator()(const Index* index) const { return std::hash<Index>{}(*index); }
};

template <class Index>
struct equal_behind {
  bool operator()(const Index* a, const Index* b) const { return *a == *b; }
};

template <class Plans>
using index_type = std::remove_cvref_t<decltype(index_of(
    *dcp::save_plan_traits<typename Plans::value_type>::items(std::declval<const typename Plans::value_type&>())
         .begin()))>;

/// The index of each item's kept item, for compare_all.
template <class Plans>
auto kept_indices(const Plans& plans, const dcp::duplicates& found) {
  const auto items_at = [&](std::size_t plan) -> const auto& {
    return dcp::save_plan_traits<typename Plans::value_type>::items(plans[plan]);
  };
  std::vector<const index_type<Plans>*> kept;
  for (std::size_t plan = 0; plan != plans.size(); ++plan)
    for (std::size_t position = 0; position != items_at(plan).size(); ++position) {
      const dcp::item_place place = found.kept_item(plan, position);
      kept.push_back(&index_of(items_at(place.plan)[place.position]));
    }
  return kept;
}

/// The comparing pass: compares every index with its kept item's, which is known beforehand. How many are redundant.
template <class Plans>
std::size_t compare_all(const Plans& plans, const std::vector<const index_type<Plans>*>& kept) {
  std::size_t redundant = 0;
  auto of_item = kept.begin();
  for (const auto& plan : plans)
    for (const auto& item : dcp::save_plan_traits<typename Plans::value_type>::items(plan)) {
      const auto& index = index_of(item);
      const auto* const of_kept = *of_item++;
      redundant += of_kept != &index && *of_kept == index;
    }
  return redundant;
}

template <template <class...> class Set, class Plans>
redundant_items find_with(const Plans& plans) {
  using Index = index_type<Plans>;
  Set<const Index*, hash_behind<Index>, equal_behind<Index>> seen;
  redundant_items found;
  for (std::uint32_t plan = 0; plan != plans.size(); ++plan) {
    std::uint32_t position = 0;
    for (const auto& item : dcp::save_plan_traits<typename Plans::value_type>::items(plans[plan])) {
      if (!seen.insert(&index_of(item)).second) found.emplace_back(plan, position);
      ++position;
    }
  }
  return found;
}

/// PyTorch's steps, one by one: which plans have a key; which keys have several; which keys each plan loses; its items
/// without those. For plans that name each index once.
template <class Plans>
void port_of_pytorch(Plans& plans) {
  using Index = index_type<Plans>;
  using traits = dcp::save_plan_traits<typename Plans::value_type>;
  using hash = hash_behind<Index>;
  using equal = equal_behind<Index>;
  std::unordered_map<const Index*, std::vector<std::size_t>, hash, equal> key_to_plan;
  for (std::size_t plan = 0; plan != plans.size(); ++plan)
    for (const auto& item : traits::items(plans[plan])) key_to_plan[&index_of(item)].push_back(plan);

  std::unordered_map<const Index*, std::vector<std::size_t>, hash, equal> replicated_items;
  for (const auto& [key, of] : key_to_plan)
    if (of.size() > 1) replicated_items.emplace(key, of);

  std::unordered_map<std::size_t, std::vector<const Index*>> plan_to_keys;
  for (const auto& [key, of] : replicated_items)
    for (std::size_t i = 1; i < of.size(); ++i) plan_to_keys[of[i]].push_back(key);

  // From the last plan down: the keys that point into a plan are needed until those after it are done.
  for (std::size_t plan = plans.size(); plan-- != 0;) {
    const auto keys = plan_to_keys.find(plan);
    if (keys == plan_to_keys.end()) continue;
    const std::unordered_set<const Index*, hash, equal> key_set(keys->second.begin(), keys->second.end());
    auto& items = traits::items(plans[plan]);
    std::vector<bool> goes;
    for (const auto& item : items) goes.push_back(key_set.contains(&index_of(item)));
    std::remove_cvref_t<decltype(items)> new_items;
    for (std::size_t i = 0; i != items.size(); ++i)
      if (!goes[i]) new_items.push_back(std::move(items[i]));
    items = std::move(new_items);
  }
}

}  // namespace benchmark

#endif  // DCP_BENCHMARK_PEERS_HPP
