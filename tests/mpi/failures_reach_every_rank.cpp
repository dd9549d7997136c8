// Whatever fails on one rank, every rank throws, none hangs, and no plan has changed on any. (A rank that hangs is
// found by the time limit of the test.)

#include <cstdlib>
#include <limits>
#include <new>
#include <random>
#include <tuple>

#include "patient_mpi.hpp"
#include "ranks.hpp"

namespace {

// Allocations that may still succeed; negative: any number.
int allocations_left = -1;

// Not inlined, or else GCC sees a new paired with a free.
[[gnu::noinline]] void* allocate(std::size_t size) {
  void* const memory = allocations_left >= 0 && allocations_left-- == 0 ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void release(void* memory) noexcept { std::free(memory); }

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace {

enum class stage { none, hash, append_key, append_data, storage_size, policy, logger };

stage failing = stage::none;  // on this rank

void fail_at(stage at) {
  if (failing == at) throw std::runtime_error("this is bad");
}

struct key {
  std::string name;

  friend bool operator==(const key&, const key&) = default;
};

struct fragile_item {
  key index;
  int data = 0;

  friend bool operator==(const fragile_item&, const fragile_item&) = default;
};

struct fragile_plan {
  std::vector<fragile_item> items;

  friend bool operator==(const fragile_plan&, const fragile_plan&) = default;
};

// Without a way to compare data across ranks.
struct opaque_item {
  std::string index;
};

struct opaque_plan {
  std::vector<opaque_item> items;
};

struct vague_item {
  std::string name;
  int shard = 0;
};

struct vague_plan {
  std::vector<vague_item> items;
};

}  // namespace

template <>
struct std::hash<key> {
  std::size_t operator()(const key& index) const {
    fail_at(stage::hash);
    return std::hash<std::string>{}(index.name);
  }
};

template <>
struct dcp::write_item_traits<fragile_item> {
  static const key& index(const fragile_item& item) { return item.index; }
  static std::int64_t storage_size(const fragile_item&) {
    fail_at(stage::storage_size);
    return 8;
  }
  static void append_key(const key& index, std::string& bytes) {
    fail_at(stage::append_key);
    bytes += index.name;
  }
  static void append_data(const fragile_item& item, std::string& bytes) {
    fail_at(stage::append_data);
    bytes += std::to_string(item.data);
  }
};

template <>
struct dcp::write_item_traits<vague_item> {
  static auto index(const vague_item& item) { return std::tie(item.name, item.shard); }
  static void append_key(const std::tuple<const std::string&, const int&>& index, std::string& bytes) {
    bytes += std::get<0>(index);
  }
};

namespace {

using dcp::detail::tuning;

int rank = 0;
int ranks = 0;

fragile_plan plan_of_this_rank() {
  fragile_plan plan;
  for (int i = 0; i != 20; ++i) plan.items.push_back({{"shared by all " + std::to_string(i)}, 0});
  for (int i = 0; i != 20; ++i)
    plan.items.push_back({{"of rank " + std::to_string(rank) + ' ' + std::to_string(i)}, 0});
  return plan;
}

// By which every rank loses something.
std::vector<std::uint32_t> fragile_policy(const dcp::shared_indices& shared) {
  fail_at(stage::policy);
  return test::round_robin(shared);
}

dcp::options options_with(const dcp::keep_policy& keep, bool check) {
  return {.log = [](const dcp::log_record&) { fail_at(stage::logger); }, .keep = keep, .check_replicas = check};
}

const dcp::keep_policy policies[] = {dcp::keep::first, fragile_policy};

test::outcome<fragile_plan> call(fragile_plan& plan, const dcp::options& options, int few) {
  return test::outcome_of(
      [&] { return dcp::detail::dedup_tensors(std::move(plan), MPI_COMM_WORLD, options, {}, tuning{.few = few}); });
}

// What the ranks say of a failure on `failed`, which says `own` itself.
std::string expected_error(int failed, const std::string& own, const std::string& message) {
  if (rank == failed) return own;
  return "mpi_error: dcp: rank " + std::to_string(failed) + " failed: " + message;
}

void user_code_throws(test::program& tests) {
  for (int failed = 0; failed < ranks; failed += ranks > 4 ? 5 : 1)
    for (const stage at :
         {stage::hash, stage::append_key, stage::append_data, stage::storage_size, stage::policy, stage::logger})
      for (const int few : {0, 64})
        for (const dcp::keep_policy& keep : policies) {
          if (at == stage::policy && !keep) continue;
          if (at == stage::logger && failed == 0 && !keep) continue;  // the first rank loses nothing
          if (at == stage::logger && ranks == 1) continue;
          tests.begin("stage " + std::to_string(static_cast<int>(at)) + " fails on rank " + std::to_string(failed));
          const dcp::options options = options_with(keep, at == stage::append_data);
          fragile_plan plan = plan_of_this_rank();
          if (rank == failed) failing = at;
          const auto result = call(plan, options, few);
          failing = stage::none;
          tests.check(result.error == expected_error(failed, "exception: this is bad", "this is bad"), result.error);
          tests.check(plan == plan_of_this_rank(), "the plan was changed");
        }
}

void two_ranks_throw(test::program& tests) {
  if (ranks < 3) return;
  tests.begin("ranks 1 and 2 fail");
  fragile_plan plan = plan_of_this_rank();
  if (rank == 1 || rank == 2) failing = stage::append_key;
  const auto result = call(plan, {}, 64);
  failing = stage::none;
  const std::string own = "exception: this is bad";
  tests.check(result.error == (rank == 2 ? own : expected_error(1, own, "this is bad")), result.error);
}

// Fails the first allocation of the call on one rank, then the second, and so on, until there are no more.
void each_allocation_fails(test::program& tests) {
  for (const dcp::keep_policy& keep : policies)
    for (const int few : {0, 64})
      for (const bool in_place : {true, false}) {
        const int failed = ranks / 2;
        const dcp::options options = options_with(keep, few == 64);
        for (int allocations = 0;; ++allocations) {
          tests.begin("allocation " + std::to_string(allocations) + " fails on rank " + std::to_string(failed));
          fragile_plan plan = plan_of_this_rank();
          if (rank == failed) allocations_left = allocations;
          const tuning how{.few = few};
          const auto result = test::outcome_of([&] {
            if (in_place) return dcp::detail::dedup_tensors(std::move(plan), MPI_COMM_WORLD, options, {}, how);
            return dcp::detail::dedup_tensors(plan, MPI_COMM_WORLD, options, {}, how);
          });
          const bool hit = rank == failed && allocations_left < 0;
          allocations_left = -1;
          int counts[] = {hit ? 1 : 0, result.value ? 0 : 1};
          MPI_Allreduce(MPI_IN_PLACE, counts, 2, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
          if (counts[0] == 0) {
            tests.check(result.value.has_value(), result.error);
            tests.check(allocations > 20, "too few allocations were seen");
            break;
          }
          if (counts[1] == 0) continue;  // as std::vector::shrink_to_fit does without
          tests.check(counts[1] == ranks, "not all ranks threw");
          tests.check(result.error.starts_with(rank == failed ? "bad_alloc" : "mpi_error: "), result.error);
          tests.check(plan == plan_of_this_rank(), "the plan was changed");
          if (allocations > 5000) {
            tests.check(false, "no end of allocations");
            return;
          }
        }
      }
}

void options_differ(test::program& tests) {
  if (ranks == 1) return;
  const dcp::options others[] = {
      {.keep = fragile_policy}, {.check_replicas = true}, {.keep = fragile_policy, .check_replicas = true}};
  for (const dcp::options& other : others) {
    tests.begin("options differ");
    fragile_plan plan = plan_of_this_rank();
    const auto result = call(plan, rank == ranks - 1 ? other : dcp::options{}, 64);
    tests.check(result.error == "invalid_argument: dcp: the ranks have different options (keep or check_replicas)",
                result.error);
    tests.check(plan == plan_of_this_rank(), "the plan was changed");
  }
}

// Policies cannot be compared, but what they choose.
void policies_differ(test::program& tests) {
  if (ranks == 1) return;
  fragile_plan plan = plan_of_this_rank();
  const auto call_with = [&](const dcp::keep_policy& keep) { return call(plan, {.keep = keep}, 64).error; };
  const auto is_unchanged = [&] { tests.check(plan == plan_of_this_rank(), "the plan was changed"); };

  tests.begin("policies differ");
  const std::string differ = "invalid_argument: dcp: the keep policy chooses differently on different ranks";
  std::string error = call_with(rank == ranks - 1 ? test::last_holder : test::lowest_holder);
  tests.check(error == differ, error);
  is_unchanged();

  tests.begin("a policy that depends on chance");
  std::mt19937 random(static_cast<std::uint32_t>(rank));
  error = call_with([&](const dcp::shared_indices& shared) {
    std::vector<std::uint32_t> keepers;
    for (std::size_t i = 0; i != shared.size(); ++i)
      keepers.push_back(shared.holders(i)[random() % shared.holders(i).size()]);
    return keepers;
  });
  tests.check(error == differ, error);
  is_unchanged();

  tests.begin("a policy names too few plans, on one rank");
  const auto too_few = [](const dcp::shared_indices&) { return std::vector<std::uint32_t>{}; };
  const std::string few = "dcp: the keep policy names 0 plans for 20 shared indices";
  error = call_with(rank == 1 ? dcp::keep_policy(too_few) : dcp::keep_policy(test::lowest_holder));
  tests.check(error == expected_error(1, "invalid_argument: " + few, few), error);
  is_unchanged();

  tests.begin("a policy names no holder, on all ranks");
  error = call_with([](const dcp::shared_indices& shared) { return std::vector<std::uint32_t>(shared.size(), 99); });
  tests.check(error == "invalid_argument: dcp: the keep policy names plan 99 for an index that it does not hold",
              error);
  is_unchanged();
}

void conflict(test::program& tests) {
  if (ranks == 1) return;
  for (const dcp::keep_policy& keep : policies) {
    tests.begin("a conflict");
    // All plans, as one machine would have them, for the message.
    std::vector<fragile_plan> all;
    for (int each = 0; each != ranks; ++each) {
      all.push_back(plan_of_this_rank());
      for (std::size_t i = 20; i != 40; ++i)
        all.back().items[i].index.name = std::to_string(each) + '.' + std::to_string(i);
      if (each % 2 == 1)
        for (std::size_t i = 0; i < 20; i += 2) all.back().items[i].data = each;
    }
    const dcp::options options = options_with(keep, true);
    const auto expected = test::outcome_of([&] { return dcp::dedup_tensors(all, options); });
    fragile_plan plan = all[static_cast<std::size_t>(rank)];
    const auto result = call(plan, options, 64);
    tests.check(result.error.starts_with("conflict_error: "), result.error);
    tests.check(result.error == expected.error, result.error + "\nbut not\n" + expected.error);
    tests.check(plan == all[static_cast<std::size_t>(rank)], "the plan was changed");
  }
}

void no_data_to_check(test::program& tests) {
  tests.begin("items without append_data");
  opaque_plan plan{{{"a"}}};
  if (rank != 0) plan.items.clear();
  const auto result =
      test::outcome_of([&] { return dcp::dedup_tensors(plan, MPI_COMM_WORLD, {.check_replicas = true}); });
  tests.check(result.error ==
                  "invalid_argument: dcp: across ranks check_replicas needs write_item_traits<Item>::append_data, or a "
                  "member function of items",
              result.error);
}

void unfit_sizes(test::program& tests) {
  tests.begin("2^64 bytes");
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  test::plan plan;
  if (rank == ranks - 1)
    for (int i = 0; i != 3; ++i) plan.items.push_back({"of the last rank " + std::to_string(i), 0, most});
  const auto balance = [&] { return dcp::dedup_tensors(plan, MPI_COMM_WORLD, {.keep = test::round_robin}); };
  auto result = test::outcome_of(balance);
  tests.check(result.error == "overflow_error: dcp: a plan has 2^64 bytes or more", result.error);
  if (rank == ranks - 1) plan.items.pop_back();
  tests.check(test::outcome_of(balance).value == plan, "2^64 - 2 are not too many");

  tests.begin("a negative size");
  plan = {{{"a", 0, rank == 0 ? -1 : 1}}, 0};
  for (const dcp::keep_policy& keep : policies) {
    result = test::outcome_of([&] { return dcp::dedup_tensors(plan, MPI_COMM_WORLD, {.keep = keep}); });
    const std::string message = "dcp: an item's storage_size is negative";
    tests.check(result.error == expected_error(0, "invalid_argument: " + message, message), result.error);
  }
}

// One of its keys is a part of another, which append_key does not say: ranks would take them for one.
void keys_that_say_too_little(test::program& tests) {
  tests.begin("keys that say too little");
  vague_plan plan{{{"a", 1}}};
  if (rank == 0) plan.items.push_back({"a", 2});
  const std::string message = "dcp: append_key makes one key of indices that differ, or two of equal ones";
  const auto result = test::outcome_of([&] { return dcp::dedup_tensors(plan, MPI_COMM_WORLD); });
  tests.check(result.error == expected_error(0, "invalid_argument: " + message, message), result.error);
}

void unfit_communicators(test::program& tests) {
  tests.begin("communicators");
  fragile_plan plan = plan_of_this_rank();
  const std::string message =
      "invalid_argument: dcp: dedup_tensors wants an intra-communicator, the ranks of one group";
  auto result = test::outcome_of([&] { return dcp::dedup_tensors(plan, MPI_COMM_NULL); });
  tests.check(result.error == message, result.error);
  if (ranks == 1) return;
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm between = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
  MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, 1 - rank % 2, 7, &between);
  result = test::outcome_of([&] { return dcp::dedup_tensors(plan, between); });
  tests.check(result.error == message, result.error);
  MPI_Comm_free(&between);
  MPI_Comm_free(&half);
}

// Each collective call of MPI fails once, on all ranks.
void mpi_fails(test::program& tests) {
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(MPI_ERR_OTHER, text, &length);
  for (const dcp::keep_policy& keep : policies)
    for (int calls = 0;; ++calls) {
      tests.begin("call " + std::to_string(calls) + " of MPI fails");
      fragile_plan plan = plan_of_this_rank();
      test::calls_until_failure = calls;
      const auto result = call(plan, options_with(keep, false), 0);
      const bool failed = test::calls_until_failure < 0;
      test::calls_until_failure = -1;
      if (!failed) {
        tests.check(calls > 4, "too few calls were seen");
        tests.check(result.value.has_value(), result.error);
        break;
      }
      tests.check(result.error.starts_with("mpi_error: dcp: MPI_All") && result.error.ends_with(text), result.error);
      tests.check(plan == plan_of_this_rank(), "the plan was changed");
    }
}

// The call neither takes nor leaves a message on the caller's communicator.
void callers_messages(test::program& tests) {
  tests.begin("the caller's messages");
  int received = 0;
  const int sent = 100 + rank;
  MPI_Request requests[2];
  MPI_Irecv(&received, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &requests[0]);
  fragile_plan plan = plan_of_this_rank();
  const auto result = call(plan, {}, 0);
  tests.check(result.value && result.value->items.size() == (rank == 0 ? 40 : 20), result.error);
  MPI_Isend(&sent, 1, MPI_INT, (rank + 1) % ranks, 0, MPI_COMM_WORLD, &requests[1]);
  MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
  tests.check(received == 100 + (rank + ranks - 1) % ranks, "another message came");
}

}  // namespace

int main(int count, char** words) {
  test::program tests(count, words);
  rank = test::rank_of(MPI_COMM_WORLD);
  ranks = test::size_of(MPI_COMM_WORLD);
  user_code_throws(tests);
  two_ranks_throw(tests);
  options_differ(tests);
  policies_differ(tests);
  conflict(tests);
  no_data_to_check(tests);
  unfit_sizes(tests);
  keys_that_say_too_little(tests);
  unfit_communicators(tests);
  mpi_fails(tests);
  each_allocation_fails(tests);
  callers_messages(tests);  // last: after all the failures it works as ever
  return tests.end();
}
