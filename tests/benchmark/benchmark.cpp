// What find_duplicates and dedup_tensors cost, beside the floor (hashing every index once), the limit of the work, hash
// sets, and a port of PyTorch's steps; prints a table of the measured figures and the goals.
//
//     benchmark [--quick]
//
// All that is compared is run in turns in one process, and the best of several rounds counts. The exit status is 1 if a
// goal is missed by more than noise (20 % of a time), or if two ways disagree on what is redundant; the last lines say
// which. --quick runs small lists for the latter alone.

#include <dcp/balanced.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <new>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "../balanced/layouts_of_few_holders.hpp"
#include "../balanced/limit_model.hpp"
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

bool quick = false;               // times mean nothing
std::vector<std::string> missed;  // goals, and ways that disagree
volatile std::size_t sink;        // so that nothing measured is optimised away

template <class Function>
double seconds(Function&& function) {
  const auto begin = clock::now();
  function();
  return std::chrono::duration<double>(clock::now() - begin).count();
}

/// Ways to do a job, and the best time of each so far.
class race {
 public:
  /// `run` returns seconds.
  void enter_timed(const std::string& name, std::function<double()> run) { contenders_.push_back({name, run, 1e9}); }
  template <class Function>
  void enter(const std::string& name, Function function) {
    enter_timed(name, [function] { return seconds([&] { sink = function(); }); });
  }

  void run_in_turns(int rounds) {
    for (int round = 0; round != (quick ? 1 : rounds); ++round)
      for (contender& each : contenders_) each.best = std::min(each.best, each.run());
  }

  double operator[](std::string_view name) const {
    return std::find_if(contenders_.begin(), contenders_.end(),
                        [&](const contender& each) { return each.name == name; })
        ->best;
  }

  /// ns an item to the standard error.
  void print(const std::string& types, const std::string& layout, std::size_t items) const {
    for (const auto& [name, run, best] : contenders_)
      std::fprintf(stderr, "%-10s %-22s %-22s %8.2f ns an item\n", types.c_str(), layout.c_str(), name.c_str(),
                   best / static_cast<double>(items) * 1e9);
  }

 private:
  struct contender {
    std::string name;
    std::function<double()> run;
    double best;
  };
  std::vector<contender> contenders_;
};

struct goal {
  double value;
  bool at_least = false;
  double noise = 1.2;
};

constexpr goal at_most(double value) { return {value}; }
constexpr goal at_least(double value) { return {value, true}; }
constexpr goal at_most_exactly(double value) { return {value, false, 1}; }  // of what is counted, not timed

/// A line of the table.
void report(const std::string& types, const std::string& what, double measured, const goal& wanted) {
  const auto reaches = [&](double noise) {
    return wanted.at_least ? measured >= wanted.value / noise : measured <= wanted.value * noise;
  };
  const bool is_missed = !reaches(wanted.noise) && (!quick || wanted.noise == 1);
  char line[200];
  std::snprintf(line, sizeof line, "| %s | %s | %.2f | %s %.2f |", types.c_str(), what.c_str(), measured,
                wanted.at_least ? "at least" : "at most", wanted.value);
  std::printf("%s %s |\n", line, reaches(1) ? "met" : is_missed ? "MISSED" : quick ? "not timed" : "within noise");
  std::fflush(stdout);
  if (is_missed) missed.push_back(line);
}
/// One without a goal.
void report(const std::string& types, const std::string& what, double measured, const char* unit = "") {
  std::printf("| %s | %s | %.2f%s | | |\n", types.c_str(), what.c_str(), measured, unit);
  std::fflush(stdout);
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
  if (!same) missed.push_back(name + " disagrees on what is redundant");
}

/// Moves out of the plans what `found` calls redundant, for the time that destroying it takes.
template <class Plan>
auto take_redundant(std::vector<Plan>& plans, const dcp::duplicates& found) {
  std::vector<std::remove_cvref_t<decltype(items_of(plans.front()))>> taken(plans.size());
  for (std::size_t plan = 0; plan != plans.size(); ++plan)
    for (const dcp::duplicate& each : found.in(plan))
      taken[plan].push_back(std::move(items_of(plans[plan])[each.position]));
  return taken;
}

