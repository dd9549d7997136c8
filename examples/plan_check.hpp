// What is wrong with the plans of a dump, with the lines concerned.

#ifndef DCP_EXAMPLES_PLAN_CHECK_HPP
#define DCP_EXAMPLES_PLAN_CHECK_HPP

#include <dcp/coverage.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plan_dump.hpp"

namespace plan_check {

constexpr std::size_t most_listed = 10;

namespace detail {

/// A line of text about an item: `FILE:LINE: words`.
inline std::string line_of(const plan_dump::Dump& dump, std::size_t plan, std::size_t position,
                           const std::string& words) {
  return dump.file + ':' + std::to_string(dump.lines[plan][position]) + ": " + words + '\n';
}

/// `dtype float32 and bfloat16, size 8,2 and 9,2`: what differs besides the index. (Items of different indices have
/// different chunks anyway.)
inline std::string difference(const dcp::WriteItem& a, const dcp::WriteItem& b,
                              const plan_dump::UnknownDtypes& dtypes) {
  const auto its = plan_dump::fields_of(a, dtypes);
  const auto other = plan_dump::fields_of(b, dtypes);
  std::string text;
  for (std::size_t field = 2; field != its.size(); ++field) {
    const std::string name = plan_dump::field_names[field];
    if (its[field] != other[field] && (a.index == b.index || name != "chunk_sizes"))
      text += (text.empty() ? "" : ", ") + name + ' ' + its[field] + " and " + other[field];
  }
  return text;
}

inline std::string and_more(std::size_t count, const char* what) {
  return count > most_listed ? "and " + plan_dump::counted(count - most_listed, what) + '\n' : "";
}

}  // namespace detail

/// A line for each item of the conflicts that are listed.
inline std::string describe(const dcp::conflict_error& error, const plan_dump::Dump& dump) {
  std::string text;
  for (const dcp::conflict& each : error.conflicts) {
    const std::string what = detail::difference(dump.plans[each.plan].items[each.position],
                                                dump.plans[each.keeper].items[each.keeper_position], dump.dtypes);
    text +=
        detail::line_of(dump, each.plan, each.position,
                        each.index + " of plan " + std::to_string(each.plan) + " differs from the kept item: " + what);
    text += detail::line_of(dump, each.keeper, each.keeper_position,
                            "the kept item, of plan " + std::to_string(each.keeper));
  }
  return text + detail::and_more(error.count, "more conflict");
}

/// A line for each item of the faults that are listed: tensors that are not whole, or else names that are a tensor in one
/// place and an object in another.
inline std::string describe(const dcp::coverage_report& report, bool of_both_kinds, const plan_dump::Dump& dump) {
  std::string text;
  std::size_t count = 0;
  for (const dcp::faulty_tensor& tensor : report.tensors) {
    if ((tensor.fault == dcp::coverage_fault::tensor_and_object) != of_both_kinds || ++count > most_listed) continue;
    std::string words = tensor.what();
    const auto item = [&](const dcp::item_place& at) { return dump.plans[at.plan].items[at.position]; };
    const std::string what = detail::difference(item(tensor.items.front()), item(tensor.items.back()), dump.dtypes);
    if (!what.empty()) words += ": " + what;
    for (const auto& [plan, position] : tensor.items)
      text += detail::line_of(dump, plan, position, std::exchange(words, "the other item of this name"));
  }
  return text + detail::and_more(count, of_both_kinds ? "more name" : "more tensor");
}

/// All faults of all kinds; empty if there is none.
inline std::string faults_in(const plan_dump::Dump& dump, const dcp::keep_policy& keep) {
  std::string text;
  try {
    static_cast<void>(dcp::find_duplicates(dump.plans, {.keep = keep, .check_replicas = true}));
  } catch (const dcp::conflict_error& error) {
    text = describe(error, dump);
  }
  const dcp::coverage_report report = dcp::check_coverage(dump.plans);
  return text + describe(report, false, dump) + describe(report, true, dump);
}

/// Where a policy has too many bytes to choose from: at an item, or at the item with which the sum becomes too large.
inline plan_dump::Error too_many_bytes(const plan_dump::Dump& dump) {
  const dcp::duplicates found = dcp::find_duplicates(dump.plans);
  std::uint64_t bytes = 0;
  for (std::size_t plan = 0; plan != dump.plans.size(); ++plan)
    for (std::size_t position = 0; position != dump.plans[plan].items.size(); ++position) {
      if (found.is_redundant(plan, position)) continue;
      const std::size_t line = dump.lines[plan][position];
      try {
        const auto size = static_cast<std::uint64_t>(dump.plans[plan].items[position].storage_size().value_or(0));
        if (size > ~bytes) return {dump.file, line, "with this item there are 2^64 bytes or more to balance"};
        bytes += size;
      } catch (const std::overflow_error&) {
        return {dump.file, line, "this item has 2^63 bytes or more, too many to balance"};
      }
    }
  return {dump.file, 0, "there are too many bytes to balance"};
}

}  // namespace plan_check

#endif  // DCP_EXAMPLES_PLAN_CHECK_HPP
