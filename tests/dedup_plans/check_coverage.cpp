// --check: tensors that the plans do not write exactly once are told with the lines concerned, and nothing is written.

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
  REQUIRE_FALSE(faults.empty());
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

TEST_CASE("dedup_plans --check looks for replicas that disagree first") {
  const outcome result =
      run({"--check", "-"}, "plan\t0\nw\t0\tshard\tint8\t4\t8\t-\nplan\t1\nw\t0\tshard\tint16\t4\t8\t-\n");
  REQUIRE(result.status == 1);
  REQUIRE(contains(result.err, "is other data"));
}

TEST_CASE("dedup_plans --check takes plans that write each tensor once, with empty chunks and unknown dtypes") {
  const outcome result = run({"--check", "-"},
                             "plan\t0\nw\t0\tshard\tfloat2\t4\t8\t-\nw\t8\tshard\tfloat2\t0\t8\t-\n"
                             "s\t()\ttensor\tint8\t()\t()\t-\nplan\t1\nw\t4\tshard\tfloat2\t4\t8\t-\n");
  INFO(result.err);
  REQUIRE(result.status == 0);
}

}  // namespace check_coverage_test
