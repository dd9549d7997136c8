// Many threads at the same plans: the library has no state of its own, and a constant plan is read alone. What a race
// would be is seen by ThreadSanitizer: the preset `tsan`.

#include <dcp/console_logger.hpp>
#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "../catch.hpp"
#include "../plans.hpp"
#include "../policies.hpp"

namespace threads_test {

constexpr int threads = 8;
constexpr int rounds = 50;

// `work` on all threads at once.
template <class Work>
void in_threads(Work work) {
  std::vector<std::thread> all;
  std::atomic<int> ready = 0;
  for (int i = 0; i != threads; ++i)
    all.emplace_back([&] {
      ++ready;
      while (ready != threads) std::this_thread::yield();
      for (int round = 0; round != rounds; ++round) work();
    });
  for (std::thread& each : all) each.join();
}

// What is written to stderr while it lives.
class captured_stderr {
 public:
  captured_stderr() : file_(std::tmpfile()), before_(::dup(2)) { ::dup2(::fileno(file_), 2); }
  captured_stderr(const captured_stderr&) = delete;
  captured_stderr& operator=(const captured_stderr&) = delete;
  ~captured_stderr() {
    give_back();
    std::fclose(file_);
  }

  std::vector<std::string> lines() {
    give_back();
    std::rewind(file_);
    std::vector<std::string> result(1);
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) {
      if (c == '\n') result.emplace_back();
      else result.back() += static_cast<char>(c);
    }
    result.pop_back();
    return result;
  }

 private:
  void give_back() {
    if (before_ == -1) return;
    ::dup2(before_, 2);
    ::close(before_);
    before_ = -1;
  }

  std::FILE* file_;
  int before_;
};

const std::vector<test::plan> shared_plans = test::plans_of({"a b c d", "x c b y", "", "d a x z z"});

TEST_CASE("many threads deduplicate the same constant plans", "[threads]") {
  const auto expected = dcp::dedup_tensors(shared_plans);
  const auto expected_duplicates = dcp::find_duplicates(shared_plans, {.keep = test::keep_last});
  std::atomic<int> wrong = 0;

  in_threads([&] {
    if (dcp::dedup_tensors(shared_plans) != expected) ++wrong;
    if (dcp::find_duplicates(shared_plans, {.keep = test::keep_last}) != expected_duplicates) ++wrong;
    auto mine = shared_plans;
    dcp::erase_duplicates(mine, dcp::find_duplicates(mine));
    if (mine != expected) ++wrong;
  });

  REQUIRE(wrong == 0);
}

TEST_CASE("many threads log through one console logger, each line whole", "[threads]") {
  const dcp::options settings{.log = dcp::console_logger()};
  captured_stderr captured;
  in_threads([&] { static_cast<void>(dcp::find_duplicates(shared_plans, settings)); });

  const auto lines = captured.lines();
  REQUIRE(lines.size() == static_cast<std::size_t>(threads * rounds));
  const std::string message = ": Duplicate keys to remove: {1: ['c', 'b'], 3: ['d', 'a', 'x', 'z']}";
  for (const std::string& line : lines) {
    REQUIRE(line.ends_with(message));
    REQUIRE(line.find("Duplicate") == line.rfind("Duplicate"));
  }
}

TEST_CASE("many threads log through one logger of the user's, which does its own locking", "[threads]") {
  std::mutex mutex;
  std::vector<std::string> messages;
  const dcp::options settings{.log = [&](const dcp::log_record& record) {
    const std::lock_guard lock(mutex);
    messages.push_back(record.message);
  }};
  in_threads([&] { static_cast<void>(dcp::dedup_tensors(shared_plans, settings)); });

  REQUIRE(messages.size() == static_cast<std::size_t>(threads * rounds));
  REQUIRE(std::count(messages.begin(), messages.end(), messages.front()) == threads * rounds);
}

}  // namespace threads_test
