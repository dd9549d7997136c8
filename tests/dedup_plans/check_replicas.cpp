// --check: replicas that disagree are told with the lines of both items, and nothing is written.

#include <cstddef>
#include <string>
#include <vector>

#include "../dedup_plans_program.hpp"
#include "../match.hpp"
#include "../plans.hpp"

namespace dedup_plans_check_replicas_test {

using namespace test;

TEST_CASE("dedup_plans --check finds nothing in four real dumps, and its output is that without it") {
  for (const std::string name : real_dumps) {
    const std::string file = (fs::path(DCP_EXAMPLE_PLANS) / (name + ".tsv")).string();
    for (const std::string keep : {"first", "balanced"}) {
      INFO(name << ", keep " << keep);
      const outcome checked = run({"--check", "--keep", keep, file});
      const outcome plain = run({"--keep", keep, file});
      REQUIRE(checked.status == 0);
      REQUIRE(checked.err == plain.err);
      const bool same = checked.out == plain.out;
      REQUIRE(same);
    }
  }
}

TEST_CASE("dedup_plans --check names the lines of both items where replicas disagree, and writes nothing") {
  const scratch_folder folder;
  const std::string dump =
      "# a comment\n"
      "plan\t0\n"
      "a\t0\ttensor\tfloat32\t4\t4\t-\n"
      "w\t0,0\tshard\tbfloat16\t4,2\t8,2\t-\n"
      "step\t-\tbyte_io\t-\t-\t-\t12\n"
      "plan\t1\n"
      "step\t-\tbyte_io\t-\t-\t-\t12\n"
      "# another\n";
  for (const std::string other :
       {"w\t0,0\tshard\tfloat16\t4,2\t8,2\t-\n", "w\t0,0\tshard\tbfloat16\t0,2\t8,2\t-\n",
        "w\t0,0\tshard\tbfloat16\t4,2\t9,2\t-\n", "w\t0,0\ttensor\tbfloat16\t4,2\t8,2\t-\n"}) {
    const std::string file = folder.write(dump + other);
    INFO(other);
    const outcome result = run({"--check", file});
    INFO(result.err);
    REQUIRE(result.status == 1);
    REQUIRE(result.out.empty());
    REQUIRE(test::pattern(file + ":9: [^\n]*w[^\n]*\n" + file + ":4: [^\n]*\n").matches(result.err));
    REQUIRE(run({file}).status == 0);
  }
}

TEST_CASE("dedup_plans --check with --keep balanced names the lines of the item that would stay") {
  // Plan 0 has so much of its own that plan 1 writes w; the items of plan 1 agree.
  const std::string dump =
      "plan\t0\n"
      "w\t-\tbyte_io\t-\t-\t-\t10\n"
      "x\t-\tbyte_io\t-\t-\t-\t100\n"
      "plan\t1\n"
      "w\t-\tbyte_io\t-\t-\t-\t11\n"
      "w\t-\tbyte_io\t-\t-\t-\t11\n";
  const outcome first = run({"--check", "-"}, dump);
  REQUIRE(first.status == 1);
  REQUIRE(test::pattern("-:5: [^\n]*\n-:2: [^\n]*\n-:6: [^\n]*\n-:2: [^\n]*\n").matches(first.err));
  const outcome balanced = run({"--check", "--keep", "balanced", "-"}, dump);
  INFO(balanced.err);
  REQUIRE(balanced.status == 1);
  REQUIRE(balanced.out.empty());
  REQUIRE(test::pattern("-:2: [^\n]*\n-:5: [^\n]*\n").matches(balanced.err));
}

TEST_CASE("dedup_plans --check finds a conflict in a repeat within one plan") {
  const outcome result = run({"-", "--check"}, "plan\t0\nw\t-\tbyte_io\t-\t-\t-\t10\nw\t-\tbyte_io\t-\t-\t-\t11\n");
  REQUIRE(result.status == 1);
  REQUIRE(result.out.empty());
  REQUIRE(test::pattern("-:3: [^\n]*\n-:2: [^\n]*\n").matches(result.err));
}

TEST_CASE("dedup_plans --check lists the first 10 conflicts and counts the others") {
  for (const int count : {10, 11, 40}) {
    std::string dump;
    for (const std::string nbytes : {"1", "2"}) {
      dump += nbytes == "1" ? "plan\t0\n" : "plan\t1\n";
      for (int i = 0; i != count; ++i) dump += 'k' + std::to_string(i) + "\t-\tbyte_io\t-\t-\t-\t" + nbytes + '\n';
    }
    const outcome result = run({"--check", "-"}, dump);
    INFO(result.err);
    REQUIRE(result.status == 1);
    REQUIRE(result.out.empty());
    for (int i = 0; i != 10; ++i) {
      REQUIRE(contains(result.err, "-:" + std::to_string(2 + i) + ": "));
      REQUIRE(contains(result.err, "-:" + std::to_string(3 + count + i) + ": "));
    }
    REQUIRE_FALSE(contains(result.err, "-:" + std::to_string(3 + count + 10) + ": "));
    REQUIRE(contains(result.err, std::to_string(count - 10) + " more") == (count > 10));
  }
}

}  // namespace dedup_plans_check_replicas_test
