// Deduplicates a dump of save plans: the result goes to standard output, a summary for people to standard error.
//
//     c++ -std=c++20 -O2 -Iinclude examples/dedup_plans.cpp -o dedup_plans
//     ./dedup_plans examples/plans/llama3-8b-hsdp-2x2.tsv > deduplicated.tsv

#include <dcp/balanced.hpp>
#include <dcp/console_logger.hpp>
#include <dcp/coverage.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "balance_limit.hpp"
#include "plan_dump.hpp"

namespace {

using plan_dump::counted;

constexpr char usage[] =
    "usage: dedup_plans [--keep first|balanced] [--tolerance PERCENT] [--check] [--log] FILE\n"
    "\n"
    "Reads a dump of save plans (-: standard input) and writes it to standard output\n"
    "with each index left in one plan; a summary goes to standard error.\n"
    "  --keep first         the first plan that has an index writes it (the default)\n"
    "  --keep balanced      one of those that have it, so that all write about as much\n"
    "  --tolerance PERCENT  how much more than needed the largest plan may write, so\n"
    "                       that what belongs together stays so (1, if not given)\n"
    "  --check              fail where replicas of an index describe different data,\n"
    "                       and where the plans do not write a tensor exactly once\n"
    "  --log                write what is removed to standard error, as PyTorch does\n"
    "  --help               write this\n"
    "The exit status is 0, or 1 for input that cannot be read, output that cannot be\n"
    "written and what --check finds, or 2 for wrong usage.\n";

// ------------------------------------------------------------------------------------------------------------ the loads

/// What a plan, or all of them, would write. A sum of bytes may be past what 64 bits hold, so it is a double.
struct Load {
  std::size_t items = 0;
  double bytes = 0;
  std::size_t unknown = 0;  ///< items whose bytes are not known

