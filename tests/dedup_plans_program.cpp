// The example program dedup_plans, run as a process: what it makes of real dumps, of good ones and of bad ones, how it
// exits, and what goes to standard output and standard error.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include "../examples/plan_dump.hpp"
#include "catch.hpp"
#include "match.hpp"
#include "plans.hpp"

using test::contains;

namespace {

namespace fs = std::filesystem;

// --------------------------------------------------------------------------------------------------------- the process

struct outcome {
  int status = -1;
  std::string out;
  std::string err;
};

class scratch_file {
 public:
  explicit scratch_file(std::string_view content = "") : file_(std::tmpfile()) {
    if (file_ == nullptr) throw std::runtime_error("no temporary file");
    std::fwrite(content.data(), 1, content.size(), file_);
    std::rewind(file_);
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  ~scratch_file() { std::fclose(file_); }

  [[nodiscard]] int descriptor() const { return ::fileno(file_); }
  [[nodiscard]] std::string content() const {
    std::rewind(file_);
    std::string text;
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) text += static_cast<char>(c);
    return text;
  }

 private:
  std::FILE* file_;
};

// Runs the program; with `out_path`, what it writes goes there. Files take its output: no pipe can fill up.
outcome run(std::vector<std::string> arguments, std::string_view input = "", const char* out_path = nullptr) {
  arguments.insert(arguments.begin(), DCP_EXAMPLES_BIN "/dedup_plans");
  std::vector<char*> words;
  for (std::string& each : arguments) words.push_back(each.data());
  words.push_back(nullptr);
  const scratch_file in(input);
  const scratch_file out;
  const scratch_file err;

  const pid_t child = ::fork();
  if (child == 0) {
    const int target = out_path != nullptr ? ::open(out_path, O_WRONLY) : out.descriptor();
    if (target < 0 || ::dup2(in.descriptor(), 0) < 0 || ::dup2(target, 1) < 0 || ::dup2(err.descriptor(), 2) < 0)
      ::_exit(126);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) throw std::runtime_error("no process");
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), out.content(), err.content()};
}

// A folder of this process, removed at the end.
class scratch_folder {
 public:
  scratch_folder() {
    std::string name = (fs::temp_directory_path() / "dedup_plans_test.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  [[nodiscard]] std::string write(std::string_view content, const char* name = "dump.tsv") const {
    const fs::path file = path_ / name;
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

// ----------------------------------------------------------------------------------------------------------- the dumps

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot be read: " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string without_comments(const std::string& text) {
  std::istringstream in(text);
  std::string result;
  for (std::string line; std::getline(in, line);)
    if (!line.starts_with("# ")) result += line + '\n';
  return result;
}

// What the program makes of a dump, which has to be good.
std::string deduplicated(const std::string& dump) {
  const scratch_folder folder;
  INFO(dump);
  const outcome result = run({folder.write(dump)});
  INFO(result.err);
  REQUIRE(result.status == 0);
  return without_comments(result.out);
}

void require_kept(const std::string& dump) { REQUIRE(deduplicated(dump) == without_comments(dump)); }

// That the dump is refused at this line, with a reason, before anything is written.
void require_refused(const std::string& dump, int line) {
  const scratch_folder folder;
  const std::string file = folder.write(dump);
  INFO(dump);
  const outcome result = run({file});
  REQUIRE(result.status == 1);
  REQUIRE(result.out.empty());
  const std::string place = file + ':' + std::to_string(line) + ": ";
  REQUIRE(result.err.substr(0, place.size()) == place);
  REQUIRE(result.err.size() > place.size() + 1);
  REQUIRE(result.err.find('\n') == result.err.size() - 1);
}

// A dump of one plan with this item, at line 3, between good ones.
void require_item_refused(const std::string& item) {
  require_refused("plan\t0\na\t0\ttensor\tfloat32\t4\t4\t-\n" + item + "\nb\t-\tbyte_io\t-\t-\t-\t-\n", 3);
}

void require_item_kept(const std::string& item) {
  require_kept("plan\t0\na\t0\ttensor\tfloat32\t4\t4\t-\n" + item + "\nb\t-\tbyte_io\t-\t-\t-\t-\n");
}

const std::string good_dump =
    "# a comment\n"
    "plan\t0\n"
    "w\t0,0\tshard\tbfloat16\t4,2\t8,2\t-\n"
    "step\t-\tbyte_io\t-\t-\t-\t12\n"
    "plan\t1\n"
    "w\t4,0\tshard\tbfloat16\t4,2\t8,2\t-\n"
    "step\t-\tbyte_io\t-\t-\t-\t12\n";

const std::string good_result =
    "plan\t0\n"
    "w\t0,0\tshard\tbfloat16\t4,2\t8,2\t-\n"
    "step\t-\tbyte_io\t-\t-\t-\t12\n"
    "plan\t1\n"
    "w\t4,0\tshard\tbfloat16\t4,2\t8,2\t-\n";

const char* const real_dumps[] = {"gpt2-ddp-4", "llama3-8b-hsdp-2x2", "moe-ep4-dp2", "uneven-hsdp-2x6"};

}  // namespace

// ---------------------------------------------------------------------------------------------------------- real dumps

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

// ---------------------------------------------------------------------------------------------------------- good dumps

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

// -------------------------------------------------------------------------------------------- --keep balanced, --check

namespace {

std::string balanced_by_library(const std::string& dump) {
  std::string text;
  std::size_t rank = 0;
  for (const dcp::SavePlan& plan : dcp::dedup_tensors(plan_dump::parse(dump, "").plans, {.keep = dcp::keep::balanced}))
    plan_dump::append_plan(text, rank++, plan);
  return text;
}

}  // namespace

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
  const auto line_with = [&](const std::string& words) {
    std::istringstream in(result.err);
    for (std::string line; std::getline(in, line);)
      if (contains(line, words)) return line;
    return std::string();
  };
  INFO(result.err);
  const std::string first = line_with("keep first: ");
  REQUIRE(contains(first, "2.00 KiB"));
  REQUIRE(contains(first, "2.0000 times the mean"));
  REQUIRE(contains(first, "1.00 files"));
  const std::string balanced = line_with("keep balanced: ");
  REQUIRE(contains(balanced, "1.00 KiB"));
  REQUIRE(contains(balanced, "1.0000 times the mean"));
  REQUIRE(contains(balanced, "2.00 files"));
  REQUIRE(contains(run({"-"}, good_dump).err, "keep first: "));
  REQUIRE_FALSE(contains(run({"-"}, good_dump).err, "balanced"));
}

