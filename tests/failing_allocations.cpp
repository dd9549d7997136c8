// Memory that runs out: wherever that is, an lvalue and an rvalue are as they were. The budget of allocations is walked
// upwards until the call gets through, so no step is guessed. It also shows how little an lvalue's result allocates.
//
// For this the whole program's operator new is replaced; it behaves as always but while a `budget` lives.

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "plans.hpp"

namespace {

// While one lives, this thread may allocate so often and no more.
class budget {
 public:
  explicit budget(long allocations) {
    left_ = allocations;
    exceeded_ = false;
    limited_ = true;
  }
  budget(const budget&) = delete;
  budget& operator=(const budget&) = delete;
  ~budget() { limited_ = false; }

  static bool spend() noexcept {
    if (!limited_) return true;
    if (left_ == 0) exceeded_ = true;
    else --left_;
    return !exceeded_;
  }
  static bool exceeded() noexcept { return exceeded_; }
  static long left() noexcept { return left_; }

 private:
  static inline thread_local bool limited_ = false;
  static inline thread_local bool exceeded_ = false;
  static inline thread_local long left_ = 0;
};

}  // namespace

// Not inlined: GCC would warn of a free() of what a new has returned.
namespace {

[[gnu::noinline]] void* allocate(std::size_t size) noexcept {
  return budget::spend() ? std::malloc(size == 0 ? 1 : size) : nullptr;
}

[[gnu::noinline]] void* allocate(std::size_t size, std::align_val_t alignment) noexcept {
  const auto unit = static_cast<std::size_t>(alignment);
  return budget::spend() ? std::aligned_alloc(unit, (size + unit - 1) / unit * unit) : nullptr;
}

[[gnu::noinline]] void release(void* memory) noexcept { std::free(memory); }

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
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace {

// Long enough for a std::string to allocate.
std::string long_name(std::size_t i) { return "model.layers." + std::to_string(i) + ".self_attn.q_proj.weight"; }

std::vector<dcp::SavePlan> replicas(std::size_t ranks, std::size_t items) {
  std::vector<dcp::SavePlan> plans(ranks);
  for (std::size_t rank = 0; rank != ranks; ++rank) {
    for (std::size_t i = 0; i != items; ++i)
      plans[rank].items.push_back({.index = {.fqn = long_name(i), .offset = dcp::Size{0, 0}},
                                   .tensor_data = dcp::TensorWriteData{.chunk = {.offsets = {0, 0}, .sizes = {4, 4}},
                                                                       .properties = {},
                                                                       .size = {4, 4}}});
    plans[rank].items.push_back({.index = {.fqn = "rng_state." + std::to_string(rank)}});
  }
  return plans;
}

// Runs `call` on a copy of the plans with ever more allocations allowed, until it gets through; returns how often it failed.
template <class Plans, class Call>
int failures(const Plans& plans, Call call) {
  const Plans expected = dcp::dedup_tensors(plans);
  for (int allowed = 0;; ++allowed) {
    INFO("with " << allowed << " allocations");
    Plans argument = plans;
    bool failed = false;
    Plans result;
    try {
      const budget limit(allowed);
      result = call(argument);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    if (failed) {
      REQUIRE(argument == plans);
    } else {
      REQUIRE(result == expected);
      // An allocation that failed may have been done without; then the next one is still to be tried.
      if (!budget::exceeded()) return allowed;
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

TEST_CASE("other containers are unchanged too, whichever allocation fails") {
  const auto plans = test::plans_of<test::basic_plan<std::list<test::item>>>({"a b c d", "x c b y", "", "d a x z z"});
  REQUIRE(failures(plans, deduplicate_lvalue) > 0);
  REQUIRE(failures(plans, deduplicate_rvalue) > 0);
  REQUIRE(failures(plans, find_then_erase) > 0);
}

// In data-parallel training nearly all items go: with 8 ranks 7 of 8.
TEST_CASE("of an lvalue SavePlan list the items that go are not copied") {
  const auto plans = replicas(8, 1000);
  const auto allocations = [](auto&& work) {
    const budget counted(1'000'000);
    work();
    return 1'000'000 - budget::left();
  };
  const std::vector one_rank(plans.begin(), plans.begin() + 1);

  const long for_all = allocations([&] { const auto copy = plans; });
  const long for_one = allocations([&] { const auto copy = one_rank; });
  const long for_result = allocations([&] { const auto result = dcp::dedup_tensors(plans); });

  REQUIRE(for_all > 8 * 1000);
  REQUIRE(for_result < for_one + for_one / 4);
}
