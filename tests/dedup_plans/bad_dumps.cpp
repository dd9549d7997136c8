// What is no dump is refused at its line, with a reason, before anything is written.

#include <cstddef>
#include <string>
#include <vector>

#include "../dedup_plans_program.hpp"
#include "../match.hpp"
#include "../plans.hpp"

namespace bad_dumps_test {

using namespace test;

TEST_CASE("dedup_plans refuses an item before the first plan") {
  require_refused("a\t-\tbyte_io\t-\t-\t-\t-\nplan\t0\n", 1);
  require_refused("# a comment\na\t-\tbyte_io\t-\t-\t-\t-\n", 2);
}

TEST_CASE("dedup_plans refuses plans that are not numbered from 0 upwards without a gap") {
  require_refused("plan\t1\n", 1);
  require_refused("plan\t0\nplan\t2\n", 2);
  require_refused("plan\t0\nplan\t0\n", 2);
  require_refused("plan\t0\nplan\t1\nplan\t0\n", 3);
}

TEST_CASE("dedup_plans refuses a rank that is no number") {
  for (const std::string rank : {"", "x", "0x0", "-0", "+0", " 0", "0 ", "0.0", "-", "18446744073709551616"})
    require_refused("plan\t" + rank + "\n", 1);
}

TEST_CASE("dedup_plans refuses lines with too few or too many fields") {
  for (const std::string line :
       {"", "a", "plan", "#", "#no comment", "plan\t1\t", "plan\t1\t1", "a\t-", "a\t-\tbyte_io\t-\t-\t-", "\t\t\t\t\t",
        "a\t-\tbyte_io\t-\t-\t-\t-\t", "a\t-\tbyte_io\t-\t-\t-\t-\t-", "a -\tbyte_io\t-\t-\t-\t-"})
    require_item_refused(line);
}

TEST_CASE("dedup_plans refuses an unknown type") {
  for (const std::string type : {"", "-", "Tensor", "TENSOR", "tensors", " tensor", "bytes"})
    require_item_refused("w\t0\t" + type + "\tfloat32\t4\t4\t-");
}

// A name that is not known here is kept (unknown_dtypes.cpp); these are rather another field, or written otherwise.
TEST_CASE("dedup_plans refuses a dtype that is no name without torch.") {
  for (const std::string dtype : {"", "torch.float32", "float32 ", " float32", "()", "(4)", "4", "4,4", "float 32"})
    require_item_refused("w\t0\ttensor\t" + dtype + "\t4\t4\t-");
}

TEST_CASE("dedup_plans refuses an offset, chunk_sizes or size that is no list of numbers") {
  for (const std::string bad : {"",
                                "x",
                                "(",
                                "( )",
                                "(4)",
                                "4,",
                                ",4",
                                "4,,4",
                                ",",
                                "4, 4",
                                " 4",
                                "4 ",
                                "+4",
                                "-4",
                                "4,-4",
                                "-0",
                                "4.0",
                                "0x4",
                                "4e3",
                                "9223372036854775808",
                                "4,99999999999999999999",
                                "4;4",
                                "()4",
                                "(),4"}) {
    require_item_refused("w\t" + bad + "\ttensor\tfloat32\t4\t4\t-");
    require_item_refused("w\t0\ttensor\tfloat32\t" + bad + "\t4\t-");
    require_item_refused("w\t0\ttensor\tfloat32\t4\t" + bad + "\t-");
  }
}

TEST_CASE("dedup_plans refuses an offset, chunk_sizes or size of more than 64 dimensions") {
  std::string most = "1";
  for (int i = 1; i != 64; ++i) most += ",1";
  require_item_kept("w\t" + most + "\ttensor\tfloat32\t" + most + "\t" + most + "\t-");
  std::string thousands = most;
  for (int i = 0; i != 1000; ++i) thousands += ",1,2,3,4,5,6,7,8,9,10";
  for (const std::string& more : {most + ",1", thousands}) {
    require_item_refused("w\t" + more + "\ttensor\tfloat32\t" + most + "\t" + most + "\t-");
    require_item_refused("w\t" + most + "\ttensor\tfloat32\t" + more + "\t" + most + "\t-");
    require_item_refused("w\t" + most + "\ttensor\tfloat32\t" + most + "\t" + more + "\t-");
  }
}

TEST_CASE("dedup_plans refuses nbytes that is no number") {
  for (const std::string bad :
       {"", "x", "-4", "-0", "+4", " 4", "4 ", "4.0", "()", "4,4", "9223372036854775808", "4\r"})
    require_item_refused("step\t-\tbyte_io\t-\t-\t-\t" + bad);
}

TEST_CASE("dedup_plans refuses nbytes of an item that is not byte_io") {
  require_item_refused("w\t0\ttensor\tfloat32\t4\t4\t16");
  require_item_refused("w\t0\tshard\tfloat32\t4\t4\t0");
}

TEST_CASE("dedup_plans refuses an item that has one of offset, dtype, chunk_sizes and size, but not all") {
  const std::vector<std::string> given{"0", "float32", "4", "4"};
  for (unsigned which = 1; which != 15; ++which) {
    const auto field = [&](std::size_t i) { return (which >> i & 1) != 0 ? given[i] : "-"; };
    for (const std::string type : {"tensor", "shard", "byte_io"})
      require_item_refused("w\t" + field(0) + '\t' + type + '\t' + field(1) + '\t' + field(2) + '\t' + field(3) +
                           "\t-");
  }
}

TEST_CASE("dedup_plans refuses a last line without its line feed, as a file that was cut short has it") {
  require_refused("plan\t0", 1);
  require_refused("plan\t0\na\t-\tbyte_io\t-\t-\t-\t-", 2);
  require_refused("plan\t0\na\t0,0\tshard\tfloat32\t4,4\t8", 2);
  require_refused("plan\t0\n# cut sh", 2);
}

TEST_CASE("dedup_plans refuses lines that end as on Windows") {
  require_refused("plan\t0\r\n", 1);
  require_item_refused("a\t-\tbyte_io\t-\t-\t-\t-\r");
  REQUIRE(contains(run({"-"}, "plan\t0\r\n").err, "Windows"));
}

TEST_CASE("dedup_plans writes nothing of a dump that is bad at its end, however long it is") {
  std::string dump = "plan\t0\n";
  for (int i = 0; i != 20'000; ++i) dump += "layer." + std::to_string(i) + "\t0\ttensor\tfloat32\t4\t4\t-\n";
  require_refused(dump + "plan\t2\n", 20'002);
}

TEST_CASE("dedup_plans names the line of what is bad on standard input") {
  const outcome result = run({"-"}, "plan\t0\n# a comment\nplan\t7\n");
  REQUIRE(result.status == 1);
  REQUIRE(result.out.empty());
  REQUIRE(test::pattern("[^\n]+:3: [^\n]+\n").matches(result.err));
}

TEST_CASE("dedup_plans counts the fields of a line that has not seven") {
  const auto said = [](const std::string& line) { return run({"-"}, "plan\t0\n" + line + "\n").err; };
  REQUIRE(said("a") == "-:2: 1 field, where a write item has seven\n");
  REQUIRE(said("a\tb") == "-:2: 2 fields, where a write item has seven\n");
  REQUIRE(contains(said("a\tb\tc\td\te\tf\tg\th"), "-:2: more than seven fields"));
}

}  // namespace bad_dumps_test
