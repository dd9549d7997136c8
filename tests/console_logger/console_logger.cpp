// console_logger(): one whole line a record on stderr, in PyTorch's form.

#include <dcp/console_logger.hpp>

#include <stdlib.h>  // setenv
#include <time.h>    // tzset
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <functional>
#include <map>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "../catch.hpp"
#include "../match.hpp"
#include "../plans.hpp"

namespace console_logger_test {

using test::lines;
using test::plans_of;

// What is written to stderr, whoever writes it, during `work`.
std::string stderr_of(const std::function<void()>& work) {
  std::fflush(stderr);
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  const int real = ::dup(2);
  ::dup2(::fileno(file), 2);
  work();
  std::fflush(stderr);
  ::dup2(real, 2);
  ::close(real);

  std::string text;
  std::rewind(file);
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

struct log_line {
  std::string time;
  std::string milliseconds;
  std::string file;
  std::string line;
  std::string level;
  std::string process;
  std::string thread;
  std::string message;
};

// Requires that the text is lines of the logger's form, each of them whole.
std::vector<log_line> lines_of(const std::string& text) {
  const test::pattern form(
      "([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}),([0-9]{3}) ([^ /]+):([0-9]+) ([A-Z]+) p:([0-9]+) "
      "t:([0-9]+): "
      "(.*)");
  std::vector<log_line> result;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    INFO(line);
    const auto parts = form.groups_in(line);
    REQUIRE(parts.size() == 8);
    result.push_back({parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6], parts[7]});
  }
  REQUIRE((text.empty() || text.back() == '\n'));
  return result;
}

log_line only_line_of(const std::function<void()>& work) {
  const auto result = lines_of(stderr_of(work));
  REQUIRE(result.size() == 1);
  return result[0];
}

// Local time is five and three quarter hours ahead of UTC while this lives.
class far_time_zone {
 public:
  far_time_zone() {
    if (const char* zone = std::getenv("TZ")) had_ = true, before_ = zone;
    ::setenv("TZ", "XYZ-5:45", 1);
    ::tzset();
  }
  far_time_zone(const far_time_zone&) = delete;
  far_time_zone& operator=(const far_time_zone&) = delete;
  ~far_time_zone() {
    if (had_) ::setenv("TZ", before_.c_str(), 1);
    else ::unsetenv("TZ");
    ::tzset();
  }

 private:
  bool had_ = false;
  std::string before_;
};

lines two_plans_with(int keys) {
  lines result(2);
  for (int i = 0; i != keys; ++i) result[0] += "key." + std::to_string(i) + ' ';
  result[1] = result[0];
  return result;
}

// Prints itself over two lines.
struct two_lines {
  int value = 0;
  friend bool operator==(const two_lines&, const two_lines&) = default;
  friend std::ostream& operator<<(std::ostream& out, const two_lines& index) { return out << "one\n" << index.value; }
};
struct two_lines_item {
  two_lines index;
};
struct two_lines_plan {
  std::vector<two_lines_item> items;
};

}  // namespace console_logger_test

template <>
struct std::hash<console_logger_test::two_lines> {
  std::size_t operator()(const console_logger_test::two_lines& index) const noexcept {
    return static_cast<std::size_t>(index.value);
  }
};