  Load& operator+=(const Load& other) {
    items += other.items;
    bytes += other.bytes;
    unknown += other.unknown;
    return *this;
  }
};

Load load_of(const dcp::WriteItem& item) {
  if (item.tensor_data) {
    const dcp::Size& sizes = item.tensor_data->chunk.sizes;
    if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return {1, 0, 0};
    auto bytes = static_cast<double>(dcp::element_size(item.tensor_data->properties.dtype));
    for (const std::int64_t extent : sizes) bytes = std::min(bytes * static_cast<double>(extent), 1e100);
    return {1, bytes, bytes == 0 ? 1u : 0u};
  }
  if (item.bytes_io_data) return {1, static_cast<double>(item.bytes_io_data->nbytes), 0};
  return {1, 0, 1};
}

/// What the plans write where `found` is taken out of them.
struct Outcome {
  const char* policy = "";
  std::vector<Load> loads;
  /// The files that a rank opens to load what it planned, those of the plans that keep its indices; the mean of all
  /// ranks.
  double files = 0;
};

Outcome outcome_of(const char* policy, const std::vector<dcp::SavePlan>& plans, const dcp::duplicates& found) {
  Outcome outcome{policy, {}, 0};
  for (std::size_t rank = 0; rank != plans.size(); ++rank) {
    std::set<std::size_t> files;
    Load load;
    for (std::size_t position = 0; position != plans[rank].items.size(); ++position) {
      if (found.is_redundant(rank, position)) {
        files.insert(found.kept_item(rank, position).plan);
      } else {
        files.insert(rank);
        load += load_of(plans[rank].items[position]);
      }
    }
    outcome.loads.push_back(load);
    outcome.files += static_cast<double>(files.size()) / static_cast<double>(plans.size());
  }
  return outcome;
}

Load sum(const std::vector<Load>& loads) {
  Load all;
  for (const Load& load : loads) all += load;
  return all;
}

double largest(const std::vector<Load>& loads) {
  double most = 0;
  for (const Load& load : loads) most = std::max(most, load.bytes);
  return most;
}

double mean(const std::vector<Load>& loads) {
  return loads.empty() ? 0 : sum(loads).bytes / static_cast<double>(loads.size());
}

// ------------------------------------------------------------------------------------------------------------ the names

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// `layers.*.attention.wq.weight` of `layers.7.attention.wq.weight`: numbers between punctuation are left out.
std::string pattern_of(std::string_view name) {
  const auto is_part_of_word = [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  std::string pattern;
  for (std::size_t at = 0; at != name.size();) {
    std::size_t end = at;
    while (end != name.size() && is_digit(name[end])) ++end;
    const bool alone =
        (at == 0 || !is_part_of_word(name[at - 1])) && (end == name.size() || !is_part_of_word(name[end]));
    if (end == at) pattern += name[end++];
    else if (alone) pattern += '*';
    else pattern += name.substr(at, end - at);
    at = end;
  }
  return pattern;
}

/// A name, as a terminal may be shown it, and what is said of it, in no more than `width` characters if that is short.
std::string line_of(std::string_view name, const std::string& said, std::size_t width) {
  width = std::max<std::size_t>(width, said.size() + 20) - said.size();
  std::string text(name);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7F') c = '?';
  if (text.size() > width) {
    std::size_t begin = (width - 3) / 2;
    std::size_t end = text.size() - (width - 3 - begin);
    const auto is_within_character = [&](std::size_t at) {
      return (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
    };
    while (begin != 0 && is_within_character(begin)) --begin;
    while (end != text.size() && is_within_character(end)) ++end;
    text.replace(begin, end - begin, "...");
  }
  return text + said;
}

constexpr std::size_t most_lines = 10;

/// The names with the most bytes that are left to other plans.
std::vector<std::string> removed_names(const std::vector<dcp::SavePlan>& plans, const dcp::duplicates& found,
                                       std::size_t width) {
  struct Group {
    std::string pattern;
    Load load;
    std::set<std::size_t> plans;
  };
  std::vector<Group> groups;
  std::unordered_map<std::string, std::size_t> numbers;
  for (std::size_t plan = 0; plan != plans.size(); ++plan)
    for (const dcp::duplicate& each : found.in(plan)) {
      const dcp::WriteItem& item = plans[plan].items[each.position];
      const auto [entry, is_new] = numbers.emplace(pattern_of(item.index.fqn), groups.size());
      if (is_new) groups.push_back({entry->first, {}, {}});
      groups[entry->second].load += load_of(item);
      groups[entry->second].plans.insert(plan);
    }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.load.bytes > b.load.bytes; });

  std::vector<std::string> lines;
  for (const Group& group : groups) {
    if (lines.size() == most_lines) break;
    const std::string said = ": " + counted(group.load.items, "item") + ", " + counted(group.plans.size(), "plan");
    lines.push_back(line_of(group.pattern, said, width));
  }
  return lines;
}

/// `plan 1`, `plan 1 and 2 others`
std::string first_of(const std::vector<std::size_t>& plans) {
  const std::string first = "plan " + std::to_string(plans.front());
  return plans.size() == 1 ? first : first + " and " + counted(plans.size() - 1, "other");
}

/// The names that some plans have, and others lack that have the same names otherwise: a replica may have forgotten them.
///
/// Replicas are plans that have more indices in common with each other than with any others. Names count as one where
/// they differ in their numbers alone: where each replica has as many (its own generator's state, its own experts), none
/// lacks any. And plans that have not most of their names in common are no replicas.
std::vector<std::string> lacking_names(const std::vector<dcp::SavePlan>& plans, std::size_t width) {
  using Plans = std::vector<std::size_t>;  // ascending
  std::unordered_map<dcp::MetadataIndex, Plans> holders;
  std::vector<const dcp::MetadataIndex*> indices;  // in the order in which they first occur
  for (std::size_t plan = 0; plan != plans.size(); ++plan)
    for (const dcp::WriteItem& item : plans[plan].items) {
      const auto [entry, is_new] = holders.try_emplace(item.index);
      if (is_new) indices.push_back(&entry->first);
      if (is_new || entry->second.back() != plan) entry->second.push_back(plan);
    }

  struct Replicas {
    std::size_t common = 0;   // indices that they all have, and nobody else
    std::size_t members = 0;  // plans that have most in common with these
    std::size_t lacking = 0;  // indices that some of them lack
  };
  std::map<Plans, Replicas> replicas;
  for (const dcp::MetadataIndex* const index : indices) ++replicas[holders[*index]].common;
  std::vector<std::pair<const Plans, Replicas>*> replicas_of(plans.size());
  const auto is_better = [](const auto& a, const auto& b) {
    return std::pair(a.second.common, a.first.size()) > std::pair(b.second.common, b.first.size());
  };
  for (auto& each : replicas)
    for (const std::size_t plan : each.first)
      if (replicas_of[plan] == nullptr || is_better(each, *replicas_of[plan])) replicas_of[plan] = &each;
  for (auto* const each : replicas_of)
    if (each != nullptr) ++each->second.members;
  for (auto*& each : replicas_of)  // what is left is disjoint: a set is known by its first plan
    if (each != nullptr && each->second.members != each->first.size()) each = nullptr;

  struct Lack {
    std::pair<const Plans, Replicas>* replicas;
    std::string name;  // of the first
    std::size_t indices = 0;
    std::map<std::size_t, std::size_t> has = {};  // for each plan that has any, how many
  };
  std::vector<Lack> lacks;
  std::map<std::pair<std::size_t, std::string>, std::size_t> numbers;
  for (const dcp::MetadataIndex* const index : indices) {
    std::map<std::size_t, Plans> having;
    for (const std::size_t plan : holders[*index])
      if (replicas_of[plan] != nullptr) having[replicas_of[plan]->first.front()].push_back(plan);
    for (const auto& [first, those] : having) {
      if (those.size() == replicas_of[first]->first.size()) continue;
      std::string name = index->fqn;
      name.erase(std::remove_if(name.begin(), name.end(), is_digit), name.end());
      const auto [entry, is_new] = numbers.emplace(std::pair(first, std::move(name)), lacks.size());
      if (is_new) lacks.push_back({replicas_of[first], index->fqn});
      Lack& lack = lacks[entry->second];
      ++lack.indices;
      for (const std::size_t plan : those) ++lack.has[plan];
    }
  }
  std::erase_if(lacks, [](const Lack& lack) {
    const auto [least, most] = std::minmax_element(lack.has.begin(), lack.has.end(),
                                                   [](const auto& a, const auto& b) { return a.second < b.second; });
    return lack.has.size() == lack.replicas->first.size() && least->second == most->second;
  });
  for (const Lack& lack : lacks) lack.replicas->second.lacking += lack.indices;

  std::vector<std::string> lines;
  for (Lack& lack : lacks) {
    if (lines.size() == most_lines) break;
    if (lack.replicas->second.lacking > lack.replicas->second.common) continue;
    std::size_t most = 0;
    for (const auto& [plan, count] : lack.has) most = std::max(most, count);
    Plans all;
    Plans fewer;
    for (const std::size_t plan : lack.replicas->first) (lack.has[plan] == most ? all : fewer).push_back(plan);
    const std::string said = ": in " + first_of(all) + ", not in " + first_of(fewer);
    lines.push_back(line_of(lack.indices == 1 ? lack.name : pattern_of(lack.name), said, width));
  }
  return lines;
}

// ---------------------------------------------------------------------------------------------------------- the summary

std::string human(double bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit) bytes /= 1024;
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
  return text;
}

