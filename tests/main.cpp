// The program's main function: Catch2 2 makes it here, Catch2 3 has it in a library of its own.

#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized"  // GCC 12 takes fright at the <regex> in it, optimised and sanitized
#endif
#endif
#include "catch.hpp"
