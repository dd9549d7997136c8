// Memory that runs out: wherever that is, an lvalue and an rvalue are as they were. The budget of allocations is walked
// upwards until the call gets through, so no step is guessed. It also shows how little an lvalue's result allocates, and
// how little memory a decision holds.
//
// For this the whole program's operator new is replaced; it behaves as always but while a `budget` lives, and counts the
// bytes that are allocated.

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <list>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"
#include "../policies.hpp"

namespace {

// While one lives, this thread may allocate so often and no more.
class budget {
 public:
  enum class then { all_fail, one_fails };

  explicit budget(long allocations, then after = then::all_fail) {
    left_ = allocations;
    after_ = after;
    exceeded_ = false;
    limited_ = true;
  }
  budget(const budget&) = delete;
  budget& operator=(const budget&) = delete;
  ~budget() { end(); }

  static void end() noexcept { limited_ = false; }

  static bool spend() noexcept {
    if (!limited_) return true;
    if (left_ != 0) {
      --left_;
      return true;
    }
    return std::exchange(exceeded_, true) && after_ == then::one_fails;
  }
  static bool exceeded() noexcept { return exceeded_; }
  static long left() noexcept { return left_; }

 private:
  static inline thread_local bool limited_ = false;
  static inline thread_local bool exceeded_ = false;
  static inline thread_local then after_ = then::all_fail;
  static inline thread_local long left_ = 0;
};

}  // namespace

// Not inlined: GCC would warn of a free() of what a new has returned.
namespace {

// Of this thread. Each block has its size before it; those with an alignment of their own do not count.
thread_local std::size_t allocated_bytes = 0;
constexpr std::size_t size_field = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

[[gnu::noinline]] void* allocate(std::size_t size) noexcept {
  if (!budget::spend() || size > ~size_field) return nullptr;
  void* block = std::malloc(size_field + size);
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof(size));
  allocated_bytes += size;
  return static_cast<std::byte*>(block) + size_field;
}

[[gnu::noinline]] void* allocate(std::size_t size, std::align_val_t alignment) noexcept {
  const auto unit = static_cast<std::size_t>(alignment);
  return budget::spend() ? std::aligned_alloc(unit, (size + unit - 1) / unit * unit) : nullptr;
}

