// What a dump may be, and that it comes out as it went in but for what is redundant.

#include <string>

#include "../dedup_plans_program.hpp"
#include "../plans.hpp"

namespace good_dumps_test {

using namespace test;

TEST_CASE("dedup_plans writes the first of the items that have an index, and all plans") {
  REQUIRE(deduplicated(good_dump) == good_result);
  REQUIRE(deduplicated("plan\t0\na\t-\tbyte_io\t-\t-\t-\t1\na\t-\tbyte_io\t-\t-\t-\t2\n"
                       "plan\t1\na\t-\tbyte_io\t-\t-\t-\t3\nplan\t2\n") ==
          "plan\t0\na\t-\tbyte_io\t-\t-\t-\t1\nplan\t1\nplan\t2\n");
}

TEST_CASE("dedup_plans reads standard input for -") {
  const outcome result = run({"-"}, good_dump);
  REQUIRE(result.status == 0);
  REQUIRE(without_comments(result.out) == good_result);
}

TEST_CASE("dedup_plans --keep first is the default") {
  const scratch_folder folder;
  const outcome result = run({"--keep", "first", folder.write(good_dump)});
  REQUIRE(result.status == 0);
  REQUIRE(without_comments(result.out) == good_result);
}

TEST_CASE("dedup_plans takes a dump without plans, and plans without items") {
  require_kept("");
  require_kept("# nothing but a comment\n");
  require_kept("plan\t0\n");
  require_kept("plan\t0\nplan\t1\nplan\t2\n");
}

TEST_CASE("dedup_plans keeps the plans in order past the tenth") {
  std::string dump;
  for (int rank = 0; rank != 120; ++rank)
    dump += "plan\t" + std::to_string(rank) + "\nrng." + std::to_string(rank) + "\t-\tbyte_io\t-\t-\t-\t5\n";
  require_kept(dump);
}

TEST_CASE("dedup_plans takes comments anywhere") {
  REQUIRE(deduplicated("# \n# plan\t7\nplan\t0\n# a\ta\ta\na\t-\tbyte_io\t-\t-\t-\t-\n# the end\n") ==
          "plan\t0\na\t-\tbyte_io\t-\t-\t-\t-\n");
}

TEST_CASE("dedup_plans tells no offset, a scalar's and 0 apart") {
  require_kept(
      "plan\t0\n"
      "a\t-\tbyte_io\t-\t-\t-\t-\n"
      "a\t()\ttensor\tfloat32\t()\t()\t-\n"
      "a\t0\ttensor\tfloat32\t1\t1\t-\n"
      "a\t0,0\ttensor\tfloat32\t1,1\t1,1\t-\n");
}

TEST_CASE("dedup_plans takes names of any bytes but tab and line feed") {
  using namespace std::string_literals;
  const std::string rest = "\t-\tbyte_io\t-\t-\t-\t-";
  for (const std::string& name :
       {"plan"s, "#"s, "#no comment"s, " # no comment"s, "a b"s, "it's \"a\" \\n"s, "-"s, "()"s, "\xC3\xA9"s,
        "\xFF\xFE"s, "\r"s, "\x1b[0m"s, "a\0b"s, std::string(100'000, 'x')})
    require_item_kept(name + rest);
}

TEST_CASE("dedup_plans takes numbers up to 2^63 - 1") {
  require_item_kept("w\t9223372036854775807\ttensor\tint8\t9223372036854775807\t9223372036854775807\t-");
  require_item_kept("w\t0,9223372036854775807\tshard\tfloat32\t9223372036854775807,9223372036854775807\t1,0\t-");
  require_item_kept("w\t-\tbyte_io\t-\t-\t-\t9223372036854775807");
  require_item_kept("w\t-\tbyte_io\t-\t-\t-\t0");
}

TEST_CASE("dedup_plans takes every kind of item and many dimensions") {
  require_item_kept("w\t0\ttensor\tfloat32\t4\t4\t-");
  require_item_kept("w\t0\tshard\tfloat32\t4\t4\t-");
  require_item_kept("w\t-\tbyte_io\t-\t-\t-\t17");
  require_item_kept("w\t0,0,0,0,0,0,0,0,7\tshard\tuint8\t1,1,1,1,1,1,1,1,2\t1,1,1,1,1,1,1,1,9\t-");
}

TEST_CASE("dedup_plans takes PyTorch's dtypes") {
  for (const std::string name :
       {"float32", "float64", "float16",       "bfloat16",    "complex32",       "complex64",       "complex128",
        "int8",    "int16",   "int32",         "int64",       "uint8",           "uint16",          "uint32",
        "uint64",  "bool",    "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "qint8",
        "quint8",  "qint32"})
    require_item_kept("w\t0\ttensor\t" + name + "\t4\t4\t-");
}

}  // namespace good_dumps_test
