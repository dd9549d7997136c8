// What find_duplicates and dedup_tensors cost, beside a pass that only compares, the limit of the work, hash sets, and a port
// of PyTorch's steps; prints a table of the measured figures and the goals. README.md beside this file explains them.
//
//     benchmark [--quick] [WORD]
//
// All that is compared is run in turns in one process, and the best of several rounds counts. A first call is one on a fresh
// heap, as in a job, where the kernel has to give each page; a repeated call finds the pages of the call before it. The exit
// status is 1 if a goal is missed by more than noise (20 % of a time), or if two ways disagree on what is redundant; the last
// lines say which. --quick runs small lists for the latter alone; WORD runs the layouts alone that have it in their names.

#include <dcp/balanced.hpp>

#include <algorithm>
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
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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

bool quick = false;               // times mean nothing
std::string_view word;            // of the layouts to run
std::vector<std::string> missed;  // goals, and ways that disagree
volatile std::size_t sink;        // so that nothing measured is optimised away

bool is_chosen(const std::string& types, const std::string& layout) {
  return (types + ' ' + layout).find(word) != std::string::npos;
}

// A large array comes from the kernel, page by page, and goes back to it.
void make_heap_fresh() {
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  malloc_trim(0);
}
// What is freed stays with the process, for the next call.
void let_heap_keep_pages() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
}

