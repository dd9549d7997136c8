// The decision once more, with any policy and with items that write nothing, written to be seen to be right.

#ifndef DCP_TESTS_POLICY_MODEL_HPP
#define DCP_TESTS_POLICY_MODEL_HPP

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace test {

struct planned_item {
  std::uint32_t plan = 0;
  std::uint32_t position = 0;
  std::optional<std::uint64_t> bytes;

  [[nodiscard]] bool writes_nothing() const { return bytes && *bytes == 0; }
};

// What is redundant in each plan. `index_of` gives what can be ordered, `bytes_of` a std::optional. May throw what the
// policy throws, and std::overflow_error where a plan would write 2^64 bytes or more.
template <class Plan, class IndexOf, class BytesOf>
std::vector<std::vector<dcp::duplicate>> policy_model(const std::vector<Plan>& plans, const IndexOf& index_of,
                                                      const BytesOf& bytes_of, const dcp::keep_policy& policy) {
  using index = decltype(index_of(plans[0].items[0]));
  std::map<index, std::size_t> number_of;
  std::vector<std::vector<planned_item>> items_of;  // each index's, in the order in which indices first occur
  for (std::uint32_t plan = 0; plan != plans.size(); ++plan) {
    std::uint32_t position = 0;
    for (const auto& item : plans[plan].items) {
      const auto [number, is_new] = number_of.try_emplace(index_of(item), items_of.size());
      if (is_new) items_of.emplace_back();
      items_of[number->second].push_back({plan, position++, bytes_of(item)});
    }
  }

  // Those that may write the index: not, if they write nothing, where another does.
  std::vector<std::vector<planned_item>> writers;
  std::vector<std::vector<std::uint32_t>> holders;
  for (const auto& items : items_of) {
    auto& able = writers.emplace_back();
    for (const planned_item& each : items)
      if (!each.writes_nothing()) able.push_back(each);
    if (able.empty()) able = items;
    auto& plans_of_able = holders.emplace_back();
    for (const planned_item& each : able)
      if (plans_of_able.empty() || plans_of_able.back() != each.plan) plans_of_able.push_back(each.plan);
  }

  std::vector<std::uint32_t> keepers;
  for (const auto& each : holders) keepers.push_back(each.front());
  if (policy) {
    dcp::shared_indices shared(plans.size());
    std::vector<std::size_t> numbers;
    for (std::size_t number = 0; number != holders.size(); ++number) {
      const planned_item& first = writers[number].front();
      const std::uint64_t bytes = first.bytes.value_or(0);
      if (holders[number].size() == 1) {
        shared.add_own_bytes(keepers[number], bytes);
      } else {
        shared.add(bytes, holders[number], {first.plan, first.position});
        numbers.push_back(number);
      }
    }
    const std::vector<std::uint32_t> chosen = policy(shared);
    dcp::shared_indices written = shared;
    for (std::size_t i = 0; i != chosen.size(); ++i) written.add_own_bytes(chosen[i], shared.bytes(i));
    for (std::size_t i = 0; i != numbers.size(); ++i) keepers[numbers[i]] = chosen[i];
  }

  std::vector<std::map<std::uint32_t, dcp::duplicate>> redundant(plans.size());
  for (std::size_t number = 0; number != items_of.size(); ++number) {
    const planned_item* stays = nullptr;
    for (const planned_item& each : writers[number])
      if (stays == nullptr && each.plan == keepers[number]) stays = &each;
    for (const planned_item& each : items_of[number])
      if (each.plan != stays->plan || each.position != stays->position)
        redundant[each.plan][each.position] = {each.position, stays->plan, stays->position};
  }
  std::vector<std::vector<dcp::duplicate>> result;
  for (const auto& of_plan : redundant) {
    auto& list = result.emplace_back();
    for (const auto& [position, each] : of_plan) list.push_back(each);
  }
  return result;
}

}  // namespace test

#endif  // DCP_TESTS_POLICY_MODEL_HPP
