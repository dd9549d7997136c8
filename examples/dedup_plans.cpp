// Deduplicates a dump of save plans: the result goes to standard output, a summary for people to standard error.
//
//     c++ -std=c++20 -O2 -Iinclude examples/dedup_plans.cpp -o dedup_plans
//     ./dedup_plans examples/plans/llama3-8b-hsdp-2x2.tsv > deduplicated.tsv

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plan_dump.hpp"

namespace {

constexpr char usage[] =
    "usage: dedup_plans [--keep first] FILE\n"
    "\n"
    "Reads a dump of save plans (-: standard input) and writes it with each index left in one plan.\n"
    "  --keep first   the first plan that has an index writes it (the default)\n";

struct wrong_usage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Arguments {
  std::string file;
};

Arguments parse_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (*word == "--keep") {
      if (++word == words.end()) throw wrong_usage("--keep wants a policy");
      if (*word != "first") throw wrong_usage("there is no policy '" + *word + "' to keep by");
    } else if (word->size() > 1 && word->starts_with('-')) {
      throw wrong_usage("there is no option '" + *word + '\'');
    } else if (word->empty() || !arguments.file.empty()) {
      throw wrong_usage("one file is wanted");
    } else {
      arguments.file = *word;
    }
  }
  if (arguments.file.empty()) throw wrong_usage("one file is wanted");
  return arguments;
}

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

Load load_of(const dcp::SavePlan& plan) {
  Load load{plan.items.size()};
  for (const dcp::WriteItem& item : plan.items) {
    if (item.tensor_data) {
      auto bytes = static_cast<double>(dcp::element_size(item.tensor_data->properties.dtype));
      for (const std::int64_t extent : item.tensor_data->chunk.sizes) bytes *= static_cast<double>(extent);
      load.bytes += bytes;
    } else if (item.bytes_io_data) {
      load.bytes += static_cast<double>(item.bytes_io_data->nbytes);
    } else {
      ++load.unknown;
    }
  }
  return load;
}

std::vector<Load> loads_of(const std::vector<dcp::SavePlan>& plans) {
  std::vector<Load> loads;
  for (const dcp::SavePlan& plan : plans) loads.push_back(load_of(plan));
  return loads;
}

std::string human(double bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit) bytes /= 1024;
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
  return text;
}

/// What is written as full blocks, what is not any more as light ones; `most` bytes are 32 of them.
std::string bar(double before, double after, double most) {
  const auto blocks = [&](double bytes) { return most > 0 ? static_cast<int>(bytes / most * 32 + 0.5) : 0; };
  std::string text;
  for (int i = 0; i < blocks(after); ++i) text += "█";
  for (int i = blocks(after); i < blocks(before); ++i) text += "░";
  return text;
}

void print_summary(const std::vector<Load>& before, const std::vector<Load>& after) {
  double most = 0;
  for (const Load& load : before) most = std::max(most, load.bytes);
  std::fprintf(stderr, "%6s %9s %9s %11s %11s\n", "rank", "items", "kept", "bytes", "written");
  Load all_before;
  Load all_after;
  for (std::size_t rank = 0; rank != before.size(); ++rank) {
    std::fprintf(stderr, "%6zu %9zu %9zu %11s %11s  %s\n", rank, before[rank].items, after[rank].items,
                 human(before[rank].bytes).c_str(), human(after[rank].bytes).c_str(),
                 bar(before[rank].bytes, after[rank].bytes, most).c_str());
    all_before += before[rank];
    all_after += after[rank];
  }
  const double saved = all_before.bytes > 0 ? 100 * (all_before.bytes - all_after.bytes) / all_before.bytes : 0;
  std::fprintf(stderr, "%6s %9zu %9zu %11s %11s  %.1f %% less is written\n", "all", all_before.items, all_after.items,
               human(all_before.bytes).c_str(), human(all_after.bytes).c_str(), saved);
  if (all_before.unknown != 0)
    std::fprintf(stderr, "not in the bytes: %zu items, %zu kept, of unknown size\n", all_before.unknown,
                 all_after.unknown);
}

void run(const Arguments& arguments) {
  std::vector<dcp::SavePlan> plans = plan_dump::parse(plan_dump::read_bytes(arguments.file), arguments.file).plans;
  const std::vector<Load> before = loads_of(plans);

  plans = dcp::dedup_tensors(std::move(plans));

  std::string text;
  for (std::size_t rank = 0; rank != plans.size(); ++rank) plan_dump::append_plan(text, rank, plans[rank]);
  plan_dump::write_to_stdout(text);
  print_summary(before, loads_of(plans));
}

}  // namespace

int main(int count, char** words) {
  try {
    run(parse_arguments({words + std::min(count, 1), words + count}));
    return 0;
  } catch (const wrong_usage& error) {
    std::fprintf(stderr, "dedup_plans: %s\n%s", error.what(), usage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
