// --check: tensors that the plans do not write exactly once, and names that are a tensor in one place and an object in
// another, are reported with the lines concerned. All kinds are reported in one run, and nothing is written.

#include <cstddef>
#include <string>
#include <vector>

#include "../dedup_plans_program.hpp"
#include "../plans.hpp"

namespace check_coverage_test {

using namespace test;

// What is said of a dump that has to be refused, each line with its place.
std::vector<std::string> faults_of(const std::string& dump) {
  const outcome result = run({"--check", "-"}, dump);
  INFO(dump << result.err);
  REQUIRE(result.status == 1);
  REQUIRE(result.out.empty());
  REQUIRE(run({"-"}, dump).status == 0);
  for (const std::string& line : lines_of(result.err)) REQUIRE(line.starts_with("-:"));
  return lines_of(result.err);
}

TEST_CASE("dedup_plans --check names the line of an item of a tensor that is not written whole") {
  const std::vector<std::string> faults =
      faults_of("plan\t0\na\t0\ttensor\tint8\t4\t4\t-\nw\t0,0\tshard\tbfloat16\t4,2\t8,2\t-\n");
  REQUIRE(faults.size() == 1);
  REQUIRE(faults[0].starts_with("-:3: "));
  REQUIRE(contains(faults[0], "w"));
}

TEST_CASE("dedup_plans --check names the lines of both items that overlap") {
  const std::vector<std::string> faults =
      faults_of("plan\t0\nw\t0\tshard\tint8\t5\t8\t-\n# a comment\nplan\t1\nw\t4\tshard\tint8\t4\t8\t-\n");
  REQUIRE(faults.size() == 2);
  REQUIRE((faults[0].starts_with("-:2: ") || faults[1].starts_with("-:2: ")));
  REQUIRE((faults[0].starts_with("-:5: ") || faults[1].starts_with("-:5: ")));
}

TEST_CASE("dedup_plans --check names the line of a chunk past the tensor's end, and of a size that differs") {
  REQUIRE(faults_of("plan\t0\nw\t0\tshard\tint8\t9\t8\t-\n")[0].starts_with("-:2: "));
  const std::vector<std::string> faults =
      faults_of("plan\t0\nw\t0\tshard\tint8\t4\t8\t-\nw\t4\tshard\tint8\t4\t9\t-\n");
  REQUIRE(faults.size() == 2);
  REQUIRE(faults[0].starts_with("-:3: "));
  REQUIRE(faults[0].ends_with(": size 9 and 8"));
  REQUIRE(faults[1].starts_with("-:2: "));
}

TEST_CASE("dedup_plans --check names both dtypes of a tensor whose items have different ones") {
  const std::vector<std::string> faults =
      faults_of("plan\t0\nw\t0\tshard\tfloat32\t4\t8\t-\nplan\t1\nw\t4\tshard\tbfloat16\t4\t8\t-\n");
  REQUIRE(faults.size() == 2);
  REQUIRE(faults[0].starts_with("-:4: "));
  REQUIRE(faults[0].ends_with(": dtype bfloat16 and float32"));
  REQUIRE(faults[1].starts_with("-:2: "));
}

// PyTorch's global plan stops at it with an AssertionError that has no message (composer PR 3262).
TEST_CASE("dedup_plans --check reports a name that is a tensor in one place and an object in another") {
  for (const std::string tensor : {"w\t0\ttensor\tint8\t4\t4\t-\n", "w\t4\tshard\tint8\t0\t4\t-\n"}) {
    const std::string object = "w\t-\tbyte_io\t-\t-\t-\t7\n";
    for (const std::string& dump :
         {"plan\t0\n" + tensor + "plan\t1\n" + object, "plan\t0\n" + object + "plan\t1\n" + tensor}) {
      const std::vector<std::string> faults = faults_of(dump);
      REQUIRE(faults.size() == 2);
      REQUIRE(faults[0].starts_with("-:4: "));
      REQUIRE(contains(faults[0], "a tensor in one place and an object in another"));
      REQUIRE(contains(faults[0], "byte_io"));
      REQUIRE(faults[1].starts_with("-:2: "));
    }
  }
}

TEST_CASE("dedup_plans --check reports all kinds of faults in one run") {
  std::string dump =
      "plan\t0\nstep\t-\tbyte_io\t-\t-\t-\t1\nboth\t-\tbyte_io\t-\t-\t-\t1\n"
      "plan\t1\nstep\t-\tbyte_io\t-\t-\t-\t2\nboth\t0\ttensor\tint8\t4\t4\t-\n";
  for (int i = 0; i != 12; ++i) dump += "w" + std::to_string(i) + "\t0\tshard\tint8\t4\t8\t-\n";
  const std::string err = run({"--check", "-"}, dump).err;
  INFO(err);
  REQUIRE(contains(err, "-:5: "));
  REQUIRE(contains(err, "nbytes 2 and 1"));
  REQUIRE(contains(err, "-:2: "));
  REQUIRE(contains(err, "-:7: 'w0'"));
  REQUIRE(contains(err, "and 2 more tensors"));
  REQUIRE(contains(err, "-:6: 'both'"));
  REQUIRE(contains(err, "-:3: "));
}

TEST_CASE("dedup_plans --check takes a tensor of 64 dimensions, and refuses more at their line") {
  const auto dump = [](std::size_t dimensions) {
    std::string ones = "1";
    std::string zeros = "0";
    for (std::size_t i = 1; i != dimensions; ++i) ones += ",1", zeros += ",0";
    return "plan\t0\nw\t" + zeros + "\tshard\tint8\t" + ones + "\t" + ones + ",2\t-\n";
  };
  REQUIRE(run({"--check", "-"}, dump(63)).status == 1);  // its size has 64
  for (const std::size_t dimensions : {64U, 65U, 100'000U}) {
    const outcome result = run({"--check", "-"}, dump(dimensions));
    REQUIRE(result.status == 1);
    REQUIRE(result.err.starts_with("-:2: "));
    REQUIRE(contains(result.err, "more than 64 dimensions"));
  }
}

TEST_CASE("dedup_plans --check lists the first ten tensors that are not written whole, and counts the others") {
  std::string dump = "plan\t0\n";
  for (int i = 0; i != 12; ++i) dump += "w" + std::to_string(i) + "\t0\tshard\tint8\t4\t8\t-\n";
  const outcome result = run({"--check", "-"}, dump);
  REQUIRE(result.status == 1);
  const std::vector<std::string> lines = lines_of(result.err);
  REQUIRE(lines.size() == 11);
  REQUIRE(lines[9].starts_with("-:11: "));
  REQUIRE(lines[10] == "and 2 more tensors");
}

TEST_CASE("dedup_plans --check takes plans that write each tensor once, with empty chunks and unknown dtypes") {
  const outcome result = run({"--check", "-"},
                             "plan\t0\nw\t0\tshard\tfloat2\t4\t8\t-\nw\t8\tshard\tfloat2\t0\t8\t-\n"
                             "s\t()\ttensor\tint8\t()\t()\t-\nplan\t1\nw\t4\tshard\tfloat2\t4\t8\t-\n");
  INFO(result.err);
  REQUIRE(result.status == 0);
}

}  // namespace check_coverage_test
