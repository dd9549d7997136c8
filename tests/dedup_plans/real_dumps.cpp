// dedup_plans makes of real dumps what PyTorch's own dedup_tensors made of them.

#include <filesystem>
#include <string>

#include "../dedup_plans_program.hpp"
#include "../plans.hpp"

namespace dedup_plans_real_dumps_test {

using namespace test;

TEST_CASE("dedup_plans makes of four real dumps what PyTorch's dedup_tensors made of them") {
  for (const std::string name : real_dumps) {
    INFO(name);
    const std::string expected = without_comments(content_of(fs::path(DCP_TEST_PLANS) / (name + ".deduped.tsv")));
    REQUIRE(contains(expected, "plan\t0\n"));

    const outcome result = run({(fs::path(DCP_EXAMPLE_PLANS) / (name + ".tsv")).string()});

    INFO(result.err);
    REQUIRE(result.status == 0);
    // Not compared in the assertion: that would print megabytes.
    const bool same = without_comments(result.out) == expected;
    REQUIRE(same);
  }
}

TEST_CASE("dedup_plans changes nothing about its own output") {
  for (const std::string name : real_dumps) {
    INFO(name);
    const outcome once = run({(fs::path(DCP_EXAMPLE_PLANS) / (name + ".tsv")).string()});
    const outcome twice = run({"-"}, once.out);
    REQUIRE(twice.status == 0);
    const bool same = without_comments(twice.out) == without_comments(once.out);
    REQUIRE(same);
  }
}

}  // namespace dedup_plans_real_dumps_test
