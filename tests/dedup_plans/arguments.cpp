// The program's arguments, the files it reads and writes, and its exit status.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "../dedup_plans_program.hpp"
#include "../match.hpp"
#include "../plans.hpp"

namespace arguments_test {

using namespace test;

TEST_CASE("dedup_plans names a file that cannot be read, without a line") {
  const scratch_folder folder;
  for (const std::string& file : {folder.path() + "/missing.tsv", folder.path()}) {
    INFO(file);
    const outcome result = run({file});
    REQUIRE(result.status == 1);
    REQUIRE(result.out.empty());
    REQUIRE(result.err.starts_with(file + ": cannot be "));
    REQUIRE(result.err.size() > file.size() + 13);
    REQUIRE(result.err.find('\n') == result.err.size() - 1);
  }
}

TEST_CASE("dedup_plans exits with 1 where its output cannot be written, be it short or long") {
  if (!fs::exists("/dev/full")) {
    WARN("there is no /dev/full here");
    return;
  }
  std::string long_dump = "plan\t0\n";
  for (int i = 0; i != 20'000; ++i) long_dump += "layer." + std::to_string(i) + "\t0\ttensor\tfloat32\t4\t4\t-\n";
  for (const std::string& dump : {good_dump, long_dump}) {
    const scratch_folder folder;
    const outcome result = run({folder.write(dump)}, "", "/dev/full");
    REQUIRE(result.status == 1);
    REQUIRE(test::pattern("[^\n:0-9]+: cannot be written: [^\n]+\n").matches(result.err));
  }
}

TEST_CASE("dedup_plans exits with 1 where the reader of its output has gone") {
  const scratch_folder folder;
  std::string dump = "plan\t0\n";
  for (int i = 0; i != 20'000; ++i) dump += "layer." + std::to_string(i) + "\t0\ttensor\tfloat32\t4\t4\t-\n";
  const std::string file = folder.write(dump);
  const std::string command =
      "cd " + folder.path() + "; ('" DCP_EXAMPLES_BIN "/dedup_plans' " + file + " 2>reason; echo $? >status) | true";
  REQUIRE(std::system(command.c_str()) == 0);
  REQUIRE(content_of(folder.path() + "/status") == "1\n");
  REQUIRE(test::pattern("[^\n:0-9]+: cannot be written: [^\n]+\n").matches(content_of(folder.path() + "/reason")));
}

TEST_CASE("dedup_plans exits with 2 and says how it is used where its arguments are wrong") {
  const scratch_folder folder;
  const std::string file = folder.write(good_dump);
  const std::vector<std::vector<std::string>> wrong{{},
                                                    {file, file},
                                                    {"--nonsense", file},
                                                    {"-x", file},
                                                    {"--keep"},
                                                    {"--keep", "first"},
                                                    {"--keep", "last", file},
                                                    {"--keep", "", file},
                                                    {"--keep", "balanced"},
                                                    {"--keep", "Balanced", file},
                                                    {"--keep=", file},
                                                    {"--keep=last", file},
                                                    {"--keepbalanced", file},
                                                    {"--tolerance", "1", file},
                                                    {"--tolerance", "1", "--keep", "first", file},
                                                    {"--keep", "balanced", "--tolerance"},
                                                    {"--keep", "balanced", "--tolerance", file},
                                                    {"--keep", "balanced", "--tolerance", "", file},
                                                    {"--keep", "balanced", "--tolerance", "-1", file},
                                                    {"--keep", "balanced", "--tolerance", "+1", file},
                                                    {"--keep", "balanced", "--tolerance", "1%", file},
                                                    {"--keep", "balanced", "--tolerance", "1e3", file},
                                                    {"--keep", "balanced", "--tolerance", "nan", file},
                                                    {"--keep", "balanced", "--tolerance", "inf", file},
                                                    {"--keep", "balanced", "--tolerance", "0x1", file},
                                                    {"--keep", "balanced", "--tolerance", "1.2.3", file},
                                                    {"--keep", "balanced", "--tolerance", ".", file},
                                                    {"--check=1", file},
                                                    {"--log=1", file},
                                                    {"--keep", "--check", file},
                                                    {"--check"},
                                                    {"--check", "balanced", file},
                                                    {"-", file}};
  for (const std::vector<std::string>& arguments : wrong) {
    INFO(arguments.size() << " arguments, the first: " << (arguments.empty() ? "" : arguments[0]));
    const outcome result = run(arguments, good_dump);
    REQUIRE(result.status == 2);
    REQUIRE(result.out.empty());
    REQUIRE(contains(result.err, "usage"));
    REQUIRE(contains(result.err, "FILE"));
  }
}

TEST_CASE("dedup_plans --help and -h tell what it does on standard output, with status 0") {
  const scratch_folder folder;
  const std::vector<std::vector<std::string>> ways{
      {"--help"}, {"-h"}, {"--help", folder.write(good_dump)}, {folder.path() + "/missing.tsv", "-h"}};
  for (const std::vector<std::string>& arguments : ways) {
    const outcome result = run(arguments);
    REQUIRE(result.status == 0);
    REQUIRE(result.err.empty());
    for (const char* const word : {"usage: dedup_plans", "FILE", "--keep first", "--keep balanced",
                                   "--tolerance PERCENT", "--check", "--log", "--help", "status"})
      REQUIRE(contains(result.out, word));
    for (const std::string& line : lines_of(result.out)) REQUIRE(columns(line) <= 90);
  }
}

TEST_CASE("dedup_plans takes --keep balanced and --keep=balanced alike") {
  const scratch_folder folder;
  const std::string file = folder.write(good_dump);
  REQUIRE(run({"--keep=first", file}).out == run({"--keep", "first", file}).out);
  const outcome joined = run({"--keep=balanced", file});
  REQUIRE(joined.status == 0);
  REQUIRE(joined.out == run({"--keep", "balanced", file}).out);
  REQUIRE(contains(joined.err, "keep balanced"));
}

}  // namespace arguments_test
