// What the programs in this folder have in common. Each is started by mpirun; all ranks run the same tests in the same
// order. A check that fails is printed by the rank that it fails on, and all ranks go on: a rank that left would hang
// the rest. A test that takes more than a minute hangs: then each rank prints which one, and where it is.

#ifndef DCP_TESTS_MPI_RANKS_HPP
#define DCP_TESTS_MPI_RANKS_HPP

#include <dcp/mpi.hpp>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define DCP_TESTS_HAVE_BACKTRACE
#endif
#if __has_include(<unistd.h>)
#include <unistd.h>
#define DCP_TESTS_HAVE_ALARM
#endif

namespace test {

#if defined(DCP_TESTS_HAVE_ALARM)
inline constexpr unsigned seconds_until_it_hangs = 60;
inline char name_of_test[200] = "";

// Calls nothing that a signal handler must not call. It waits for the other ranks to print theirs, before mpirun ends
// them all.
extern "C" inline void say_where_it_hangs(int) {
  for (const char* const text : {"\nFAILED, it hangs: ", static_cast<const char*>(name_of_test), "\n"})
    static_cast<void>(!write(STDERR_FILENO, text, std::char_traits<char>::length(text)));
#if defined(DCP_TESTS_HAVE_BACKTRACE)
  void* frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
#endif
  ::sleep(2);
  _exit(1);
}
#endif

inline int rank_of(MPI_Comm comm) {
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  return rank;
}

inline int size_of(MPI_Comm comm) {
  int size = 0;
  MPI_Comm_size(comm, &size);
  return size;
}

class program {
 public:
  program(int& count, char**& words) {
    MPI_Init(&count, &words);
#if defined(DCP_TESTS_HAVE_ALARM)
    std::signal(SIGALRM, say_where_it_hangs);
#if defined(DCP_TESTS_HAVE_BACKTRACE)
    void* frame = nullptr;
    backtrace(&frame, 1);  // loads what it needs, as a signal handler must not
#endif
#endif
    begin("start");
  }

  void begin(std::string name) {
    name_ = std::move(name);
#if defined(DCP_TESTS_HAVE_ALARM)
    std::snprintf(name_of_test, sizeof name_of_test, "rank %d, %s", rank_of(MPI_COMM_WORLD), name_.c_str());
    alarm(seconds_until_it_hangs);
#endif
  }

  void check(bool holds, std::string_view what, int line = __builtin_LINE()) {
    ++checks_;
    if (holds) return;
    if (++failures_ <= 20)
      std::fprintf(stderr, "FAILED on rank %d, %s, line %d: %.*s\n", rank_of(MPI_COMM_WORLD), name_.c_str(), line,
                   static_cast<int>(what.size()), what.data());
  }

  // The exit status, the same on all ranks.
  int end() {
    int counts[] = {failures_, checks_};
    MPI_Allreduce(MPI_IN_PLACE, counts, 2, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank_of(MPI_COMM_WORLD) == 0)
      std::printf("%d ranks, %d checks, %d failed\n", size_of(MPI_COMM_WORLD), counts[1], counts[0]);
    MPI_Finalize();
    return counts[0] == 0 && counts[1] != 0 ? 0 : 1;
  }

 private:
  std::string name_;
  int checks_ = 0;
  int failures_ = 0;
};

// The texts of all ranks, on every rank.
inline std::vector<std::string> all_texts(const std::string& text, MPI_Comm comm) {
  const int size = static_cast<int>(text.size());
  std::vector<int> sizes(static_cast<std::size_t>(size_of(comm)));
  MPI_Allgather(&size, 1, MPI_INT, sizes.data(), 1, MPI_INT, comm);
  std::vector<int> starts;
  int end = 0;
  for (const int each : sizes) starts.push_back(std::exchange(end, end + each));
  std::string all(static_cast<std::size_t>(end), '\0');
  MPI_Allgatherv(text.data(), size, MPI_CHAR, all.data(), sizes.data(), starts.data(), MPI_CHAR, comm);
  std::vector<std::string> result;
  for (std::size_t i = 0; i != sizes.size(); ++i)
    result.push_back(all.substr(static_cast<std::size_t>(starts[i]), static_cast<std::size_t>(sizes[i])));
  return result;
}

struct item {
  std::string index;
  std::int64_t data = 0;
  std::optional<std::int64_t> bytes = {};

  [[nodiscard]] std::optional<std::int64_t> storage_size() const { return bytes; }
  friend bool operator==(const item&, const item&) = default;
};

struct plan {
  std::vector<item> items;
  int number = 0;

  friend bool operator==(const plan&, const plan&) = default;
};

// Policies. (A list of shared indices may have fewer than the test has in mind, or none.)
inline std::vector<std::uint32_t> lowest_holder(const dcp::shared_indices& shared) {
  std::vector<std::uint32_t> keepers;
  for (std::size_t i = 0; i != shared.size(); ++i) keepers.push_back(shared.holders(i).front());
  return keepers;
}

inline std::vector<std::uint32_t> last_holder(const dcp::shared_indices& shared) {
  std::vector<std::uint32_t> keepers;
  for (std::size_t i = 0; i != shared.size(); ++i) keepers.push_back(shared.holders(i).back());
  return keepers;
}

// Depends on all that a policy is told: the order of the indices, their bytes and holders, and what plans have alone.
inline std::vector<std::uint32_t> round_robin(const dcp::shared_indices& shared) {
  std::vector<std::uint32_t> keepers;
  std::uint64_t turn = shared.plans() + (shared.bytes_known() ? 1 : 0);
  for (std::size_t plan = 0; plan != shared.plans(); ++plan) turn = turn * 31 + shared.own_bytes(plan);
  for (std::size_t i = 0; i != shared.size(); ++i) {
    turn = turn * 31 + shared.bytes(i) + i;
    keepers.push_back(shared.holders(i)[turn / 7 % shared.holders(i).size()]);
  }
  return keepers;
}

// What a call ends in: a value, or the type and text of an exception.
template <class Value>
struct outcome {
  std::optional<Value> value;
  std::string error;
};

template <class Call>
auto outcome_of(const Call& call) -> outcome<decltype(call())> {
  try {
    return {call(), {}};
  } catch (const dcp::mpi_error& error) {
    return {{}, std::string("mpi_error: ") + error.what()};
  } catch (const dcp::conflict_error& error) {
    return {{}, std::string("conflict_error: ") + error.what()};
  } catch (const std::bad_alloc& error) {
    return {{}, "bad_alloc"};
  } catch (const std::overflow_error& error) {
    return {{}, std::string("overflow_error: ") + error.what()};
  } catch (const std::length_error& error) {
    return {{}, std::string("length_error: ") + error.what()};
  } catch (const std::invalid_argument& error) {
    return {{}, std::string("invalid_argument: ") + error.what()};
  } catch (const std::exception& error) {
    return {{}, std::string("exception: ") + error.what()};
  } catch (...) {
    return {{}, "something else"};
  }
}

}  // namespace test

template <>
struct dcp::write_item_traits<test::item> {
  static void append_data(const test::item& item, std::string& bytes) { bytes += std::to_string(item.data); }
  static bool same_data(const test::item& a, const test::item& b) { return a.data == b.data; }
};

#endif  // DCP_TESTS_MPI_RANKS_HPP
