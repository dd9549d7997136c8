// The example program dedup_plans, run as a process, and dumps to run it on.

#ifndef DCP_TESTS_DEDUP_PLANS_PROGRAM_HPP
#define DCP_TESTS_DEDUP_PLANS_PROGRAM_HPP

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

#include "catch.hpp"

namespace test {

namespace fs = std::filesystem;

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
inline outcome run(std::vector<std::string> arguments, std::string_view input = "", const char* out_path = nullptr) {
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

inline std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot be read: " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string without_comments(const std::string& text) {
  std::istringstream in(text);
  std::string result;
  for (std::string line; std::getline(in, line);)
    if (!line.starts_with("# ")) result += line + '\n';
  return result;
}

// What the program makes of a dump, which has to be good.
inline std::string deduplicated(const std::string& dump) {
  const scratch_folder folder;
  INFO(dump);
  const outcome result = run({folder.write(dump)});
  INFO(result.err);
  REQUIRE(result.status == 0);
  return without_comments(result.out);
}

inline void require_kept(const std::string& dump) { REQUIRE(deduplicated(dump) == without_comments(dump)); }

// That the dump is refused at this line, with a reason, before anything is written.
inline void require_refused(const std::string& dump, int line) {
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
inline void require_item_refused(const std::string& item) {
  require_refused("plan\t0\na\t0\ttensor\tfloat32\t4\t4\t-\n" + item + "\nb\t-\tbyte_io\t-\t-\t-\t-\n", 3);
}

inline void require_item_kept(const std::string& item) {
  require_kept("plan\t0\na\t0\ttensor\tfloat32\t4\t4\t-\n" + item + "\nb\t-\tbyte_io\t-\t-\t-\t-\n");
}

inline const std::string good_dump =
    "# a comment\n"
    "plan\t0\n"
    "w\t0,0\tshard\tbfloat16\t4,2\t8,2\t-\n"
    "step\t-\tbyte_io\t-\t-\t-\t12\n"
    "plan\t1\n"
    "w\t4,0\tshard\tbfloat16\t4,2\t8,2\t-\n"
    "step\t-\tbyte_io\t-\t-\t-\t12\n";

inline const std::string good_result =
    "plan\t0\n"
    "w\t0,0\tshard\tbfloat16\t4,2\t8,2\t-\n"
    "step\t-\tbyte_io\t-\t-\t-\t12\n"
    "plan\t1\n"
    "w\t4,0\tshard\tbfloat16\t4,2\t8,2\t-\n";

inline const char* const real_dumps[] = {"gpt2-ddp-4", "llama3-8b-hsdp-2x2", "moe-ep4-dp2", "uneven-hsdp-2x6"};

// The lines of what the program tells people.
inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The first line that contains these words, or an empty one.
inline std::string line_with(const std::string& text, std::string_view words) {
  for (const std::string& line : lines_of(text))
    if (line.find(words) != line.npos) return line;
  return {};
}

// How many characters of UTF-8.
inline std::size_t columns(const std::string& line) {
  std::size_t count = 0;
  for (const char c : line) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

}  // namespace test

#endif  // DCP_TESTS_DEDUP_PLANS_PROGRAM_HPP
