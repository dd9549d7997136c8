// How many rounds a test of random cases has.

#ifndef DCP_TESTS_ROUNDS_HPP
#define DCP_TESTS_ROUNDS_HPP

namespace test {

// A tenth of them where nothing is optimised, so that all tests are run after every edit; the preset `release` has all.
template <class Count>
constexpr Count rounds(Count all) {
#if defined(__OPTIMIZE__)
  return all;
#else
  return all / 10;
#endif
}

}  // namespace test

#endif  // DCP_TESTS_ROUNDS_HPP
