// Catch2, version 2 or 3: they name their header differently. No other file of the tests has to know.

#ifndef DCP_TESTS_CATCH_HPP
#define DCP_TESTS_CATCH_HPP

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#endif  // DCP_TESTS_CATCH_HPP
