#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#define main dedup_plans_main
#include "../../examples/dedup_plans.cpp"
#undef main
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

// `dump:LINE: reason`
bool has_line(std::string_view error) {
  return error.starts_with("dump:") && error.size() > 5 && error[5] >= '1' && error[5] <= '9';
}

// All of the program but its main function.
void run_program(std::string_view bytes, bool balanced, bool check, bool is_dump) {
  plan_dump::Arguments arguments;
  arguments.file = "dump";
  arguments.balanced = balanced;
  arguments.check = check;
  try {
    const Output output = deduplicate(bytes, arguments);
    fuzz::require(is_dump, "only a dump is deduplicated");
    fuzz::require(written_again(output.dump) == output.dump, "the output can be read again");
    fuzz::require(output.summary.starts_with(" rank"), "there is a summary");
  } catch (const fuzz::broken_promise&) {
    throw;
  } catch (const std::exception& error) {
    fuzz::require(has_line(error.what()), "an error says where it is");
    fuzz::require(!is_dump || balanced || check, "keep::first refuses no dump");
  }
}

}  // namespace

void fuzz::dump(std::string_view bytes) {
  plan_dump::Dump read;
  try {
    read = plan_dump::parse(bytes, "dump");
  } catch (const plan_dump::Error& error) {
    require(has_line(error.what()), "an error says where it is");
    run_program(bytes, false, true, false);
    return;
  }
  run_program(bytes, false, false, true);
  run_program(bytes, false, true, true);
  run_program(bytes, true, true, true);
  run_program(bytes, true, false, true);

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