namespace console_logger_test {

TEST_CASE("the console logger writes time, place, level, process, thread and message on one line") {
  const auto plans = plans_of({"a b", "b a c"});
  std::size_t source_line = 0;

  const log_line line = only_line_of([&] {
    source_line = __LINE__ + 1;
    static_cast<void>(dcp::dedup_tensors(plans, {.log = dcp::console_logger()}));
  });

  REQUIRE(line.file == "console_logger.cpp");
  REQUIRE(line.line == std::to_string(source_line));
  REQUIRE(line.level == "INFO");
  REQUIRE(line.process == std::to_string(::getpid()));
  REQUIRE(line.message == "Duplicate keys to remove: {1: ['b', 'a']}");
}

TEST_CASE("the console logger writes nothing where nothing is removed") {
  REQUIRE(stderr_of([] {
            static_cast<void>(dcp::dedup_tensors(plans_of({"a", "b"}), {.log = dcp::console_logger()}));
          }).empty());
}

TEST_CASE("the console logger names the file without its folders") {
  const auto logger = dcp::console_logger();
  const auto file_for = [&](const char* path) {
    return only_line_of([&] { logger({dcp::log_level::info, "text", {path, 7}}); }).file;
  };

  REQUIRE(file_for("/home/a b/src/save.cpp") == "save.cpp");
  REQUIRE(file_for("src/save.cpp") == "save.cpp");
  REQUIRE(file_for("save.cpp") == "save.cpp");
  REQUIRE(file_for(R"(C:\src\save.cpp)") == "save.cpp");
  REQUIRE(file_for(R"(C:\src/deep\save.cpp)") == "save.cpp");
}

TEST_CASE("the console logger names each level as Python does") {
  const auto logger = dcp::console_logger();
  const auto name_of = [&](dcp::log_level level) {
    return only_line_of([&] { logger({level, "text", {"save.cpp", 7}}); }).level;
  };

  REQUIRE(name_of(dcp::log_level::debug) == "DEBUG");
  REQUIRE(name_of(dcp::log_level::info) == "INFO");
  REQUIRE(name_of(dcp::log_level::warning) == "WARNING");
  REQUIRE(name_of(dcp::log_level::error) == "ERROR");
  REQUIRE(name_of(static_cast<dcp::log_level>(4)) == "INFO");  // none of the levels
}

TEST_CASE("the console logger's time is the local time of the call") {
  const far_time_zone zone;
  const auto milliseconds_now = [] {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  };
  const auto logger = dcp::console_logger();

  const auto before = milliseconds_now();
  const log_line line = only_line_of([&] { logger({dcp::log_level::info, "text", {"save.cpp", 7}}); });
  const auto after = milliseconds_now();

  std::tm parts{};
  REQUIRE(std::sscanf(line.time.c_str(), "%d-%d-%d %d:%d:%d", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                      &parts.tm_hour, &parts.tm_min, &parts.tm_sec) == 6);
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const auto logged = static_cast<long long>(std::mktime(&parts)) * 1000 + std::stoi(line.milliseconds);
  REQUIRE(logged >= before);
  REQUIRE(logged <= after);
}

TEST_CASE("a line's time has three digits of milliseconds, also at the beginning of a second") {
  // On a busy machine the first tenth of a second may be over before the line is written: then the next one will do.
  for (std::string milliseconds = "1"; milliseconds[0] != '0';) {
    std::this_thread::sleep_until(std::chrono::ceil<std::chrono::seconds>(std::chrono::system_clock::now()));
    milliseconds = only_line_of([] {
                     dcp::console_logger()({.message = "now", .where = dcp::source_location::current()});
                   }).milliseconds;
    REQUIRE(milliseconds.size() == 3);
  }
}

TEST_CASE("a line feed in a message stays on the line, as \\n") {
  const std::vector<two_lines_plan> plans{{{{{1}}}}, {{{{1}}}}};

  const log_line line =
      only_line_of([&] { static_cast<void>(dcp::find_duplicates(plans, {.log = dcp::console_logger()})); });

  REQUIRE(line.message == R"(Duplicate keys to remove: {1: [one\n1]})");
}

TEST_CASE("a long list of keys does not make a long line, unless the bound is lifted") {
  const auto plans = plans_of(two_plans_with(20'000));
  const auto logged = [&](const dcp::options& options) {
    return stderr_of([&] { static_cast<void>(dcp::find_duplicates(plans, options)); });
  };

  const std::string bounded = logged({.log = dcp::console_logger()});
  REQUIRE(bounded.size() < 65 * 1024);
  REQUIRE(test::contains(bounded, "'key.0', 'key.1', "));
  REQUIRE(bounded.ends_with(" more]}\n"));

  const std::string tight = logged({.log = dcp::console_logger(), .max_message = 40});
  REQUIRE(tight.ends_with("Duplicate keys to remove: {1: ['key.0', 19999 more]}\n"));

  const std::string whole = logged({.log = dcp::console_logger(), .max_message = ~std::size_t{0}});
  REQUIRE(whole.size() > 20'000 * 10);
  REQUIRE(whole.ends_with(", 'key.19999']}\n"));
}

// The threads do nothing but log, so that they get into each other's way.
TEST_CASE("lines of many threads come out whole, each with the number of its thread") {
  constexpr unsigned threads = 8;
  constexpr unsigned calls = 2000;
  const dcp::logger logger = dcp::console_logger();
  const std::string message(200, 'x');
  std::vector<std::string> thread_ids(threads);

  const std::string text = stderr_of([&] {
    std::atomic<unsigned> ready = 0;
    std::vector<std::thread> running;
    for (unsigned i = 0; i != threads; ++i)
      running.emplace_back([&, i] {
#if defined(__linux__)
        thread_ids[i] = std::to_string(::syscall(SYS_gettid));
#endif
        const dcp::log_record record{dcp::log_level::info, message, {"save.cpp", i}};
        for (++ready; ready != threads;) std::this_thread::yield();
        for (unsigned call = 0; call != calls; ++call) logger(record);
      });
    for (std::thread& each : running) each.join();
  });

  const auto logged = lines_of(text);
  REQUIRE(logged.size() == threads * calls);
  std::map<std::string, std::set<std::string>> ids_by_caller;
  std::set<std::string> messages;
  for (const log_line& line : logged) {
    ids_by_caller[line.line].insert(line.thread);
    messages.insert(line.message);
  }
  REQUIRE(messages == std::set{message});
  REQUIRE(ids_by_caller.size() == threads);
  std::set<std::string> ids;
  for (const auto& [caller, its_ids] : ids_by_caller) {
    REQUIRE(its_ids.size() == 1);
    ids.insert(*its_ids.begin());
#if defined(__GLIBC__)
    REQUIRE(*its_ids.begin() == thread_ids[std::stoul(caller)]);
#endif
  }
  REQUIRE(ids.size() == threads);
}

}  // namespace console_logger_test
