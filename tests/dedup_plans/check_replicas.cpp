// --check: replicas that disagree are reported with the lines of both items and what differs, and nothing is written.
// Objects that cannot be compared are a remark.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "../dedup_plans_program.hpp"
#include "../match.hpp"
#include "../plans.hpp"

namespace dedup_plans_check_replicas_test {

using namespace test;

namespace dedup_plans_check_replicas {

const std::string title = "remark: objects of unknown bytes in several plans, which cannot be compared:";

// The remark's lines.
std::vector<std::string> remark_in(const std::string& err) {
  std::vector<std::string> found;
  bool is_remark = false;
  for (const std::string& line : lines_of(err)) {
    if (is_remark && line.starts_with("  ")) found.push_back(line.substr(2));
    else is_remark = line == title;
  }
  return found;
}

std::string without_remark(const std::string& err) {
  std::string rest;
  bool is_remark = false;
  for (const std::string& line : lines_of(err)) {
    is_remark = line == title || (is_remark && line.starts_with("  "));
    if (!is_remark) rest += line + '\n';
  }
  return rest;
}

using strings = std::vector<std::string>;

}  // namespace dedup_plans_check_replicas

using namespace dedup_plans_check_replicas;

TEST_CASE("dedup_plans --check finds no fault in four real dumps, and adds to the output only a remark") {
  for (const std::string name : real_dumps) {
    const std::string file = (fs::path(DCP_EXAMPLE_PLANS) / (name + ".tsv")).string();
    for (const std::string keep : {"first", "balanced"}) {
      INFO(name << ", keep " << keep);
      const outcome checked = run({"--check", "--keep", keep, file});
      const outcome plain = run({"--keep", keep, file});
      REQUIRE(checked.status == 0);
      REQUIRE(without_remark(checked.err) == plain.err);
      REQUIRE(remark_in(plain.err).empty());
      const bool same = checked.out == plain.out;
      REQUIRE(same);
    }
  }
}

TEST_CASE("dedup_plans --check names the lines of replicas that disagree and what differs, and writes nothing") {
  const scratch_folder folder;
  const std::string dump =
      "# a comment\n"
      "plan\t0\n"
      "a\t0\ttensor\tfloat32\t4\t4\t-\n"
      "w\t0,0\tshard\tbfloat16\t4,2\t4,2\t-\n"
      "step\t-\tbyte_io\t-\t-\t-\t12\n"
      "plan\t1\n"
      "step\t-\tbyte_io\t-\t-\t-\t12\n"
      "# another\n";
  for (const auto& [other, what] :
       {std::pair<std::string, std::string>{"w\t0,0\tshard\tfloat16\t4,2\t4,2\t-\n", "dtype float16 and bfloat16"},
        {"w\t0,0\tshard\tfloat2\t4,2\t4,2\t-\n", "dtype float2 and bfloat16"},
        {"w\t0,0\tshard\tbfloat16\t3,2\t4,2\t-\n", "chunk_sizes 3,2 and 4,2"},
        {"w\t0,0\tshard\tbfloat16\t4,2\t9,2\t-\n", "size 9,2 and 4,2"},
        {"w\t0,0\ttensor\tbfloat16\t4,2\t4,2\t-\n", "type tensor and shard"},
        {"w\t0,0\ttensor\tint8\t4\t9\t-\n",
         "type tensor and shard, dtype int8 and bfloat16, chunk_sizes 4 and 4,2, size 9 and 4,2"}}) {
    const std::string file = folder.write(dump + other);
    INFO(other);
    const outcome result = run({"--check", file});
    INFO(result.err);
    REQUIRE(result.status == 1);
    REQUIRE(result.out.empty());
    const std::string coverage = "(" + file + ":[49]: [^\n]*\n)*";
    REQUIRE(test::pattern(file + ":9: [^\n]*w[^\n]*: " + what + "\n" + file + ":4: [^\n]*\n" + coverage)
                .matches(result.err));
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
  REQUIRE(test::pattern("-:5: [^\n]*nbytes 11 and 10\n-:2: [^\n]*\n-:6: [^\n]*nbytes 11 and 10\n-:2: [^\n]*\n")
              .matches(first.err));
  const outcome balanced = run({"--check", "--keep", "balanced", "-"}, dump);
  INFO(balanced.err);
  REQUIRE(balanced.status == 1);
  REQUIRE(balanced.out.empty());
  REQUIRE(test::pattern("-:2: [^\n]*\n-:5: [^\n]*\n").matches(balanced.err));
}

// DTensor gave empty shards of an uneven mesh the offset of a real shard (pytorch 161368, PR 150862). They write nothing
// that could differ.
TEST_CASE("dedup_plans --check takes an empty shard at the offset of a real shard, whichever comes first") {
  const std::string real = "w\t0,0\tshard\tbfloat16\t4,2\t4,2\t-\n";
  for (const std::string empty : {"w\t0,0\tshard\tbfloat16\t0,2\t4,2\t-\n", "w\t0,0\ttensor\tbfloat16\t4,0\t4,2\t-\n"})
    for (const std::string& dump : {"plan\t0\n" + real + "plan\t1\n" + empty, "plan\t0\n" + empty + "plan\t1\n" + real})
      for (const std::string keep : {"first", "balanced"}) {
        const outcome result = run({"--check", "--keep", keep, "-"}, dump);
        INFO(dump << result.err);
        REQUIRE(result.status == 0);
        REQUIRE(contains(result.out, real));
        REQUIRE_FALSE(contains(result.out, empty));
      }
}

TEST_CASE("dedup_plans --check finds a conflict in a repeat within one plan") {
  const outcome result = run({"-", "--check"}, "plan\t0\nw\t-\tbyte_io\t-\t-\t-\t10\nw\t-\tbyte_io\t-\t-\t-\t11\n");
  REQUIRE(result.status == 1);
  REQUIRE(result.out.empty());
  REQUIRE(test::pattern("-:3: [^\n]*\n-:2: [^\n]*\n").matches(result.err));
}

TEST_CASE("dedup_plans --check tells apart bytes that are known and bytes that are not") {
  const outcome result =
      run({"--check", "-"}, "plan\t0\nw\t-\tbyte_io\t-\t-\t-\t10\nplan\t1\nw\t-\tbyte_io\t-\t-\t-\t-\n");
  REQUIRE(result.status == 1);
  REQUIRE(test::pattern("-:4: [^\n]*nbytes - and 10\n-:2: [^\n]*\n").matches(without_remark(result.err)));
}

// PyTorch's default planner never fills in nbytes, so the states of two generators always look alike.
TEST_CASE("dedup_plans --check remarks on objects of unknown bytes that several plans have, with status 0") {
  const std::string objects =
      "rng_state\t-\tbyte_io\t-\t-\t-\t-\ndata.0\t-\tbyte_io\t-\t-\t-\t-\n"
      "h.0.lr\t-\tbyte_io\t-\t-\t-\t-\nh.1.lr\t-\tbyte_io\t-\t-\t-\t-\n";
  const std::string dump = "plan\t0\n" + objects + "known\t-\tbyte_io\t-\t-\t-\t5\nplan\t1\n" + objects +
                           "known\t-\tbyte_io\t-\t-\t-\t5\nown\t-\tbyte_io\t-\t-\t-\t-\nown\t-\tbyte_io\t-\t-\t-\t-\n" +
                           "plan\t2\nrng_state\t-\tbyte_io\t-\t-\t-\t-\n";
  for (const std::string keep : {"first", "balanced"}) {
    const outcome result = run({"--check", "--keep", keep, "-"}, dump);
    INFO(result.err);
    REQUIRE(result.status == 0);
    REQUIRE(remark_in(result.err) == strings{"rng_state: 3 plans", "data.0: 2 plans", "h.*.lr: 2 plans"});
  }
  REQUIRE(remark_in(run({"-"}, dump).err).empty());

  const outcome faulty = run({"--check", "-"}, dump + "known\t-\tbyte_io\t-\t-\t-\t6\n");
  REQUIRE(faulty.status == 1);
  REQUIRE(remark_in(faulty.err).size() == 3);
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
