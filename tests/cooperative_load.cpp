// The index of the example cooperative_load: what counts as one read.

#define main cooperative_load_main
#include "../examples/cooperative_load.cpp"
#undef main

#include "catch.hpp"

// A read was named by its place alone: a rank that wanted 64 KiB at 0 was served with another rank's 32 KiB at 0.
TEST_CASE("two reads of one place and of different lengths are two pieces") {
  const loader::read_item half = {{"0.distcp", 0, 32768}, "half"};
  const loader::read_item all = {{"0.distcp", 0, 65536}, "all"};
  const std::vector<loader::read_plan> plans = {{{half}}, {{all}}, {{half}}};

  const dcp::duplicates found = dcp::find_duplicates(plans);

  REQUIRE(found.size() == 1);
  for (const dcp::duplicate each : found.in(2)) REQUIRE(each == dcp::duplicate{0, 0, 0});
  REQUIRE(found.in(1).empty());
}
