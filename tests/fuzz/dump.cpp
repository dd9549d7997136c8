#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../examples/plan_dump.hpp"
#include "targets.hpp"

namespace {

std::string written(const std::vector<dcp::SavePlan>& plans, const plan_dump::UnknownDtypes& dtypes) {
  std::string text;
  for (std::size_t rank = 0; rank != plans.size(); ++rank) plan_dump::append_plan(text, rank, plans[rank], dtypes);
  return text;
}

std::string written_again(const std::string& text) {
  const plan_dump::Dump read = plan_dump::parse(text, "dump");
  return written(read.plans, read.dtypes);
}

using key = std::pair<std::string, std::optional<dcp::Size>>;

// The indices of the plans, and how often each is there.
std::multiset<key> keys_of(const std::vector<dcp::SavePlan>& plans) {
  std::multiset<key> keys;
  for (const dcp::SavePlan& plan : plans)
    for (const dcp::WriteItem& item : plan.items) keys.emplace(item.index.fqn, item.index.offset);
  return keys;
}

}  // namespace

void fuzz::dump(std::string_view bytes) {
  plan_dump::Dump read;
  try {
    read = plan_dump::parse(bytes, "dump");
  } catch (const plan_dump::Error& error) {
    require(std::string_view(error.what()).starts_with("dump:"), "an error says where it is");
    return;
  }

  require(read.lines.size() == read.plans.size(), "each plan has its lines");
  for (std::size_t rank = 0; rank != read.plans.size(); ++rank)
    require(read.lines[rank].size() == read.plans[rank].items.size(), "each item has its line");

  const std::string text = written(read.plans, read.dtypes);
  const plan_dump::Dump again = plan_dump::parse(text, "dump");
  require(again.plans == read.plans, "a dump that is written and read again is the same");

  const auto deduplicated = dcp::dedup_tensors(read.plans);
  const auto before = keys_of(read.plans);
  const auto after = keys_of(deduplicated);
  require(std::set(before.begin(), before.end()) == std::set(after.begin(), after.end()), "no index is lost");
  require(std::set(after.begin(), after.end()).size() == after.size(), "no index is left twice");
  const std::string result = written(deduplicated, read.dtypes);
  require(written_again(result) == result, "the result can be read again");
}
