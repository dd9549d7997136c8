// --log: what is removed, by name, in PyTorch's line.

#include <string>

#include "../dedup_plans_program.hpp"
#include "../match.hpp"
#include "../plans.hpp"

namespace log_test {

using namespace test;

TEST_CASE("dedup_plans --log writes PyTorch's line to standard error, and changes nothing else") {
  const outcome plain = run({"-"}, good_dump);
  const outcome logged = run({"--log", "-"}, good_dump);
  REQUIRE(logged.status == 0);
  REQUIRE(logged.out == plain.out);
  const std::string line = line_with(logged.err, "Duplicate keys to remove: ");
  INFO(logged.err);
  REQUIRE(test::pattern("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3} dedup_plans.cpp:[0-9]+ INFO "
                        "p:[0-9]+ t:[0-9]+: Duplicate keys to remove: "
                        "[{]1: .MetadataIndex[(]fqn='step', offset=None, index=None[)].[}]")
              .matches(line));
  REQUIRE(logged.err.find("Duplicate keys") == logged.err.rfind("Duplicate keys"));
  REQUIRE_FALSE(contains(plain.err, "Duplicate keys"));
}

TEST_CASE("dedup_plans --log writes nothing more where nothing is removed") {
  const std::string dump = "plan\t0\na\t-\tbyte_io\t-\t-\t-\t5\n";
  REQUIRE(run({"--log", "-"}, dump).err == run({"-"}, dump).err);
}

TEST_CASE("dedup_plans --log leaves no key out") {
  std::string items;
  for (int i = 0; i != 5000; ++i) items += "layers." + std::to_string(i) + ".w\t-\tbyte_io\t-\t-\t-\t5\n";
  const outcome result = run({"--log", "--keep", "balanced", "-"}, "plan\t0\n" + items + "plan\t1\n" + items);
  REQUIRE(result.status == 0);
  const std::string line = line_with(result.err, "Duplicate keys to remove: ");
  for (int i = 0; i != 5000; ++i) {
    const bool is_there = contains(line, "'layers." + std::to_string(i) + ".w'");
    if (!is_there) FAIL("layers." << i << ".w is left out");
  }
}

TEST_CASE("dedup_plans --log writes no line of a dump that --check refuses") {
  const outcome result =
      run({"--log", "--check", "-"}, "plan\t0\na\t-\tbyte_io\t-\t-\t-\t5\nplan\t1\na\t-\tbyte_io\t-\t-\t-\t6\n");
  REQUIRE(result.status == 1);
  REQUIRE_FALSE(contains(result.err, "Duplicate keys"));
}

}  // namespace log_test
