// Catch2, version 2 or 3: they name their header differently. No other file of the tests has to know.

#ifndef DCP_TESTS_CATCH_HPP
#define DCP_TESTS_CATCH_HPP

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <sstream>
#include <string>

// What a failing test shows of a `dcp::duplicate`. It is known by its members: whoever changes the library need not compile
// Catch2 again.
template <class Duplicate>
  requires requires(const Duplicate& each) {
    each.position;
    each.keeper;
    each.keeper_position;
  }
struct Catch::StringMaker<Duplicate> {
  static std::string convert(const Duplicate& each) {
    std::ostringstream text;
    text << "{position " << each.position << ", keeper " << each.keeper << ", keeper_position " << each.keeper_position
         << "}";
    return text.str();
  }
};

#endif  // DCP_TESTS_CATCH_HPP
