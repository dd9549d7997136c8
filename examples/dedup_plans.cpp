// Deduplicates a dump of save plans: the result goes to standard output, a summary for people to standard error.
//
//     c++ -std=c++20 -O2 -Iinclude examples/dedup_plans.cpp -o dedup_plans
//     ./dedup_plans examples/plans/llama3-8b-hsdp-2x2.tsv > deduplicated.tsv

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plan_dump.hpp"

namespace {

constexpr char usage[] =
    "usage: dedup_plans [--keep first|balanced] [--check] FILE\n"
    "\n"
    "Reads a dump of save plans (-: standard input) and writes it with each index left in one plan.\n"
    "  --keep first      the first plan that has an index writes it (the default)\n"
    "  --keep balanced   one of those that have it, so that all write about as much\n"
    "  --check           fail where replicas of an index describe different data\n";

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
    auto bytes = static_cast<double>(dcp::element_size(item.tensor_data->properties.dtype));
    for (const std::int64_t extent : item.tensor_data->chunk.sizes) bytes *= static_cast<double>(extent);
    return {1, bytes, 0};
  }
  if (item.bytes_io_data) return {1, static_cast<double>(item.bytes_io_data->nbytes), 0};
  return {1, 0, 1};
}

/// What the plans write where `found` is taken out of them.
struct Outcome {
  std::vector<Load> loads;
  /// The files that a rank opens to load what it planned, those of the plans that keep its indices; the mean of all
  /// ranks.
  double files = 0;
};

Outcome outcome_of(const std::vector<dcp::SavePlan>& plans, const dcp::duplicates& found) {
  Outcome outcome;
  for (std::size_t rank = 0; rank != plans.size(); ++rank) {
    std::set<std::size_t> files;
    Load load;
    auto redundant = found.in(rank);
    for (std::size_t position = 0; position != plans[rank].items.size(); ++position) {
      if (!redundant.empty() && redundant.front().position == position) {
        files.insert(redundant.front().keeper);
        redundant = redundant.subspan(1);
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

std::string human(double bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit) bytes /= 1024;
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
  return text;
}

/// What is written as full blocks, what is not any more as light ones; `most` bytes are 24 of them.
std::string bar(double before, double after, double most) {
  constexpr int width = 24;
  const auto blocks = [&](double bytes) { return most > 0 ? static_cast<int>(bytes / most * width + 0.5) : 0; };
  std::string text;
  for (int i = 0; i < blocks(after); ++i) text += "█";
  for (int i = blocks(after); i < blocks(before); ++i) text += "░";
  for (int i = blocks(before); i < width; ++i) text += ' ';
  return text;
}

/// A policy's name and what comes of it.
using Column = std::pair<const char*, Outcome>;

void print_row(const std::string& rank, const Load& before, const std::vector<std::pair<Load, std::string>>& columns) {
  std::fprintf(stderr, "%5s %8zu %11s", rank.c_str(), before.items, human(before.bytes).c_str());
  for (const auto& [after, remark] : columns)
    std::fprintf(stderr, "  %8zu %11s  %s", after.items, human(after.bytes).c_str(), remark.c_str());
  std::fputc('\n', stderr);
}

void print_summary(const std::vector<Load>& before, const std::vector<Column>& columns) {
  double most = largest(before);
  std::fprintf(stderr, "%5s %8s %11s", "rank", "items", "bytes");
  for (const auto& [name, outcome] : columns) std::fprintf(stderr, "  %8s %11s  keep %-19s", "written", "bytes", name);
  std::fputc('\n', stderr);

  std::vector<std::pair<Load, std::string>> row;
  for (std::size_t rank = 0; rank != before.size(); ++rank) {
    row.clear();
    for (const auto& [name, outcome] : columns)
      row.emplace_back(outcome.loads[rank], bar(before[rank].bytes, outcome.loads[rank].bytes, most));
    print_row(std::to_string(rank), before[rank], row);
  }

  const Load all = sum(before);
  row.clear();
  for (const auto& [name, outcome] : columns) {
    const Load written = sum(outcome.loads);
    char remark[64];
    const double less = all.bytes > 0 ? 100 * (all.bytes - written.bytes) / all.bytes : 0;
    std::snprintf(remark, sizeof remark, "%5.1f %% less is written  ", less);
    row.emplace_back(written, remark);
  }
  print_row("all", all, row);

  for (const auto& [name, outcome] : columns) {
    const double mean = sum(outcome.loads).bytes / static_cast<double>(std::max<std::size_t>(1, before.size()));
    std::fprintf(
        stderr, "keep %s: the largest plan writes %s, %.4f times the mean; a rank opens %.2f files to load its plan\n",
        name, human(largest(outcome.loads)).c_str(), mean > 0 ? largest(outcome.loads) / mean : 0, outcome.files);
  }
  if (all.unknown != 0)
    std::fprintf(stderr, "not in the bytes: %zu items of unknown size, of which %zu are written\n", all.unknown,
                 sum(columns.back().second.loads).unknown);
}

void run(const plan_dump::Arguments& arguments) {
  plan_dump::Dump dump = plan_dump::parse(plan_dump::read_bytes(arguments.file), arguments.file);

  std::vector<Load> before(dump.plans.size());
  for (std::size_t rank = 0; rank != before.size(); ++rank)
    for (const dcp::WriteItem& item : dump.plans[rank].items) before[rank] += load_of(item);

  std::vector<Column> columns;
  try {
    columns.emplace_back("first", outcome_of(dump.plans, dcp::find_duplicates(dump.plans)));
    if (arguments.keep != dcp::keep::first)
      columns.emplace_back("balanced",
                           outcome_of(dump.plans, dcp::find_duplicates(dump.plans, {.keep = arguments.keep})));
    dump.plans = dcp::dedup_tensors(std::move(dump.plans), {.keep = arguments.keep, .check_replicas = arguments.check});
  } catch (const dcp::conflict_error& error) {
    throw std::runtime_error(plan_dump::describe(error, dump.lines, arguments.file));
  } catch (const std::overflow_error& error) {
    throw plan_dump::Error(arguments.file, 0, error.what());
  }

  std::string text;
  for (std::size_t rank = 0; rank != dump.plans.size(); ++rank) plan_dump::append_plan(text, rank, dump.plans[rank]);
  plan_dump::write_to_stdout(text);
  print_summary(before, columns);
}

}  // namespace

int main(int count, char** words) {
  try {
    run(plan_dump::parse_arguments({words + std::min(count, 1), words + count}));
    return 0;
  } catch (const plan_dump::wrong_usage& error) {
    std::fprintf(stderr, "dedup_plans: %s\n%s", error.what(), usage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