[[gnu::noinline]] void release(void* memory) noexcept {
  if (memory == nullptr) return;
  std::byte* block = static_cast<std::byte*>(memory) - size_field;
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof(size));
  allocated_bytes -= size;
  std::free(block);
}
[[gnu::noinline]] void release(void* memory, std::align_val_t) noexcept { std::free(memory); }

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return or_throw(allocate(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return or_throw(allocate(size, alignment)); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t alignment) noexcept { release(memory, alignment); }
void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept { release(memory, alignment); }

namespace {

// Long enough for a std::string to allocate.
std::string long_name(std::size_t i) { return "model.layers." + std::to_string(i) + ".self_attn.q_proj.weight"; }

std::vector<dcp::SavePlan> replicas(std::size_t ranks, std::size_t items) {
  std::vector<dcp::SavePlan> plans(ranks);
  for (std::size_t rank = 0; rank != ranks; ++rank) {
    for (std::size_t i = 0; i != items; ++i)
      plans[rank].items.push_back(
          {.index = {.fqn = long_name(i), .offset = dcp::Size{0, 0}},
           .tensor_data =
               dcp::TensorWriteData{.chunk = {.offsets = {0, 0}, .sizes = {4, 4}}, .properties = {}, .size = {4, 4}}});
    plans[rank].items.push_back({.index = {.fqn = "rng_state." + std::to_string(rank)}});
  }
  return plans;
}

// Runs `call` on a copy of the plans with ever more allocations allowed, until it gets through; returns how often it
// failed.
template <class Plans, class Call>
int failures(const Plans& plans, Call call, const dcp::keep_policy& keep = dcp::keep::first) {
  const Plans expected = dcp::dedup_tensors(plans, {.keep = keep});
  for (int allowed = 0;; ++allowed) {
    INFO("with " << allowed << " allocations");
    Plans argument = plans;
    try {
      const budget limit(allowed);
      const Plans result = call(argument);
      budget::end();
      REQUIRE(result == expected);
      // An allocation that failed may have been done without; then the next one is still to be tried.
      if (!budget::exceeded()) return allowed;
    } catch (const std::bad_alloc&) {
      REQUIRE(argument == plans);
    }
  }
}

const auto deduplicate_lvalue = [](auto& plans) { return dcp::dedup_tensors(plans); };
const auto deduplicate_rvalue = [](auto& plans) { return dcp::dedup_tensors(std::move(plans)); };
const auto deduplicate_rvalue_with_log = [](auto& plans) {
  return dcp::dedup_tensors(std::move(plans), {.log = [](const dcp::log_record&) {}});
};
const auto find_then_erase = [](auto& plans) {
  dcp::erase_duplicates(plans, dcp::find_duplicates(plans));
  return std::move(plans);
};

// The bytes that a decision holds. They are counted as it is destroyed: what deciding took is given back by then.
std::size_t held_bytes(const auto& plans, const dcp::options& settings = {}) {
  std::optional<dcp::duplicates> found = dcp::find_duplicates(plans, settings);
  const std::size_t before = allocated_bytes;
  found.reset();
  return before - allocated_bytes;
}

}  // namespace

TEST_CASE("an lvalue is untouched, whichever allocation fails") {
  const auto plans = replicas(3, 20);
  // The items that stay are 20 + 3, and each of their names is an allocation.
  REQUIRE(failures(plans, deduplicate_lvalue) > 20);
}

TEST_CASE("an rvalue is unchanged, whichever allocation fails") {
  const auto plans = replicas(3, 200);
  REQUIRE(failures(plans, deduplicate_rvalue) > 0);
  REQUIRE(failures(plans, find_then_erase) > 0);
}

TEST_CASE("an rvalue is unchanged where an allocation for the log fails") {
  const auto plans = replicas(3, 20);
  REQUIRE(failures(plans, deduplicate_rvalue_with_log) > failures(plans, deduplicate_rvalue));
}

// A stream keeps what its buffer throws to itself: an index that was printed in part would then be logged so.
TEST_CASE("a message is logged whole or not at all, whichever allocation fails") {
  const auto plans = replicas(2, 20);
  std::size_t logged = 0;
  const auto log = [&](const dcp::log_record& record) { logged = record.message.size(); };
  static_cast<void>(dcp::find_duplicates(plans, {.log = log}));
  const std::size_t whole = logged;

  for (int allowed = 0; allowed == 0 || budget::exceeded(); ++allowed) {
    logged = 0;
    try {
      const budget limit(allowed, budget::then::one_fails);
      static_cast<void>(dcp::find_duplicates(plans, {.log = log}));
    } catch (const std::bad_alloc&) {
      continue;
    }
    INFO("with " << allowed << " allocations");
    REQUIRE(logged == whole);
  }
}

TEST_CASE("items in other containers are unchanged too, whichever allocation fails") {
  const test::lines keys{"a b c d", "x c b y", "", "d a x z z"};
  const auto lists = test::plans_of<test::basic_plan<std::list<test::item>>>(keys);
  REQUIRE(failures(lists, deduplicate_lvalue) > 0);
  REQUIRE(failures(lists, deduplicate_rvalue) > 0);
  REQUIRE(failures(lists, find_then_erase) > 0);
  const auto deques = test::plans_of<test::basic_plan<std::deque<test::item>>>(keys);
  REQUIRE(failures(deques, deduplicate_lvalue) > 0);
  REQUIRE(failures(deques, deduplicate_rvalue) > 0);
  REQUIRE(failures(deques, find_then_erase) > 0);
}

// (Not an rvalue in a std::deque: to move it can need an allocation, and does in libstdc++.)
TEST_CASE("plans in other containers are unchanged too, whichever allocation fails") {
  const auto plans = test::plans_of({"a b c d", "x c b y", "", "d a x z z"});
  const std::deque<test::plan> deque(plans.begin(), plans.end());
  REQUIRE(failures(deque, deduplicate_lvalue) > 0);
  const std::list<test::plan> list(plans.begin(), plans.end());
  REQUIRE(failures(list, deduplicate_lvalue) > 0);
  REQUIRE(failures(list, deduplicate_rvalue) > 0);
}

TEST_CASE("an rvalue is unchanged where an allocation for a policy or for the check of replicas fails") {
  const auto plans = replicas(3, 20);
  const int first = failures(plans, deduplicate_rvalue);
  for (const dcp::keep_policy& keep : {dcp::keep_policy(dcp::keep::first), dcp::keep_policy(test::keep_last)})
    for (const bool check : {false, true}) {
      const auto deduplicate = [&](auto& argument) {
        return dcp::dedup_tensors(std::move(argument), {.keep = keep, .check_replicas = check});
      };
      REQUIRE(failures(plans, deduplicate, keep) >= first + (keep ? 5 : 0));
    }
}

TEST_CASE("an lvalue is untouched where an allocation for a policy and for the check of replicas fails") {
  const auto deduplicate = [](auto& argument) {
    return dcp::dedup_tensors(argument, {.keep = test::keep_last, .check_replicas = true});
  };
  REQUIRE(failures(replicas(3, 20), deduplicate, test::keep_last) > 20);
}

TEST_CASE("plans whose replicas disagree are unchanged, whichever allocation for the exception fails") {
  auto plans = replicas(3, 20);
  for (dcp::WriteItem& item : plans[2].items) item.type = dcp::WriteItemType::SHARD;
  for (const dcp::keep_policy& keep : {dcp::keep_policy(dcp::keep::first), dcp::keep_policy(test::keep_last)}) {
    int allowed = 0;
    for (bool complete = false; !complete; ++allowed) {
      INFO("with " << allowed << " allocations");
      auto argument = plans;
      std::size_t count = 0;
      try {
        const budget limit(allowed);
        argument = dcp::dedup_tensors(std::move(argument), {.keep = keep, .check_replicas = true});
      } catch (const dcp::conflict_error& error) {
        count = error.count;
        complete = !budget::exceeded();
      } catch (const std::bad_alloc&) {
        REQUIRE(budget::exceeded());
      }
      REQUIRE(argument == plans);
      if (complete) REQUIRE(count >= 20);
    }
    REQUIRE(allowed > 20);
  }
}

TEST_CASE("a Size for which there is no memory is as it was, be it copied, assigned or pushed back") {
  for (const std::size_t count : {std::size_t{4}, std::size_t{5}, std::size_t{8}, std::size_t{40}}) {
    const dcp::Size before(count, 7);
    const dcp::Size more(count + 60, 8);
    dcp::Size size = before;
    const auto attempt = [&](auto work) {
      for (long allocations = 0;; ++allocations) {
        const budget limit(allocations);
        try {
          work();
        } catch (const std::bad_alloc&) {
          budget::end();
          REQUIRE(size == before);
          continue;
        }
        return;
      }
    };
    attempt([&] { size = more; });
    REQUIRE(size == more);
    size = before;
    attempt([&] { size = dcp::Size(std::span(more)); });
    REQUIRE(size == more);
    size = before;
    attempt([&] { const std::vector<std::int64_t> converted = size; });
    REQUIRE(size == before);
    attempt([&] { size.push_back(9); });
    REQUIRE(size.size() == count + 1);
    REQUIRE(size.back() == 9);
  }
}

TEST_CASE("of plans that repeat one, a decision holds what it holds of the one, and a few bytes a plan") {
  const auto plans_of = [](std::size_t ranks) { return std::vector(ranks, replicas(1, 999)[0]); };
  constexpr std::size_t of_one = 1000 * (4 + 8);
  REQUIRE(held_bytes(plans_of(2)) <= of_one + 2 * 16);
  REQUIRE(held_bytes(plans_of(64)) <= of_one + 64 * 16);
  REQUIRE(held_bytes(plans_of(64), {.keep = test::keep_last}) <= of_one + 64 * 16);
  REQUIRE(held_bytes(plans_of(64), {.check_replicas = true}) <= of_one + 64 * 16);
}

TEST_CASE("a decision holds a repeated stretch once, also where it lies within a plan or over several") {
  std::vector<dcp::SavePlan> plans = std::vector(3, replicas(1, 999)[0]);
  for (dcp::WriteItem& item : plans[1].items) item.index.fqn += " of another shard";
  plans[2] = plans[1];
  plans.push_back(plans[0]);
  plans[3].items.erase(plans[3].items.begin(), plans[3].items.begin() + 300);
  REQUIRE(held_bytes(plans) <= 2000 * (4 + 8) + 4 * 16);

  plans[3] = plans[0];
  plans[3].items.insert(plans[3].items.end(), plans[1].items.begin(), plans[1].items.end());
  REQUIRE(held_bytes(plans) <= 2000 * (4 + 8) + 4 * 16);
}

TEST_CASE("of plans that repeat others in another order, a decision holds 4 bytes an item and 8 an index") {
  std::vector<dcp::SavePlan> plans = std::vector(16, replicas(1, 999)[0]);
  for (std::size_t rank = 1; rank != plans.size(); ++rank)
    std::rotate(plans[rank].items.begin(), plans[rank].items.begin() + static_cast<std::ptrdiff_t>(10 * rank),
                plans[rank].items.end());
  REQUIRE(held_bytes(plans) <= 16'000 * 4 + 1000 * 8 + 16 * 16);
}

TEST_CASE("where nothing is redundant, a decision holds a few bytes a plan alone") {
  std::vector<dcp::SavePlan> plans(40);
  for (std::size_t rank = 0; rank != plans.size(); ++rank)
    for (int i = 0; i != 100; ++i)
      plans[rank].items.push_back({.index = {.fqn = std::to_string(rank) + ' ' + std::to_string(i)}});
  REQUIRE(dcp::find_duplicates(plans).empty());
  REQUIRE(held_bytes(plans) <= 40 * 16);
  REQUIRE(held_bytes(plans, {.keep = test::keep_last}) <= 40 * 16);
  REQUIRE(held_bytes(std::vector<dcp::SavePlan>()) == 0);
}

TEST_CASE("a decision holds a repeated stretch once, also where most of a plan is what all plans share") {
  std::vector<dcp::SavePlan> plans;
  for (std::size_t rank = 0; rank != 32; ++rank) {
    plans.emplace_back();
    const std::string shard = " of shard " + std::to_string(rank * 5 / 4 % 4);
    for (int i = 0; i != 10; ++i) plans.back().items.push_back({.index = {.fqn = std::to_string(i) + shard}});
    for (int i = 0; i != 100; ++i) plans.back().items.push_back({.index = {.fqn = std::to_string(i)}});
  }
  REQUIRE(held_bytes(plans) <= 4 * 110 * 4 + 140 * 8 + 32 * 16);
}
