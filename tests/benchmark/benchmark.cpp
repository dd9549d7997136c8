// What find_duplicates and dedup_tensors cost, beside the floor (hashing every index once) and beside hash sets; prints
// a table of the measured figures and the goals.
//
//     benchmark [--quick] [--csv FILE]
//
// All that is compared is run in turns in one process, and the best of several rounds counts. The exit status is 1 if a
// goal is missed by more than 20 %, or if two ways disagree on what is redundant. --quick runs small lists for that
// alone.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "layouts.hpp"
#include "peers.hpp"

#include <malloc.h>

namespace {

std::size_t bytes_now = 0;
std::size_t bytes_peak = 0;

}  // namespace

// Counts what is allocated. (By malloc's own size of a block, the same for all that is compared.)
void* operator new(std::size_t size) {
  void* const at = std::malloc(size);
  if (at == nullptr) throw std::bad_alloc();
  bytes_now += malloc_usable_size(at);
  bytes_peak = std::max(bytes_peak, bytes_now);
  return at;
}
void operator delete(void* at) noexcept {
  if (at != nullptr) bytes_now -= malloc_usable_size(at);
  std::free(at);
}
void operator delete(void* at, std::size_t) noexcept { operator delete(at); }

namespace benchmark {
namespace {

using clock = std::chrono::steady_clock;

bool failed = false;
volatile std::size_t sink;  // so that nothing measured is optimised away

/// A way to do the job, and its best time so far.
struct contender {
  std::string name;
  std::function<double()> run;  // seconds
  double best = 1e9;
};

template <class Function>
double seconds(Function&& function) {
  const auto begin = clock::now();
  function();
  return std::chrono::duration<double>(clock::now() - begin).count();
}

void run_in_turns(std::vector<contender>& contenders, int rounds) {
  for (int round = 0; round != rounds; ++round)
    for (contender& each : contenders) each.best = std::min(each.best, each.run());
}

/// A line of the table: a ratio and the most (or the least) that it may be.
void report(const std::string& types, const std::string& what, double ratio, double goal, bool at_least, bool timed) {
  const bool met = at_least ? ratio >= goal : ratio <= goal;
  const bool missed = timed && (at_least ? ratio < goal / 1.2 : ratio > goal * 1.2);
  failed = failed || missed;
  std::printf("| %s | %s | %.2f | %s %.2f | %s |\n", types.c_str(), what.c_str(), ratio,
              at_least ? "at least" : "at most", goal,
              met      ? "met"
              : missed ? "MISSED"
                       : "nearly");
}

template <class Plans>
std::size_t items_in(const Plans& plans) {
  std::size_t items = 0;
  for (const auto& plan : plans) items += dcp::save_plan_traits<typename Plans::value_type>::items(plan).size();
  return items;
}

redundant_items list(const dcp::duplicates& found) {
  redundant_items list;
  for (std::uint32_t plan = 0; plan != found.plans(); ++plan)
    for (const dcp::duplicate& each : found.in(plan)) list.emplace_back(plan, each.position);
  return list;
}

void check(bool same, const std::string& name) {
  if (same) return;
  std::printf("%s disagrees on what is redundant\n", name.c_str());
  failed = true;
}

/// Moves out of the plans what `found` calls redundant, for the time that destroying it takes.
template <class Plans>
auto take_redundant(Plans& plans, const dcp::duplicates& found) {
  using traits = dcp::save_plan_traits<typename Plans::value_type>;
  std::vector<std::remove_cvref_t<decltype(traits::items(plans.front()))>> taken(plans.size());
  for (std::size_t plan = 0; plan != plans.size(); ++plan)
    for (const dcp::duplicate& each : found.in(plan))
      taken[plan].push_back(std::move(traits::items(plans[plan])[each.position]));
  return taken;
}

template <class Plan>
void measure_decision(const std::string& types, const layout& like, bool quick, std::FILE* csv) {
  const std::vector<Plan> plans = make_plans<Plan>(like);
  const std::size_t items = items_in(plans);

  std::vector<contender> contenders;
  const auto add = [&](const std::string& name, auto function) {
    contenders.push_back({name, [function] { return seconds([&] { sink = function(); }); }});
  };
  add("floor", [&] { return hash_all(plans); });
  add("find_duplicates", [&] { return dcp::find_duplicates(plans).size(); });
  add("std::unordered_set", [&] { return find_with<std::unordered_set>(plans).size(); });
#if defined(DCP_BENCHMARK_WITH_ABSEIL)
  add("absl::flat_hash_set", [&] { return find_with<absl::flat_hash_set>(plans).size(); });
#endif
  add("keep::balanced", [&] { return dcp::find_duplicates(plans, {.keep = dcp::keep::balanced}).size(); });
  run_in_turns(contenders, quick ? 1 : items < 200'000 ? 100 : 9);

  const redundant_items found = list(dcp::find_duplicates(plans));
  check(found == find_with<std::unordered_set>(plans), "std::unordered_set");
#if defined(DCP_BENCHMARK_WITH_ABSEIL)
  check(found == find_with<absl::flat_hash_set>(plans), "absl::flat_hash_set");
#endif

  const double floor = contenders[0].best;
  const double ours = contenders[1].best;
  double fastest_set = 1e9;
  for (std::size_t i = 2; i + 1 != contenders.size(); ++i) fastest_set = std::min(fastest_set, contenders[i].best);
  for (const contender& each : contenders) {
    const double nanoseconds = each.best / static_cast<double>(items) * 1e9;
    std::fprintf(stderr, "%-12s %-10s %-20s %8.2f ns an item\n", types.c_str(), like.name.c_str(), each.name.c_str(),
                 nanoseconds);
    if (csv != nullptr)
      std::fprintf(csv, "%s,%s,%s,%.3f,%.3f\n", types.c_str(), like.name.c_str(), each.name.c_str(), nanoseconds,
                   each.best / floor);
  }
  const bool replicated = like.replicas > 2;
  report(types, like.name + ": find_duplicates over the floor", ours / floor,
         !replicated          ? 2.0
         : like.name == "ddp" ? 1.1
                              : 1.25,
         false, !quick);
  report(types, like.name + ": the fastest hash set over find_duplicates", fastest_set / ours, replicated ? 1.4 : 2.0,
         true, !quick);
  if (like.replicas > 2 && like.shards > 1)
    report(types, like.name + ": keep::balanced over keep::first", contenders.back().best / ours, 2, false, !quick);
}

template <class Plan>
void measure_whole(const std::string& types, const layout& like, bool quick) {
  using Plans = std::vector<Plan>;
  const Plans plans = make_plans<Plan>(like);
  const dcp::duplicates found = dcp::find_duplicates(plans);

  Plans expected = dcp::dedup_tensors(plans);
  Plans ported = plans;
  port_of_pytorch(ported);
  bool same = true;
  for (std::size_t plan = 0; plan != plans.size(); ++plan) {
    const auto& a = items_of(expected[plan]);
    const auto& b = items_of(ported[plan]);
    same = same && std::equal(a.begin(), a.end(), b.begin(), b.end(),
                              [](const auto& x, const auto& y) { return index_of(x) == index_of(y); });
  }
  check(same, "the port of PyTorch");

  std::vector<contender> contenders = {{"dedup_tensors",
                                        [&] {
                                          Plans copy = plans;
                                          return seconds([&] { copy = dcp::dedup_tensors(std::move(copy)); });
                                        }},
                                       {"port of PyTorch",
                                        [&] {
                                          Plans copy = plans;
                                          return seconds([&] { port_of_pytorch(copy); });
                                        }},
                                       {"find_duplicates",
                                        [&] {
                                          const Plans copy = plans;  // in the cache as much as the others
                                          return seconds([&] { sink = dcp::find_duplicates(copy).size(); });
                                        }},
                                       {"destroying what goes", [&] {
                                          Plans copy = plans;
                                          auto taken = take_redundant(copy, found);
                                          return seconds([&] { taken.clear(); });
                                        }}};
  run_in_turns(contenders, quick ? 1 : 5);
  for (const contender& each : contenders)
    std::fprintf(stderr, "%-12s %-10s %-20s %8.2f ns an item\n", types.c_str(), like.name.c_str(), each.name.c_str(),
                 each.best / static_cast<double>(items_in(plans)) * 1e9);
  report(types, like.name + ": the port of PyTorch over dedup_tensors", contenders[1].best / contenders[0].best, 5,
         true, !quick);
  report(types, like.name + ": dedup_tensors over find_duplicates + destroying",
         contenders[0].best / (contenders[2].best + contenders[3].best), 1.15, false, !quick);
}

/// The extra memory at its peak over what is allowed, at the worst of many sizes.
template <class Plan>
void measure_memory(const std::string& types, const layout& like, bool quick) {
  double worst = 0;
  for (std::size_t times = 1; times <= (quick ? 4u : 40u); ++times) {
    layout grown = like;
    (like.replicas > like.shards ? grown.replicas : grown.shards) *= times;
    const std::vector<Plan> plans = make_plans<Plan>(grown);
    const std::size_t before = bytes_now;
    bytes_peak = bytes_now;
    const dcp::duplicates found = dcp::find_duplicates(plans);
    const std::size_t used = bytes_peak - before;
    const std::size_t allowed = 40 * (items_in(plans) - found.size()) + 12 * found.size() + 16 * plans.size();
    worst = std::max(worst, static_cast<double>(used) / static_cast<double>(allowed));
  }
  report(types, like.name + ": extra memory over 40 B an index + 12 B a redundant item + 16 B a plan", worst, 1, false,
         true);
}

template <class Plan>
void measure_growth(const std::string& types, bool quick) {
  double floor[2];
  double ours[2];
  for (const std::size_t size : {0, 1}) {
    const layout like{"mixed", 2, quick ? 2 + size : size == 0 ? 43u : 4340u};  // 0.1 and 10 million items
    const std::vector<Plan> plans = make_plans<Plan>(like);
    std::vector<contender> contenders = {
        {"floor", [&] { return seconds([&] { sink = hash_all(plans); }); }},
        {"find_duplicates", [&] { return seconds([&] { sink = dcp::find_duplicates(plans).size(); }); }}};
    run_in_turns(contenders, quick ? 1 : size == 0 ? 50 : 3);
    floor[size] = contenders[0].best / static_cast<double>(items_in(plans));
    ours[size] = contenders[1].best / static_cast<double>(items_in(plans));
    std::fprintf(stderr, "%-12s mixed, %zu items: floor %.2f, find_duplicates %.2f ns an item\n", types.c_str(),
                 items_in(plans), floor[size] * 1e9, ours[size] * 1e9);
  }
  report(types, "growth from 0.1 to 10 million items, over the floor's", ours[1] / ours[0] / (floor[1] / floor[0]), 1,
         false, !quick);
}

/// A key whose hash is the identity, as std::hash of an integer is, and one whose hash is good.
template <bool good>
struct number_key {
  std::uint64_t number;
  bool operator==(const number_key&) const = default;
};

template <bool good>
struct number_item {
  number_key<good> index;
};

template <bool good>
struct number_plan {
  std::vector<number_item<good>> items;
};

}  // namespace
}  // namespace benchmark

template <bool good>
struct std::hash<benchmark::number_key<good>> {
  std::size_t operator()(const benchmark::number_key<good>& key) const noexcept {
    if (!good) return key.number;
    const std::uint64_t mixed = (key.number ^ (key.number >> 31)) * 0x9E3779B97F4A7C15u;
    return mixed ^ (mixed >> 29);
  }
};

namespace benchmark {
namespace {

template <bool good>
std::vector<number_plan<good>> number_plans(std::size_t plans, unsigned shift) {
  std::vector<number_plan<good>> result(plans);
  std::uint64_t number = 0;
  for (auto& plan : result)
    for (int i = 0; i != 1152; ++i) plan.items.push_back({{number++ << shift}});
  return result;
}

void measure_hostile_hash(bool quick) {
  for (const unsigned shift : {0u, 20u, 40u}) {
    const auto good = number_plans<true>(quick ? 4 : 512, shift);
    const auto hostile = number_plans<false>(quick ? 4 : 512, shift);
    std::vector<contender> contenders = {
        {"good", [&] { return seconds([&] { sink = dcp::find_duplicates(good).size(); }); }},
        {"hostile", [&] { return seconds([&] { sink = dcp::find_duplicates(hostile).size(); }); }}};
    run_in_turns(contenders, quick ? 1 : 7);
    report("numbers", "hash is the identity, the low " + std::to_string(shift) + " bits equal: over a good hash",
           contenders[1].best / contenders[0].best, 3, false, !quick);
  }
}

template <class Plan>
void measure_types(const std::string& types, bool quick, std::FILE* csv) {
  const std::vector<layout> layouts =
      quick ? std::vector<layout>{{"ddp", 4, 1}, {"hsdp 4x2", 4, 2}, {"mixed 2x4", 2, 4}, {"fsdp 4", 1, 4}}
            : std::vector<layout>{{"ddp", 64, 1},          {"hsdp 64x8", 64, 8},    {"hsdp 128x8", 128, 8},
                                  {"mixed 2x128", 2, 128}, {"mixed 2x512", 2, 512}, {"fsdp 512", 1, 512},
                                  {"fsdp 1024", 1, 1024}};
  for (const layout& like : layouts) measure_decision<Plan>(types, like, quick, csv);
  measure_whole<Plan>(types, layouts[0], quick);
  measure_whole<Plan>(types, layouts[1], quick);
  measure_memory<Plan>(types, {"ddp", 2, 1}, quick);
  measure_memory<Plan>(types, {"hsdp", 8, 2}, quick);
  measure_memory<Plan>(types, {"fsdp", 1, 2}, quick);
  measure_growth<Plan>(types, quick);
}

}  // namespace
}  // namespace benchmark

int main(int count, char** words) {
  bool quick = false;
  std::FILE* csv = nullptr;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--quick") {
      quick = true;
    } else if (word == "--csv" && i + 1 < count) {
      csv = std::fopen(words[++i], "w");
      if (csv == nullptr) return std::perror(words[i]), 2;
      std::fprintf(csv, "types,layout,contender,ns_an_item,over_floor\n");
    } else {
      std::fprintf(stderr, "usage: benchmark [--quick] [--csv FILE]\n");
      return 2;
    }
  }
#if !defined(DCP_BENCHMARK_WITH_ABSEIL)
  std::printf("absl::flat_hash_set is absent: Abseil is not installed.\n\n");
#endif
  std::printf("| types | what | measured | goal | |\n| --- | --- | --- | --- | --- |\n");
  benchmark::measure_types<dcp::SavePlan>("ready-made", quick, csv);
  benchmark::measure_types<benchmark::own_plan>("own", quick, csv);
  benchmark::measure_hostile_hash(quick);
  if (csv != nullptr && std::fclose(csv) != 0) return std::perror("the CSV file"), 2;
  return benchmark::failed ? 1 : 0;
}