/// Processor time of this process: a busy machine hardly matters.
template <class Function>
double seconds(Function&& function) {
  const auto now = [] {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double begin = now();
  function();
  return now() - begin;
}

/// Of a first call on a fresh heap and of repeated calls: seconds, or a ratio of them.
struct figures {
  double first;
  double repeated;

  friend figures operator+(figures a, figures b) { return {a.first + b.first, a.repeated + b.repeated}; }
  friend figures operator/(figures a, figures b) { return {a.first / b.first, a.repeated / b.repeated}; }
  friend figures operator*(double factor, figures a) { return {factor * a.first, factor * a.repeated}; }
};
figures best_of(figures a, figures b) { return {std::min(a.first, b.first), std::min(a.repeated, b.repeated)}; }

/// Ways to do a job, and the best time of each so far.
class race {
 public:
  /// `run` returns seconds.
  void enter_timed(const std::string& name, std::function<double()> run) {
    contenders_.push_back({name, run, {1e9, 1e9}});
  }
  template <class Function>
  void enter(const std::string& name, Function function) {
    enter_timed(name, [function] { return seconds([&] { sink = function(); }); });
  }

  void run_in_turns(int rounds) {
    if (quick) rounds = 1;
    let_heap_keep_pages();
    for (contender& each : contenders_) each.run();  // the pages come now
    for (int round = 0; round != rounds; ++round)
      for (contender& each : contenders_) each.best.repeated = std::min(each.best.repeated, each.run());
    for (int round = 0; round != rounds / 2 + 1; ++round)
      for (contender& each : contenders_) {
        make_heap_fresh();
        each.best.first = std::min(each.best.first, each.run());
      }
  }

  figures operator[](std::string_view name) const {
    return std::find_if(contenders_.begin(), contenders_.end(),
                        [&](const contender& each) { return each.name == name; })
        ->best;
  }

  /// ns an item to the standard error.
  void print(const std::string& types, const std::string& layout, std::size_t items) const {
    for (const auto& [name, run, best] : contenders_)
      std::fprintf(stderr, "%-10s %-26s %-30s %8.2f %8.2f ns an item, first and repeated\n", types.c_str(),
                   layout.c_str(), name.c_str(), best.first / static_cast<double>(items) * 1e9,
                   best.repeated / static_cast<double>(items) * 1e9);
  }

 private:
  struct contender {
    std::string name;
    std::function<double()> run;
    figures best;
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
void report(const std::string& types, const std::string& what, const std::string& figures,
            const std::string& judgement = " | ") {
  std::printf("| %s | %s | %s | %s |\n", types.c_str(), what.c_str(), figures.c_str(), judgement.c_str());
  std::fflush(stdout);
}
std::string text_of(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}
std::string text_of(const figures& both) { return text_of(both.first) + " | " + text_of(both.repeated); }

/// One with a goal, which is that of a first call too.
void report(const std::string& types, const std::string& what, const figures& measured, const goal& wanted) {
  const auto reaches = [&](double noise) {
    return wanted.at_least ? std::min(measured.first, measured.repeated) >= wanted.value / noise
                           : std::max(measured.first, measured.repeated) <= wanted.value * noise;
  };
  const bool is_missed = !reaches(wanted.noise) && (!quick || wanted.noise == 1);
  const std::string aim = (wanted.at_least ? "at least " : "at most ") + text_of(wanted.value);
  report(types, what, text_of(measured),
         aim + " | " +
             (reaches(1)  ? "met"
              : is_missed ? "MISSED"
              : quick     ? "not timed"
                          : "within noise"));
  if (is_missed) missed.push_back(types + ", " + what + ": " + text_of(measured) + ", " + aim);
}
/// Of what is counted.
void report_count(const std::string& types, const std::string& what, double measured) {
  report(types, what, figures{measured, measured}, at_most_exactly(1));
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
    for (const dcp::duplicate each : found.in(plan)) list.emplace_back(plan, each.position);
  return list;
}

void check(bool same, const std::string& name) {
  if (!same) missed.push_back(name + " disagrees on what is redundant");
}

/// Moves the redundant items out of the plans, for the time that destroying them takes.
template <class Plan>
auto take_redundant(std::vector<Plan>& plans, const dcp::duplicates& found) {
  std::vector<std::remove_cvref_t<decltype(items_of(plans.front()))>> taken(plans.size());
  for (std::size_t plan = 0; plan != plans.size(); ++plan)
    for (const dcp::duplicate each : found.in(plan))
      taken[plan].push_back(std::move(items_of(plans[plan])[each.position]));
  return taken;
}

template <class Plan>
void measure_decision(const std::string& types, const layout& like) {
  if (!is_chosen(types, like.name)) return;
  const std::vector<Plan> plans = make_plans<Plan>(like);
  const std::size_t items = items_in(plans);
  const dcp::duplicates decision = dcp::find_duplicates(plans);
  const redundant_items found = list(decision);
  const auto kept = kept_indices(plans, decision);
  check(found == find_with<std::unordered_set>(plans), "std::unordered_set");
  check(found.size() == compare_all(plans, kept), "the comparing pass");

  race times;
  times.enter("hashing pass", [&] { return hash_all(plans); });
  times.enter("comparing pass", [&] { return compare_all(plans, kept); });
  times.enter("limit", [&] { return touch_all(plans, items, items - found.size()); });
  times.enter("find_duplicates", [&] { return dcp::find_duplicates(plans).size(); });
  times.enter("keep::balanced", [&] { return dcp::find_duplicates(plans, {.keep = dcp::keep::balanced}).size(); });
  times.enter("std::unordered_set", [&] { return find_with<std::unordered_set>(plans).size(); });
#if defined(DCP_BENCHMARK_WITH_ABSEIL)
  check(found == find_with<absl::flat_hash_set>(plans), "absl::flat_hash_set");
  times.enter("absl::flat_hash_set", [&] { return find_with<absl::flat_hash_set>(plans).size(); });
#endif
  times.run_in_turns(items < 200'000 ? 40 : 9);
  times.print(types, like.name, items);

  const figures ours = times["find_duplicates"];
  figures fastest_set = times["std::unordered_set"];
#if defined(DCP_BENCHMARK_WITH_ABSEIL)
  fastest_set = best_of(fastest_set, times["absl::flat_hash_set"]);
#endif
  const bool replicated = like.replicas > 2;
  const bool followed = like.in != order::items_shuffled;
  if (!replicated) report(types, like.name + ": find_duplicates over the limit", ours / times["limit"], at_most(1.5));
  else if (followed)
    report(types, like.name + ": find_duplicates over the comparing pass", ours / times["comparing pass"],
           at_most(1.2));
  else
    report(types, like.name + ": find_duplicates over the hashing and the comparing pass",
           ours / (times["hashing pass"] + times["comparing pass"]), at_most(1.1));
  report(types, like.name + ": the fastest hash set over find_duplicates", fastest_set / ours,
         at_least(followed ? 1.2 : 1.1));
  if (replicated && like.shards > 1 && like.in == order::by_rank)
    report(types, like.name + ": keep::balanced over keep::first", times["keep::balanced"] / ours, at_most(2));
}

/// A way that changes the plans: it is given a copy each time, which is not timed.
template <class Plans, class Function>
std::function<double()> on_a_copy(const Plans& plans, Function function) {
  return [&plans, function] {
    Plans copy = plans;
    return seconds([&] { function(copy); });
  };
}

template <class Plan>
void measure_whole(const std::string& types, const layout& like) {
  if (!is_chosen(types, like.name)) return;
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

  race times;
  times.enter("find_duplicates", [&] { return dcp::find_duplicates(plans).size(); });
  times.enter_timed("dedup_tensors", on_a_copy(plans, [](Plans& copy) { copy = dcp::dedup_tensors(std::move(copy)); }));
  times.enter_timed("port of PyTorch", on_a_copy(plans, [](Plans& copy) { port_of_pytorch(copy); }));
  times.enter_timed("destroying redundant items", [&] {
    Plans copy = plans;
    auto taken = take_redundant(copy, found);
    return seconds([&] { taken.clear(); });
  });
  times.run_in_turns(9);
  times.print(types, like.name, items_in(plans));
  const figures ours = times["dedup_tensors"];
  report(types, like.name + ": dedup_tensors of an rvalue over find_duplicates and destroying the redundant items",
         ours / (times["find_duplicates"] + times["destroying redundant items"]), at_most(1.1));
  report(types, like.name + ": the port of PyTorch over dedup_tensors of an rvalue", times["port of PyTorch"] / ours,
         at_least(4));
}

constexpr std::size_t bytes_a_call = 1024;  // whatever the plans

struct memory {
  double peak;     // what find_duplicates allocates, over 16 bytes an item, 24 an index, and 48 a plan
  double held;     // what the decision holds, over 4 bytes an item of the first replica, 8 an index, and 16 a plan
  double touched;  // what becomes resident, over 16 bytes an item of the first replica, 24 an index, and 48 a plan
};

template <class Plan>
memory memory_of(const std::vector<Plan>& plans, std::size_t replicas) {
  let_heap_keep_pages();
  const std::size_t before = bytes_now;
  bytes_peak = bytes_now;
  const dcp::duplicates found = dcp::find_duplicates(plans);
  const std::size_t items = items_in(plans);
  const std::size_t indices = items - found.size();
  const auto over = [](std::size_t bytes, std::size_t allowed) {
    return static_cast<double>(bytes) / static_cast<double>(allowed);
  };
  memory result{};
  result.peak = over(bytes_peak - before, 16 * items + 24 * indices + 48 * plans.size() + bytes_a_call);
  result.held = over(bytes_now - before,
                     (found.empty() ? 0 : 4 * items / replicas + 8 * indices) + 16 * plans.size() + bytes_a_call);

  make_heap_fresh();
  const auto page_faults = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::size_t>(usage.ru_minflt);
  };
  const std::size_t faults_before = page_faults();
  sink = dcp::find_duplicates(plans).size();
  constexpr std::size_t pages_a_call = 32;  // of each array the last page is not full, and the stack's
  result.touched = over((page_faults() - faults_before) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)),
                        16 * items / replicas + 24 * indices + 48 * plans.size() +
                            pages_a_call * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
  return result;
}

/// At the worst of many sizes.
template <class Plan>
void measure_memory(const std::string& types, const layout& like) {
  if (!is_chosen(types, like.name)) return;
  memory worst{};
  for (std::size_t times = 1; times <= (quick ? 4u : 40u); ++times) {
    layout grown = like;
    (like.replicas > like.shards ? grown.replicas : grown.shards) *= times;
    const memory each = memory_of(make_plans<Plan>(grown), grown.replicas);
    worst = {std::max(worst.peak, each.peak), std::max(worst.held, each.held), std::max(worst.touched, each.touched)};
  }
  report_count(types, like.name + ": extra memory over 16 B an item + 24 B an index + 48 B a plan", worst.peak);
  report_count(
      types, like.name + ": what a decision holds, over 8 B an index + 4 B an item of the first replica + 16 B a plan",
      worst.held);
  if (like.replicas > 1)
    report_count(types, like.name + ": resident memory, over the same of the first replica + 48 B a plan",
                 worst.touched);
}

/// The worst that can follow a table's growth: nothing new. And what a plan costs, where each has one item.
void measure_least_lucky_memory() {
  if (!is_chosen("own", "least lucky")) return;
  double worst = 0;
  for (std::size_t indices = 1; indices < (quick ? 3'000u : 300'000u); indices += 1 + indices / 150) {
    std::vector<own_plan> plans(2);
    for (std::size_t i = 0; i != indices; ++i) plans[0].writes.push_back({{"", static_cast<std::int64_t>(i)}, 4});
    plans[1].writes.assign(4 * indices, plans[0].writes[0]);
    worst = std::max(worst, memory_of(plans, 1).peak);
  }
  report_count("own", "any number of indices, then nothing new: extra memory over the same", worst);

  worst = 0;
  for (std::size_t count = 1000; count < (quick ? 2'000u : 100'000u); count += count / 20) {
    std::vector<own_plan> plans(count);
    for (own_plan& plan : plans) plan.writes.resize(1);
    worst = std::max(worst, memory_of(plans, count).peak);
  }
  report_count("own", "plans of one item: extra memory over the same", worst);
}

template <class Plan>
void measure_growth(const std::string& types) {
  if (!is_chosen(types, "growth")) return;
  figures hashing[2];
  figures ours[2];
  for (const std::size_t size : {0, 1}) {
    const layout like{"mixed", 2, quick ? 2 + size : size == 0 ? 43u : 868u};  // 0.1 and 2 million items
    const std::vector<Plan> plans = make_plans<Plan>(like);
    const double of_item = 1 / static_cast<double>(items_in(plans));
    race times;
    times.enter("hashing pass", [&] { return hash_all(plans); });
    times.enter("find_duplicates", [&] { return dcp::find_duplicates(plans).size(); });
    times.run_in_turns(size == 0 ? 40 : 4);
    hashing[size] = of_item * times["hashing pass"];
    ours[size] = of_item * times["find_duplicates"];
  }
  report(types, "growth of ns an item from 0.1 to 2 million, over the hashing pass's",
         text_of(ours[1] / ours[0] / (hashing[1] / hashing[0])));
}

/// What planning costs a job, in milliseconds: with ready-made types, decided anew, and by a decision of the last save.
void measure_planning(const layout& like) {
  if (!is_chosen("whole job", like.name)) return;
  using Plans = std::vector<dcp::SavePlan>;
  const Plans plans = make_plans<dcp::SavePlan>(like);
  const dcp::duplicates kept = dcp::find_duplicates(plans);
  race times;
  times.enter("find_duplicates", [&] { return dcp::find_duplicates(plans).size(); });
  times.enter_timed("dedup_tensors", on_a_copy(plans, [](Plans& copy) { copy = dcp::dedup_tensors(std::move(copy)); }));
  times.enter_timed("erase_duplicates of a kept decision",
                    on_a_copy(plans, [&](Plans& copy) { dcp::erase_duplicates(copy, kept); }));
  times.enter_timed("port of PyTorch", on_a_copy(plans, [](Plans& copy) { port_of_pytorch(copy); }));
  times.run_in_turns(plans.size() > 1000 ? 3 : 9);
  for (const char* name :
       {"find_duplicates", "dedup_tensors", "erase_duplicates of a kept decision", "port of PyTorch"})
    report("ready-made", std::to_string(plans.size()) + " ranks, " + like.name + ": " + name + ", ms",
           text_of(1e3 * times[name]));
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
  if (!is_chosen("bytes", "balance")) return;
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
    const double mean = std::accumulate(of_layouts.begin(), of_layouts.end(), 0.0) / static_cast<double>(count);
    report("bytes", "largest plan over the least possible, mean of 250 layouts: " + name, text_of({mean, mean}));
    const double worst = *std::max_element(of_layouts.begin(), of_layouts.end());
    report("bytes", "the same, worst: " + name, text_of({worst, worst}));
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
  if (!is_chosen("numbers", "hostile hash")) return;
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
  const std::size_t ddp = quick ? 4 : 64, shards = quick ? 2 : 8, fsdp = quick ? 4 : 512;
  const std::vector<layout> layouts = {
      {"ddp", ddp, 1},
      {"hsdp", ddp, shards},
      {"hsdp, plans shuffled", ddp, shards, true, order::plans_shuffled},
      {"hsdp, shards outer", ddp, shards, true, order::shards_outer},
      {"hsdp, scalars last, plans shuffled", ddp, shards, true, order::scalars_last_plans_shuffled},
      {"hsdp, items shuffled", ddp, shards, true, order::items_shuffled},
      {"mixed, 2 replicas", 2, fsdp / 4},
      {"fsdp, 1/4 common", 1, fsdp},
      {"fsdp, none common", 1, fsdp, false}};
  for (const layout& like : layouts) measure_decision<Plan>(types, like);
  measure_whole<Plan>(types, layouts[0]);
  measure_whole<Plan>(types, layouts[1]);
  for (const layout& like :
       {layout{"ddp, memory", 2, 1}, layout{"hsdp, memory", 8, 2}, layout{"fsdp, 1/4 common, memory", 1, 2},
        layout{"fsdp, none common, memory", 1, 2, false}})
    measure_memory<Plan>(types, like);
  measure_growth<Plan>(types);
}

}  // namespace
}  // namespace benchmark

int main(int count, char** words) {
  using namespace benchmark;
  for (int i = 1; i < count; ++i) {
    if (std::string_view(words[i]) == "--quick") quick = true;
    else word = words[i];
  }
#if !defined(DCP_BENCHMARK_WITH_ABSEIL)
  std::printf("absl::flat_hash_set is absent: Abseil is not installed.\n\n");
#endif
  std::printf("| types | what | first call | repeated | goal | |\n| --- | --- | --- | --- | --- | --- |\n");
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