TEST_CASE("dedup_plans --keep balanced takes a dump without plans, and plans without items") {
  for (const std::string dump : {"", "plan\t0\n", "plan\t0\nplan\t1\n"}) {
    const outcome result = run({"--keep", "balanced", "--check", "-"}, dump);
    REQUIRE(result.status == 0);
    REQUIRE(without_comments(result.out) == dump);
  }
}

// The dump can be read, and keep::first asks for no bytes; but there is no telling who should write these.
TEST_CASE("dedup_plans --keep balanced refuses a dump of 2^64 bytes or more, by its name") {
  const scratch_folder folder;
  const std::string large = "\t-\tbyte_io\t-\t-\t-\t9223372036854775807\n";
  for (const std::string& items :
       {"a" + large + "b" + large + "c" + large,
        std::string("w\t0\ttensor\tfloat32\t9223372036854775807\t9223372036854775807\t-\n")}) {
    const std::string file = folder.write("plan\t0\n" + items + "plan\t1\n" + items);
    const outcome result = run({"--keep", "balanced", file});
    REQUIRE(result.status == 1);
    REQUIRE(result.out.empty());
    REQUIRE(result.err.starts_with(file + ":0: "));
    REQUIRE(result.err.find('\n') == result.err.size() - 1);
    REQUIRE(run({"--keep", "first", file}).status == 0);
  }
}

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

// ----------------------------------------------------------------------------------------------------------- bad dumps

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

TEST_CASE("dedup_plans refuses what is no dtype of PyTorch's") {
  for (const std::string dtype : {"", "torch.float32", "Float32", "float33", "float", "float32 ", "bool_", "()", "4"})
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

// ------------------------------------------------------------------------------------------------- files and arguments

TEST_CASE("dedup_plans reports a file that cannot be read as FILE:0") {
  const scratch_folder folder;
  for (const std::string& file : {folder.path() + "/missing.tsv", folder.path()}) {
    INFO(file);
    const outcome result = run({file});
    REQUIRE(result.status == 1);
    REQUIRE(result.out.empty());
    REQUIRE(result.err.starts_with(file + ":0: "));
    REQUIRE(result.err.size() > file.size() + 5);
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
    REQUIRE(test::pattern("[^\n]+:0: [^\n]+\n").matches(result.err));
  }
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
                                                    {"--keep=balanced", file},
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

// --------------------------------------------------------------------------------------------------------- the summary

TEST_CASE("dedup_plans tells people on standard error what it has saved, by rank and in all") {
  // 20 tensors of 1 KiB by rank 0; 12 of them again, and 5 of its own, by rank 1: of 37 KiB 12 go, which is 32.4 %.
  std::string dump = "plan\t0\n";
  const auto tensor = [](int i) { return "layer." + std::to_string(i) + "\t0\ttensor\tfloat32\t256\t256\t-\n"; };
  for (int i = 0; i != 20; ++i) dump += tensor(i);
  dump += "plan\t1\n";
  for (int i = 8; i != 25; ++i) dump += tensor(i);

  const outcome result = run({"-"}, dump);

  REQUIRE(result.status == 0);
  INFO(result.err);
  // A line that has these words, in this order, among others.
  const auto has_line = [&](const std::vector<std::string>& words) {
    std::istringstream in(result.err);
    for (std::string line; std::getline(in, line);) {
      std::istringstream line_words(line);
      auto next = words.begin();
      for (std::string word; next != words.end() && line_words >> word;)
        if (word == *next) ++next;
      if (next == words.end()) return true;
    }
    return false;
  };
  REQUIRE(has_line({"0", "20", "20"}));
  REQUIRE(has_line({"1", "17", "5"}));
  REQUIRE(has_line({"37", "25"}));
  REQUIRE(contains(result.err, "32.4"));
  REQUIRE_FALSE(contains(result.out, "32.4"));
}