/// What is written as full blocks, what is not any more as light ones; `most` bytes are `width` of them.
std::string bar(double before, double after, double most, int width) {
  const auto blocks = [&](double bytes) { return most > 0 ? static_cast<int>(bytes / most * width + 0.5) : 0; };
  std::string text;
  for (int i = 0; i < blocks(after); ++i) text += "█";
  for (int i = blocks(after); i < blocks(before); ++i) text += "░";
  for (int i = std::max(blocks(before), blocks(after)); i < width; ++i) text += ' ';
  return text;
}

void print_line(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  std::fprintf(stderr, "%s\n", line.c_str());
}

/// One plan, or all: what it has, and for each policy what of it is written, and a remark as wide as a bar.
void print_row(const std::string& rank, const Load& before, const std::vector<std::pair<Load, std::string>>& columns) {
  char text[128];
  std::snprintf(text, sizeof text, "%5s %8zu %11s", rank.c_str(), before.items, human(before.bytes).c_str());
  std::string line = text;
  for (const auto& [after, remark] : columns) {
    std::snprintf(text, sizeof text, "  %8zu %11s  ", after.items, human(after.bytes).c_str());
    line += text + remark;
  }
  print_line(line);
}

void print_table(const std::vector<Load>& before, const std::vector<Outcome>& outcomes) {
  const int width = outcomes.size() == 1 ? 24 : 12;  // so that a line has no more than 80 columns, or 100
  char text[64];
  std::string title = " rank    items       bytes";
  for (const Outcome& outcome : outcomes) {
    std::snprintf(text, sizeof text, "   written       bytes  keep %-*s", width - 5, outcome.policy);
    title += text;
  }
  print_line(title);

  const double most = largest(before);
  std::vector<std::pair<Load, std::string>> row;
  for (std::size_t rank = 0; rank != before.size(); ++rank) {
    row.clear();
    for (const Outcome& outcome : outcomes)
      row.emplace_back(outcome.loads[rank], bar(before[rank].bytes, outcome.loads[rank].bytes, most, width));
    print_row(std::to_string(rank), before[rank], row);
  }

  const Load all = sum(before);
  row.clear();
  for (const Outcome& outcome : outcomes) {
    const Load written = sum(outcome.loads);
    const double less = all.bytes > 0 ? 100 * (all.bytes - written.bytes) / all.bytes : 0;
    std::snprintf(text, sizeof text, "%5.1f %% less%*s", less, width - 12, "");
    row.emplace_back(written, text);
  }
  print_row("all", all, row);
  print_line("█ the plan writes it   ░ it is left to another plan");
}

