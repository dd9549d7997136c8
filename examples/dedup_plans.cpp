// Deduplicates a dump of save plans: the result goes to standard output, a summary for people to standard error.
//
//     c++ -std=c++20 -O2 -Iinclude examples/dedup_plans.cpp -o dedup_plans
//     ./dedup_plans examples/plans/llama3-8b-hsdp-2x2.tsv > deduplicated.tsv

#include <dcp/balanced.hpp>
#include <dcp/console_logger.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "balance_limit.hpp"
#include "plan_check.hpp"
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
    "  --check              fail if replicas differ, if a tensor is not written exactly\n"
    "                       once, or if a name is both a tensor and an object\n"
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
  if (item.writes_nothing()) return {1, 0, 0};
  double bytes = item.bytes_io_data ? static_cast<double>(item.bytes_io_data->nbytes) : 0;
  if (item.tensor_data) {
    bytes = static_cast<double>(dcp::element_size(item.tensor_data->properties.dtype));
    for (const std::int64_t extent : item.tensor_data->chunk.sizes)
      bytes = std::min(bytes * static_cast<double>(extent), 1e100);
  }
  return {1, bytes, bytes == 0 ? 1u : 0u};
}

/// What the plans write without the redundant items.
struct Outcome {
  const char* policy = "";
  std::vector<Load> loads;
  double files = 0;  ///< of the keepers of a rank's indices, which it opens to load what it planned; the mean
};

Outcome outcome_of(const char* policy, const std::vector<dcp::SavePlan>& plans, const dcp::duplicates& found) {
  Outcome outcome{policy, std::vector<Load>(plans.size()), 0};
  for (std::size_t rank = 0; rank != plans.size(); ++rank) {
    std::set<std::size_t> files;
    for (const dcp::duplicate each : found.in(rank)) files.insert(each.keeper);
    for (std::size_t position = 0; position != plans[rank].items.size(); ++position) {
      if (found.is_redundant(rank, position)) continue;
      files.insert(rank);
      outcome.loads[rank] += load_of(plans[rank].items[position]);
    }
    outcome.files += static_cast<double>(files.size()) / static_cast<double>(plans.size());
  }
  return outcome;
}

Load sum(const std::vector<Load>& loads) {
  return std::accumulate(loads.begin(), loads.end(), Load(), [](Load all, const Load& load) { return all += load; });
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

/// The names of the redundant items, most bytes first. Or else the names of the objects that several plans have and whose
/// bytes are not known.
std::vector<std::string> names_of(const std::vector<dcp::SavePlan>& plans, const dcp::duplicates& found,
                                  std::size_t width, bool unknown_objects) {
  struct Group {
    std::string name;  // or the pattern of several
    Load load;
    std::set<std::size_t> plans;
  };
  std::vector<Group> groups;
  std::unordered_map<std::string, std::size_t> numbers;
  for (std::size_t plan = 0; plan != plans.size(); ++plan)
    for (const dcp::duplicate each : found.in(plan)) {
      const dcp::WriteItem& item = plans[plan].items[each.position];
      if (unknown_objects && (item.tensor_data || item.bytes_io_data || each.keeper == plan)) continue;
      const auto [entry, is_new] = numbers.emplace(pattern_of(item.index.fqn), groups.size());
      if (is_new) groups.push_back({item.index.fqn, {}, {}});
      Group& group = groups[entry->second];
      if (group.name != item.index.fqn) group.name = entry->first;
      group.load += load_of(item);
      group.plans.insert(plan);
      if (unknown_objects) group.plans.insert(each.keeper);
    }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.load.bytes > b.load.bytes; });

  std::vector<std::string> lines;
  for (const Group& group : groups) {
    const std::string items = unknown_objects ? "" : counted(group.load.items, "item") + ", ";
    lines.push_back(line_of(group.name, ": " + items + counted(group.plans.size(), "plan"), width));
  }
  return lines;
}

