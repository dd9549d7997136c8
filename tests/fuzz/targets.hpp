// What is fuzzed: functions that take any bytes, and throw only where the library breaks a promise. libFuzzer searches
// with them (libfuzzer.cpp), and the unit tests run them on the corpus (replay.cpp): the two cannot drift apart.

#ifndef DCP_TESTS_FUZZ_TARGETS_HPP
#define DCP_TESTS_FUZZ_TARGETS_HPP

#include <stdexcept>
#include <string_view>

namespace fuzz {

struct broken_promise : std::logic_error {
  using std::logic_error::logic_error;
};

inline void require(bool kept, const char* promise) {
  if (!kept) throw broken_promise(promise);
}

/// Makes plan lists and options out of the bytes, and compares what the library does with the models.
void dedup(std::string_view bytes);

/// Reads the bytes as a dump of plans. A dump is the same after it is written and read again. Whatever the bytes, the
/// whole program dedup_plans ends well, or with the line concerned.
void dump(std::string_view bytes);

}  // namespace fuzz

#endif  // DCP_TESTS_FUZZ_TARGETS_HPP