/// `limit`: what the largest plan has to write at least, where that is known.
void print_policies(const std::vector<Outcome>& outcomes, std::optional<double> limit, bool may_balance) {
  const auto number = [](double value, int decimals) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return std::string(text);
  };
  const auto times = [&](double bytes, double to) {
    const double ratio = to > 0 ? bytes / to : 1;
    return ", " + number(ratio, ratio < 10 ? 4 : 2) + " times ";
  };
  for (const Outcome& outcome : outcomes) {
    const double most = largest(outcome.loads);
    const std::string name = std::string("keep ") + outcome.policy + ": ";
    print_line(name + "largest plan " + human(most) + times(most, mean(outcome.loads)) + "the mean" +
               (limit ? times(most, *limit) + "what is possible at best" : ""));
    print_line(std::string(name.size(), ' ') + "a rank opens " + number(outcome.files, 2) +
               " files to load what it planned");
  }
  constexpr double many_times = 1.5;
  if (may_balance && largest(outcomes.front().loads) > many_times * mean(outcomes.front().loads))
    print_line("the largest plan is far from the mean: --keep balanced may lower it");
}

void print_names(const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  print_line(title);
  for (const std::string& line : lines) print_line("  " + line);
}

// -------------------------------------------------------------------------------------------------------------- the job