/// `plan 1`, `plan 1 and 2 others`
std::string first_of(const std::vector<std::size_t>& plans) {
  const std::string first = "plan " + std::to_string(plans.front());
  return plans.size() == 1 ? first : first + " and " + counted(plans.size() - 1, "other");
}

/// The names that some replicas have and others lack: a replica may have forgotten them.
///
/// Replicas are plans that have more indices in common with each other than with any other plans. A plan that has a name
/// under any offset, even as an empty item, does not lack it. Names that differ only in their numbers count as one: if
/// each replica has as many (the state of its own generator, its own experts), none lacks any. Plans that lack more names
/// than they have indices in common are no replicas.
std::vector<std::string> lacking_names(const std::vector<dcp::SavePlan>& plans, std::size_t width) {
  using Plans = std::vector<std::size_t>;  // ascending
  std::unordered_map<dcp::MetadataIndex, Plans> holders;
  std::unordered_map<std::string, Plans> plans_with;
  std::vector<const std::string*> names;  // in the order in which they first occur
  const auto add = [](Plans& those, std::size_t plan) {
    if (those.empty() || those.back() != plan) those.push_back(plan);
  };
  for (std::size_t plan = 0; plan != plans.size(); ++plan)
    for (const dcp::WriteItem& item : plans[plan].items) {
      add(holders[item.index], plan);
      const auto [entry, is_new] = plans_with.try_emplace(item.index.fqn);
      if (is_new) names.push_back(&entry->first);
      add(entry->second, plan);
    }

  struct Replicas {
    std::size_t common = 0;   // indices that they all have, and nobody else
    std::size_t members = 0;  // plans that have most in common with these
    std::size_t lacking = 0;  // names that some of them lack
  };
  std::map<Plans, Replicas> replicas;
  for (const auto& [index, those] : holders) ++replicas[those].common;
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
    std::size_t names = 0;
    std::map<std::size_t, std::size_t> has = {};  // for each plan that has any, how many
    Plans all = {};
    Plans fewer = {};
  };
  std::vector<Lack> lacks;
  std::map<std::pair<std::size_t, std::string>, std::size_t> numbers;
  for (const std::string* const each : names) {
    std::map<std::size_t, Plans> having;
    for (const std::size_t plan : plans_with[*each])
      if (replicas_of[plan] != nullptr) having[replicas_of[plan]->first.front()].push_back(plan);
    for (const auto& [first, those] : having) {
      if (those.size() == replicas_of[first]->first.size()) continue;
      std::string name = *each;
      name.erase(std::remove_if(name.begin(), name.end(), is_digit), name.end());
      const auto [entry, is_new] = numbers.emplace(std::pair(first, std::move(name)), lacks.size());
      if (is_new) lacks.push_back({replicas_of[first], *each});
      Lack& lack = lacks[entry->second];
      ++lack.names;
      for (const std::size_t plan : those) ++lack.has[plan];
    }
  }
  for (Lack& lack : lacks) {
    std::size_t most = 0;
    for (const auto& [plan, count] : lack.has) most = std::max(most, count);
    for (const std::size_t plan : lack.replicas->first)
      (lack.has[plan] == most ? lack.all : lack.fewer).push_back(plan);
    if (!lack.fewer.empty()) lack.replicas->second.lacking += lack.names;
  }

  std::vector<std::string> lines;
  for (const Lack& lack : lacks) {
    if (lack.fewer.empty() || lack.replicas->second.lacking > lack.replicas->second.common) continue;
    const std::string said = ": in " + first_of(lack.all) + ", not in " + first_of(lack.fewer);
    lines.push_back(line_of(lack.names == 1 ? lack.name : pattern_of(lack.name), said, width));
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

/// Full blocks for what is written, light ones for what is left to other plans; `most` bytes are `width` blocks.
std::string bar(double before, double after, double most, int width) {
  const auto blocks = [&](double bytes) { return most > 0 ? static_cast<int>(bytes / most * width + 0.5) : 0; };
  std::string text;
  for (int i = 0; i < blocks(after); ++i) text += "█";
  for (int i = blocks(after); i < blocks(before); ++i) text += "░";
  for (int i = std::max(blocks(before), blocks(after)); i < width; ++i) text += ' ';
  return text;
}

/// What goes to standard output, and what people are told on standard error.
struct Output {
  std::string dump;
  std::string summary;

  void line(std::string words) {
    words.erase(words.find_last_not_of(' ') + 1);
    summary += words + '\n';
  }

  /// One plan, or all: what it has, and for each policy what of it is written, and a remark as wide as a bar.
  void row(const std::string& rank, const Load& before, const std::vector<std::pair<Load, std::string>>& columns) {
    char words[128];
    std::snprintf(words, sizeof words, "%5s %8zu %11s", rank.c_str(), before.items, human(before.bytes).c_str());
    std::string all = words;
    for (const auto& [after, remark] : columns) {
      std::snprintf(words, sizeof words, "  %8zu %11s  ", after.items, human(after.bytes).c_str());
      all += words + remark;
    }
    line(all);
  }

  void table(const std::vector<Load>& before, const std::vector<Outcome>& outcomes) {
    const int width = outcomes.size() == 1 ? 24 : 12;  // so that a line has no more than 80 columns, or 100
    char words[64];
    std::string title = " rank    items       bytes";
    for (const Outcome& outcome : outcomes) {
      std::snprintf(words, sizeof words, "   written       bytes  keep %-*s", width - 5, outcome.policy);
      title += words;
    }
    line(title);

    const double most = largest(before);
    std::vector<std::pair<Load, std::string>> columns;
    const auto row_of = [&](std::size_t rank) {
      columns.clear();
      for (const Outcome& outcome : outcomes)
        columns.emplace_back(outcome.loads[rank], bar(before[rank].bytes, outcome.loads[rank].bytes, most, width));
      row(std::to_string(rank), before[rank], columns);
    };
    constexpr std::size_t few = 4;
    const bool is_short = before.size() <= 8 * few;
    for (std::size_t rank = 0; rank != (is_short ? before.size() : few); ++rank) row_of(rank);
    if (!is_short) {
      std::vector<std::size_t> ranks(before.size());
      std::iota(ranks.begin(), ranks.end(), std::size_t{0});
      const auto load = [&](std::size_t rank) {
        return std::pair(outcomes.back().loads[rank].bytes, outcomes.back().loads[rank].items);
      };
      std::stable_sort(ranks.begin(), ranks.end(), [&](std::size_t a, std::size_t b) { return load(a) > load(b); });
      line("  the fullest:");
      std::for_each(ranks.begin(), ranks.begin() + few, row_of);
      line("  the emptiest:");
      std::for_each(ranks.end() - few, ranks.end(), row_of);
    }

    const Load all = sum(before);
    columns.clear();
    for (const Outcome& outcome : outcomes) {
      const Load written = sum(outcome.loads);
      const double less = all.bytes > 0 ? 100 * (all.bytes - written.bytes) / all.bytes : 0;
      std::snprintf(words, sizeof words, "%5.1f %% less%*s", less, width - 12, "");
      columns.emplace_back(written, words);
    }
    row("all", all, columns);
    line("█ the plan writes it   ░ it is left to another plan");
  }

  /// `limit`: what the largest plan has to write at least, if that is known.
  void policies(const std::vector<Outcome>& outcomes, std::optional<double> limit, bool may_balance) {
    char words[128];
    const auto times = [&](double bytes, double to) {
      const double ratio = to > 0 ? bytes / to : 1;
      std::snprintf(words, sizeof words, ratio < 10 ? ", %.4f times " : ", %.2f times ", ratio);
      return std::string(words);
    };
    for (const Outcome& outcome : outcomes) {
      const double most = largest(outcome.loads);
      const std::string name = std::string("keep ") + outcome.policy + ": ";
      line(name + "largest plan " + human(most) + times(most, mean(outcome.loads)) + "the mean" +
           (limit ? times(most, *limit) + "what is possible at best" : ""));
      std::snprintf(words, sizeof words, "a rank opens %.2f files to load what it planned", outcome.files);
      line(std::string(name.size(), ' ') + words);
    }
    constexpr double many_times = 1.5;
    if (may_balance && largest(outcomes.front().loads) > many_times * mean(outcomes.front().loads))
      line("the largest plan is far from the mean: --keep balanced may lower it");
  }

  void names(const char* title, const std::vector<std::string>& lines) {
    if (!lines.empty()) line(title);
    for (std::size_t i = 0; i != std::min(lines.size(), plan_check::most_listed); ++i) line("  " + lines[i]);
    if (lines.size() > plan_check::most_listed)
      line("  and " + std::to_string(lines.size() - plan_check::most_listed) + " more");
  }
};

// -------------------------------------------------------------------------------------------------------------- the job

/// The whole job. Throws plan_dump::Error for input that is no dump, and std::runtime_error for what --check finds.
Output deduplicate(std::string_view bytes, const plan_dump::Arguments& arguments) {
  plan_dump::Dump dump = plan_dump::parse(bytes, arguments.file);
  const std::size_t width = arguments.balanced ? 98 : 78;  // of a line that is indented by two
  const dcp::duplicates first = dcp::find_duplicates(dump.plans);
  std::vector<Load> before(dump.plans.size());
  for (std::size_t rank = 0; rank != before.size(); ++rank)
    for (const dcp::WriteItem& item : dump.plans[rank].items) before[rank] += load_of(item);
  std::vector<Outcome> outcomes;
  if (arguments.balanced) outcomes.push_back(outcome_of("first", dump.plans, first));
  std::optional<double> limit;  // it follows from what a policy sees
  const auto balanced = [&](const dcp::shared_indices& shared) {
    limit = balance_limit::of(shared);
    return arguments.policy(shared);
  };

  Output output;
  constexpr char not_compared[] = "remark: objects of unknown bytes in several plans, which cannot be compared:";
  const std::vector<std::string> unknown = names_of(dump.plans, first, width, true);
  try {
    if (arguments.check) output.summary = plan_check::faults_in(dump, arguments.keep());
    if (!output.summary.empty()) {
      output.names(not_compared, unknown);
      output.summary.pop_back();
      throw std::runtime_error(output.summary);
    }
    const dcp::duplicates found =
        dcp::find_duplicates(dump.plans, {.log = arguments.log ? dcp::console_logger() : dcp::logger(),
                                          .keep = arguments.balanced ? dcp::keep_policy(balanced) : dcp::keep::first,
                                          .max_message = std::numeric_limits<std::size_t>::max()});
    outcomes.push_back(outcome_of(arguments.balanced ? "balanced" : "first", dump.plans, found));

    output.table(before, outcomes);
    output.policies(outcomes, limit, !arguments.balanced && !found.empty());
    output.names("left to other plans, most bytes first:", names_of(dump.plans, found, width, false));
    output.names("remark: names that some replicas have and others lack:", lacking_names(dump.plans, width));
    if (arguments.check) output.names(not_compared, unknown);
    if (const std::size_t count = sum(before).unknown; count != 0)
      output.line("not in the bytes: " + counted(count, "item") +
                  " of unknown size; written: " + std::to_string(sum(outcomes.back().loads).unknown));
    dcp::erase_duplicates(dump.plans, found);
  } catch (const std::overflow_error&) {
    throw plan_check::too_many_bytes(dump);
  }

  for (std::size_t rank = 0; rank != dump.plans.size(); ++rank)
    plan_dump::append_plan(output.dump, rank, dump.plans[rank], dump.dtypes);
  return output;
}

}  // namespace

int main(int count, char** words) {
  try {
    const auto arguments = plan_dump::parse_arguments({words + std::min(count, 1), words + count});
    Output output = {usage, ""};
    if (!arguments.help) output = deduplicate(plan_dump::read_bytes(arguments.file), arguments);
    plan_dump::write_to_stdout(output.dump);
    std::fputs(output.summary.c_str(), stderr);
    return 0;
  } catch (const plan_dump::wrong_usage& error) {
    std::fprintf(stderr, "dedup_plans: %s\n%s", error.what(), usage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