template <class Plan>
void measure_decision(const std::string& types, const layout& like) {
  const std::vector<Plan> plans = make_plans<Plan>(like);
  const std::size_t items = items_in(plans);
  const redundant_items found = list(dcp::find_duplicates(plans));
  check(found == find_with<std::unordered_set>(plans), "std::unordered_set");

  race times;
  times.enter("floor", [&] { return hash_all(plans); });
  times.enter("limit", [&] { return touch_all(plans, items, items - found.size()); });
  times.enter("find_duplicates", [&] { return dcp::find_duplicates(plans).size(); });
  times.enter("keep::balanced", [&] { return dcp::find_duplicates(plans, {.keep = dcp::keep::balanced}).size(); });
  times.enter("std::unordered_set", [&] { return find_with<std::unordered_set>(plans).size(); });
#if defined(DCP_BENCHMARK_WITH_ABSEIL)
  check(found == find_with<absl::flat_hash_set>(plans), "absl::flat_hash_set");
  times.enter("absl::flat_hash_set", [&] { return find_with<absl::flat_hash_set>(plans).size(); });
#endif
  times.run_in_turns(items < 200'000 ? 100 : 9);
  times.print(types, like.name, items);

  const double ours = times["find_duplicates"];
  double fastest_set = times["std::unordered_set"];
#if defined(DCP_BENCHMARK_WITH_ABSEIL)
  fastest_set = std::min(fastest_set, times["absl::flat_hash_set"]);
#endif
  const bool replicated = like.replicas > 2;
  if (replicated)
    report(types, like.name + ": find_duplicates over the floor", ours / times["floor"],
           at_most(types == "own" ? 1.0 : 1.15));
  else report(types, like.name + ": find_duplicates over the limit", ours / times["limit"], at_most(1.3));
  report(types, like.name + ": the fastest hash set over find_duplicates", fastest_set / ours,
         at_least(replicated ? 1.4 : 2.0));
  if (replicated && like.shards > 1)
    report(types, like.name + ": keep::balanced over keep::first", times["keep::balanced"] / ours, at_most(2));
}

template <class Plan>
void measure_whole(const std::string& types, const layout& like) {
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

  const auto timed = [&](auto function) {
    return [&plans, function] {
      Plans copy = plans;
      return seconds([&] { function(copy); });
    };
  };
  race times;
  times.enter_timed("dedup_tensors", timed([](Plans& copy) { copy = dcp::dedup_tensors(std::move(copy)); }));
  times.enter_timed("port of PyTorch", timed([](Plans& copy) { port_of_pytorch(copy); }));
  times.enter_timed("destroying what goes", [&] {
    Plans copy = plans;
    auto taken = take_redundant(copy, found);
    return seconds([&] { taken.clear(); });
  });
  times.run_in_turns(9);
  times.print(types, like.name, items_in(plans));
  report(types, like.name + ": the port of PyTorch over dedup_tensors of an rvalue",
         times["port of PyTorch"] / times["dedup_tensors"], at_least(4));
  if (types == "ready-made")
    report(types, like.name + ": destroying what goes, ns an item",
           times["destroying what goes"] / static_cast<double>(found.size()) * 1e9, at_most(45));
}

/// What find_duplicates allocates at its peak.
template <class Plans>
std::size_t extra_memory(const Plans& plans) {
  const std::size_t before = bytes_now;
  bytes_peak = bytes_now;
  static_cast<void>(dcp::find_duplicates(plans));
  return bytes_peak - before;
}

/// In find_duplicates: three numbers, an iterator and a size, four bytes more of padding; and what a call costs whatever
/// the plans, with what the allocator adds.
constexpr std::size_t bytes_a_plan = 28;
constexpr std::size_t bytes_a_call = 1024;

/// The extra memory at its peak over what is allowed, at the worst of many sizes.
template <class Plan>
void measure_memory(const std::string& types, const layout& like) {
  double worst = 0;
  for (std::size_t times = 1; times <= (quick ? 4u : 40u); ++times) {
    layout grown = like;
    (like.replicas > like.shards ? grown.replicas : grown.shards) *= times;
    const std::vector<Plan> plans = make_plans<Plan>(grown);
    const std::size_t redundant = dcp::find_duplicates(plans).size();
    const std::size_t allowed =
        40 * (items_in(plans) - redundant) + 16 * redundant + bytes_a_plan * plans.size() + bytes_a_call;
    worst = std::max(worst, static_cast<double>(extra_memory(plans)) / static_cast<double>(allowed));
  }
  report(types, like.name + ": extra memory over 40 B an index + 16 B a redundant item + 28 B a plan", worst,
         at_most_exactly(1));
}

/// The worst that can follow a table's growth: nothing new. And what a plan costs, where each has one item.
void measure_least_lucky_memory() {
  double worst = 0;
  for (std::size_t indices = 1; indices < (quick ? 3'000u : 300'000u); indices += 1 + indices / 150) {
    std::vector<own_plan> plans(2);
    for (std::size_t i = 0; i != indices; ++i) plans[0].writes.push_back({{"", static_cast<std::int64_t>(i)}, 4});
    plans[1].writes.assign(4 * indices, plans[0].writes[0]);
    const std::size_t allowed = 40 * indices + 16 * 4 * indices + bytes_a_plan * 2 + bytes_a_call;
    worst = std::max(worst, static_cast<double>(extra_memory(plans)) / static_cast<double>(allowed));
  }
  report("own", "any number of indices, then nothing new: extra memory over the same", worst, at_most_exactly(1));

  double most = 0;
  for (std::size_t count = 1000; count < (quick ? 2'000u : 100'000u); count += count / 20) {
    std::vector<own_plan> plans(count);
    for (own_plan& plan : plans) plan.writes.resize(1);
    most = std::max(most, (static_cast<double>(extra_memory(plans)) - bytes_a_call) / static_cast<double>(count) - 16);
  }
  report("own", "extra memory of a plan, bytes", most, at_most_exactly(bytes_a_plan));
}

template <class Plan>
void measure_growth(const std::string& types) {
  double floor[2];
  double ours[2];
  for (const std::size_t size : {0, 1}) {
    const layout like{"mixed", 2, quick ? 2 + size : size == 0 ? 43u : 4340u};  // 0.1 and 10 million items
    const std::vector<Plan> plans = make_plans<Plan>(like);
    const std::size_t items = items_in(plans);
    race times;
    times.enter("floor", [&] { return hash_all(plans); });
    times.enter("find_duplicates", [&] { return dcp::find_duplicates(plans).size(); });
    times.run_in_turns(size == 0 ? 50 : 4);
    times.print(types, "mixed, " + std::to_string(items) + " items", items);
    floor[size] = times["floor"] / static_cast<double>(items);
    ours[size] = times["find_duplicates"] / static_cast<double>(items);
  }
  report(types, "mixed: growth of ns an item from 0.1 to 10 million, over the floor's",
         ours[1] / ours[0] / (floor[1] / floor[0]), at_most(1.1));
}

/// What planning costs a job, in milliseconds: with ready-made types, decided anew, and by a decision of the last save.
void measure_planning(const layout& like) {
  using Plans = std::vector<dcp::SavePlan>;
  const Plans plans = make_plans<dcp::SavePlan>(like);
  const dcp::duplicates kept = dcp::find_duplicates(plans);
  const auto timed = [&](auto function) {
    return [&plans, function] {
      Plans copy = plans;
      return seconds([&] { function(copy); });
    };
  };
  race times;
  times.enter("find_duplicates", [&] { return dcp::find_duplicates(plans).size(); });
  times.enter_timed("dedup_tensors", timed([](Plans& copy) { copy = dcp::dedup_tensors(std::move(copy)); }));
  times.enter_timed("erase_duplicates", timed([&](Plans& copy) { dcp::erase_duplicates(copy, kept); }));
  times.enter_timed("port of PyTorch", timed([](Plans& copy) { port_of_pytorch(copy); }));
  times.run_in_turns(plans.size() > 1000 ? 3 : 9);
  const std::string ranks = std::to_string(plans.size()) + " ranks, " + like.name + ": ";
  for (const char* name : {"find_duplicates", "dedup_tensors", "erase_duplicates", "port of PyTorch"})
    report("ready-made", ranks + name + (std::string_view(name) == "erase_duplicates" ? " of a kept decision" : ""),
           times[name] * 1e3, " ms");
  report("ready-made", ranks + "erase_duplicates of a kept decision over dedup_tensors",
         times["erase_duplicates"] / times["dedup_tensors"]);
}

/// The largest plan if each tensor goes to the holder that has least so far.
double largest_of_greedy(const test::layout& like) {
  std::vector<std::uint64_t> load(like.plans);
  for (const test::planned_tensor& tensor : like.tensors) {
    const auto less = [&](std::uint32_t a, std::uint32_t b) { return load[a] < load[b]; };
    load[*std::min_element(tensor.holders.begin(), tensor.holders.end(), less)] += tensor.bytes;
  }
  return static_cast<double>(*std::max_element(load.begin(), load.end()));
}

/// The largest plan, over the least that any choice could reach, in layouts where some tensors are on few ranks. (That
/// keep::balanced stays near it, is tested by tests/balanced/goals.cpp.)
void measure_balance() {
  std::map<std::string, std::vector<double>> ratios;
  const std::uint64_t count = quick ? 3 : 250;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    test::layout like = test::layouts_of_few_holders(seed).next();
    const dcp::shared_indices shared = test::shared_indices_of(like);
    const auto limit = static_cast<double>(test::limit_model(shared));
    std::vector<std::uint64_t> load;
    for (std::size_t plan = 0; plan != like.plans; ++plan) load.push_back(shared.own_bytes(plan));
    const std::vector<std::uint32_t> keepers = dcp::keep::balanced(shared);
    for (std::size_t i = 0; i != shared.size(); ++i) load[keepers[i]] += shared.bytes(i);
    ratios["keep::balanced"].push_back(static_cast<double>(*std::max_element(load.begin(), load.end())) / limit);
    ratios["PyTorch's dedup_save_plans"].push_back(largest_of_greedy(like) / limit);  // in the order of the items
    std::stable_sort(like.tensors.begin(), like.tensors.end(), [](const auto& a, const auto& b) {
      return (a.holders.size() == 1) != (b.holders.size() == 1) ? a.holders.size() == 1 : a.bytes > b.bytes;
    });
    ratios["greedy, the largest first"].push_back(largest_of_greedy(like) / limit);
  }
  for (const auto& [name, of_layouts] : ratios) {
    report("bytes", "largest plan over the least possible, mean of 250 layouts: " + name,
           std::accumulate(of_layouts.begin(), of_layouts.end(), 0.0) / static_cast<double>(count));
    report("bytes", "the same, worst: " + name, *std::max_element(of_layouts.begin(), of_layouts.end()));
  }
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

void measure_hostile_hash() {
  for (const unsigned shift : {0u, 20u, 40u}) {
    const auto good = number_plans<true>(quick ? 4 : 512, shift);
    const auto hostile = number_plans<false>(quick ? 4 : 512, shift);
    race times;
    times.enter("good", [&] { return dcp::find_duplicates(good).size(); });
    times.enter("hostile", [&] { return dcp::find_duplicates(hostile).size(); });
    times.run_in_turns(7);
    report("numbers", "hash is the identity, the low " + std::to_string(shift) + " bits equal: over a good hash",
           times["hostile"] / times["good"], at_most(3));
  }
}

template <class Plan>
void measure_types(const std::string& types) {
  const std::vector<layout> layouts = quick ? std::vector<layout>{{"ddp", 4, 1},
                                                                  {"hsdp 4x2", 4, 2},
                                                                  {"mixed 2x4", 2, 4},
                                                                  {"fsdp 4 (1/4 common)", 1, 4},
                                                                  {"fsdp 4 (none common)", 1, 4, false}}
                                            : std::vector<layout>{{"ddp", 64, 1},
                                                                  {"hsdp 64x8", 64, 8},
                                                                  {"hsdp 128x8", 128, 8},
                                                                  {"mixed 2x128", 2, 128},
                                                                  {"mixed 2x512", 2, 512},
                                                                  {"fsdp 512 (1/4 common)", 1, 512},
                                                                  {"fsdp 1024 (1/4 common)", 1, 1024},
                                                                  {"fsdp 512 (none common)", 1, 512, false}};
  for (const layout& like : layouts) measure_decision<Plan>(types, like);
  measure_whole<Plan>(types, layouts[0]);
  measure_whole<Plan>(types, layouts[1]);
  measure_memory<Plan>(types, {"ddp", 2, 1});
  measure_memory<Plan>(types, {"hsdp", 8, 2});
  measure_memory<Plan>(types, {"fsdp (1/4 common)", 1, 2});
  measure_memory<Plan>(types, {"fsdp (none common)", 1, 2, false});
  measure_growth<Plan>(types);
}

}  // namespace
}  // namespace benchmark

int main(int count, char** words) {
  using namespace benchmark;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word != "--quick") return std::fprintf(stderr, "usage: benchmark [--quick]\n"), 2;
    quick = true;
  }
#if !defined(DCP_BENCHMARK_WITH_ABSEIL)
  std::printf("absl::flat_hash_set is absent: Abseil is not installed.\n\n");
#endif
  std::printf("| types | what | measured | goal | |\n| --- | --- | --- | --- | --- |\n");
  measure_types<dcp::SavePlan>("ready-made");
  measure_types<own_plan>("own");
  measure_least_lucky_memory();
  measure_hostile_hash();
  for (const std::size_t ranks : quick ? std::vector<std::size_t>{8} : std::vector<std::size_t>{256, 2816}) {
    measure_planning({"replicas of 8 shards", ranks / 8, 8});
    measure_planning({"no replicas", 1, ranks});
  }
  measure_balance();
  std::printf("\n%s%s\n", quick ? "Times do not count with --quick. " : "",
              missed.empty() ? "All goals are met within noise." : "Missed:");
  for (const std::string& each : missed) std::printf("%s\n", each.c_str());
  return missed.empty() ? 0 : 1;
}