/// The lines of the items concerned, of the first tensors that are not written exactly once.
std::string describe(const dcp::coverage_report& report, const plan_dump::Dump& dump, const std::string& file) {
  std::string text;
  for (std::size_t i = 0; i != std::min(report.size(), most_lines); ++i) {
    std::string reason = report.tensors[i].what();
    for (const dcp::item_place& item : report.tensors[i].items)
      text += file + ':' + std::to_string(dump.lines[item.plan][item.position]) + ": " +
              std::exchange(reason, "the other item of it") + '\n';
  }
  if (report.size() > most_lines) text += "and " + counted(report.size() - most_lines, "more tensor") + '\n';
  text.pop_back();
  return text;
}

void run(const plan_dump::Arguments& arguments) {
  plan_dump::Dump dump = plan_dump::parse(plan_dump::read_bytes(arguments.file), arguments.file);

  std::vector<Load> before(dump.plans.size());
  for (std::size_t rank = 0; rank != before.size(); ++rank)
    for (const dcp::WriteItem& item : dump.plans[rank].items) before[rank] += load_of(item);
  const std::size_t width = arguments.balanced ? 98 : 78;  // of what is two columns further in
  const std::vector<std::string> lacking = lacking_names(dump.plans, width);

  std::vector<Outcome> outcomes;
  std::vector<std::string> removed;
  std::optional<double> limit;
  bool any_removed = false;
  try {
    if (arguments.balanced) outcomes.push_back(outcome_of("first", dump.plans, dcp::find_duplicates(dump.plans)));
    // The limit follows from what a policy sees.
    const auto balanced = [&](const dcp::shared_indices& shared) {
      limit = balance_limit::of(shared);
      return arguments.policy(shared);
    };
    const dcp::duplicates found =
        dcp::find_duplicates(dump.plans, {.keep = arguments.balanced ? dcp::keep_policy(balanced) : dcp::keep::first,
                                          .check_replicas = arguments.check});
    outcomes.push_back(outcome_of(arguments.balanced ? "balanced" : "first", dump.plans, found));
    removed = removed_names(dump.plans, found, width);
    any_removed = !found.empty();
    if (arguments.balanced && !limit) limit = largest(outcomes.back().loads);  // no choice: no policy was asked
    if (arguments.check)
      if (const dcp::coverage_report report = dcp::check_coverage(dump.plans); !report.empty())
        throw std::runtime_error(describe(report, dump, arguments.file));
    dump.plans = dcp::dedup_tensors(
        std::move(dump.plans),
        {.log = arguments.log ? dcp::console_logger() : dcp::logger(),
         .keep = arguments.keep(),
         .max_message = ~std::size_t{0}});
  } catch (const dcp::conflict_error& error) {
    throw std::runtime_error(plan_dump::describe(error, dump.lines, arguments.file));
  } catch (const std::overflow_error& error) {
    throw plan_dump::Error(arguments.file, 0, error.what());
  }

  std::string text;
  for (std::size_t rank = 0; rank != dump.plans.size(); ++rank)
    plan_dump::append_plan(text, rank, dump.plans[rank], dump.dtypes);
  plan_dump::write_to_stdout(text);

  print_table(before, outcomes);
  print_policies(outcomes, limit, any_removed && !arguments.balanced);
  print_names("left to other plans, most bytes first:", removed);
  print_names("remark: names that some replicas have and others lack:", lacking);
  if (const std::size_t unknown = sum(before).unknown; unknown != 0)
    print_line("not in the bytes: " + counted(unknown, "item") +
               " of unknown size; written: " + std::to_string(sum(outcomes.back().loads).unknown));
}

}  // namespace

int main(int count, char** words) {
  try {
    const auto arguments = plan_dump::parse_arguments({words + std::min(count, 1), words + count});
    if (arguments.help) plan_dump::write_to_stdout(usage);
    else run(arguments);
    return 0;
  } catch (const plan_dump::wrong_usage& error) {
    std::fprintf(stderr, "dedup_plans: %s\n%s", error.what(), usage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
