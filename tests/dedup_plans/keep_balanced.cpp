// --keep balanced, --tolerance, and what the summary says of the balance.

#include <dcp/balanced.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "../../examples/plan_dump.hpp"
#include "../dedup_plans_program.hpp"
#include "../plans.hpp"

namespace keep_balanced_test {

using namespace test;

std::string balanced_by_library(const std::string& dump) {
  std::string text;
  std::size_t rank = 0;
  for (const dcp::SavePlan& plan : dcp::dedup_tensors(plan_dump::parse(dump, "").plans, {.keep = dcp::keep::balanced}))
    plan_dump::append_plan(text, rank++, plan);
  return text;
}

TEST_CASE("dedup_plans --keep balanced makes of a dump what the library makes of it") {
  for (const std::string name : real_dumps) {
    INFO(name);
    const std::string file = (fs::path(DCP_EXAMPLE_PLANS) / (name + ".tsv")).string();
    const outcome result = run({"--keep", "balanced", file});
    INFO(result.err);
    REQUIRE(result.status == 0);
    const bool same = without_comments(result.out) == balanced_by_library(content_of(file));
    REQUIRE(same);
    const bool as_first = result.out == run({file}).out;
    REQUIRE_FALSE(as_first);
  }
}

TEST_CASE("dedup_plans --keep balanced lets each write about as much") {
  const std::string items =
      "a\t0\ttensor\tfloat32\t256\t256\t-\n"
      "b\t0\ttensor\tfloat32\t256\t256\t-\n"
      "c\t-\tbyte_io\t-\t-\t-\t-\n";
  const outcome result = run({"--keep", "balanced", "-"}, "plan\t0\n" + items + "plan\t1\n" + items);
  REQUIRE(result.status == 0);
  REQUIRE(without_comments(result.out) ==
          "plan\t0\na\t0\ttensor\tfloat32\t256\t256\t-\nc\t-\tbyte_io\t-\t-\t-\t-\n"
          "plan\t1\nb\t0\ttensor\tfloat32\t256\t256\t-\n");

  // What it gained, beside what keep::first would have left: the largest plan, and the files that a rank opens.
  INFO(result.err);
  const std::string first = line_with(result.err, "keep first: ");
  REQUIRE(contains(first, "2.00 KiB"));
  REQUIRE(contains(first, "2.0000 times the mean"));
  REQUIRE(contains(first, "2.0000 times what is possible at best"));
  const std::string balanced = line_with(result.err, "keep balanced: ");
  REQUIRE(contains(balanced, "1.00 KiB"));
  REQUIRE(contains(balanced, "1.0000 times the mean"));
  REQUIRE(contains(balanced, "1.0000 times what is possible at best"));
  REQUIRE(contains(result.err, "1.00 files"));
  REQUIRE(contains(result.err, "2.00 files"));
  REQUIRE(contains(run({"-"}, good_dump).err, "keep first: "));
  REQUIRE_FALSE(contains(run({"-"}, good_dump).err, "balanced"));
}

// Where few have most of the bytes, an even spread is not possible, and times the mean says little.
TEST_CASE("dedup_plans tells how far the largest plan is from what is possible at best") {
  // Plan 0 alone has 800 bytes; 200 more may go to plan 1. The mean is 500, and 800 are possible.
  const std::string shared = "a\t-\tbyte_io\t-\t-\t-\t100\nb\t-\tbyte_io\t-\t-\t-\t100\n";
  const outcome result =
      run({"--keep", "balanced", "-"}, "plan\t0\n" + shared + "own\t-\tbyte_io\t-\t-\t-\t800\nplan\t1\n" + shared);
  INFO(result.err);
  const std::string first = line_with(result.err, "keep first: ");
  REQUIRE(contains(first, "2.0000 times the mean"));
  REQUIRE(contains(first, "1.2500 times what is possible at best"));
  const std::string balanced = line_with(result.err, "keep balanced: ");
  REQUIRE(contains(balanced, "1.6000 times the mean"));
  REQUIRE(contains(balanced, "1.0000 times what is possible at best"));
}

TEST_CASE("dedup_plans tells that nothing better is possible where no plan has what another has") {
  for (const std::string dump :
       {"plan\t0\na\t-\tbyte_io\t-\t-\t-\t9\nplan\t1\nb\t-\tbyte_io\t-\t-\t-\t1\n", "plan\t0\n", ""}) {
    const outcome result = run({"--keep", "balanced", "-"}, dump);
    REQUIRE(contains(line_with(result.err, "keep balanced: "), "1.0000 times what is possible at best"));
  }
}

TEST_CASE("dedup_plans --tolerance is the library's, in percent, and takes both ways to write a value") {
  const std::string file = (fs::path(DCP_EXAMPLE_PLANS) / "llama3-8b-hsdp-2x2.tsv").string();
  const std::vector<dcp::SavePlan> plans = plan_dump::parse(content_of(file), "").plans;
  for (const std::string percent : {"0", "5", "12.5", "100"}) {
    INFO(percent);
    std::string expected;
    std::size_t rank = 0;
    const double tolerance = std::strtod(percent.c_str(), nullptr) / 100;
    for (const dcp::SavePlan& plan : dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced(tolerance)}))
      plan_dump::append_plan(expected, rank++, plan);
    const outcome result = run({"--keep", "balanced", "--tolerance", percent, file});
    REQUIRE(result.status == 0);
    const bool same = without_comments(result.out) == expected;
    REQUIRE(same);
    const bool as_one_word = run({"--tolerance=" + percent, "--keep=balanced", file}).out == result.out;
    REQUIRE(as_one_word);
  }
}

TEST_CASE("dedup_plans says --keep balanced where the largest plan is far from the mean and could be smaller") {
  const auto hint = [](const std::string& dump, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = options;
    arguments.push_back("-");
    return contains(run(arguments, dump).err, "--keep balanced");
  };
  const std::string items = "a\t-\tbyte_io\t-\t-\t-\t100\nb\t-\tbyte_io\t-\t-\t-\t100\n";
  const std::string replicas = "plan\t0\n" + items + "plan\t1\n" + items;
  REQUIRE(hint(replicas, {}));
  REQUIRE_FALSE(hint(replicas, {"--keep", "balanced"}));
  REQUIRE_FALSE(hint("plan\t0\n" + items + "plan\t1\n", {}));  // nobody else has them
  REQUIRE_FALSE(hint("plan\t0\n" + items + "plan\t1\nc\t-\tbyte_io\t-\t-\t-\t150\n", {}));
}

TEST_CASE("dedup_plans --keep balanced takes a dump without plans, and plans without items") {
  for (const std::string dump : {"", "plan\t0\n", "plan\t0\nplan\t1\n"}) {
    const outcome result = run({"--keep", "balanced", "--check", "-"}, dump);
    REQUIRE(result.status == 0);
    REQUIRE(without_comments(result.out) == dump);
  }
}

// The dump can be read, and keep::first asks for no bytes; but there is no telling who should write these.
TEST_CASE("dedup_plans --keep balanced names the line at which the bytes become too many") {
  const scratch_folder folder;
  const std::string large = "\t-\tbyte_io\t-\t-\t-\t9223372036854775807\n";
  const std::string too_large = "w\t0\ttensor\tfloat32\t9223372036854775807\t9223372036854775807\t-\n";
  const auto twice = [](const std::string& items) { return "plan\t0\n" + items + "plan\t1\n" + items; };
  for (const auto& [dump, line] :
       {std::pair<std::string, std::string>{twice("a" + large + "b" + large + "c" + large), "4"},
        {twice("a" + large + too_large), "3"},
        {"plan\t0\na" + large + "plan\t1\nb" + large + "plan\t2\na" + large + "c" + large, "7"}}) {
    const std::string file = folder.write(dump);
    const outcome result = run({"--keep", "balanced", file});
    REQUIRE(result.status == 1);
    REQUIRE(result.out.empty());
    REQUIRE(result.err.starts_with(file + ':' + line + ": "));
    REQUIRE(result.err.find('\n') == result.err.size() - 1);
    REQUIRE(run({"--keep", "first", file}).status == 0);
  }
}

}  // namespace keep_balanced_test
