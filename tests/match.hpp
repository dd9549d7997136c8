// Regular expressions by POSIX: <regex> of GCC 12 gives warnings of its own where the sanitizers are on.

#ifndef DCP_TESTS_MATCH_HPP
#define DCP_TESTS_MATCH_HPP

#include <regex.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

class pattern {
 public:
  // Extended syntax; the whole text has to match.
  explicit pattern(const std::string& expression) {
    if (::regcomp(&compiled_, ("^(" + expression + ")$").c_str(), REG_EXTENDED) != 0)
      throw std::invalid_argument("no regular expression: " + expression);
  }
  pattern(const pattern&) = delete;
  pattern& operator=(const pattern&) = delete;
  ~pattern() { ::regfree(&compiled_); }

  // What its groups match, from the first; nothing if the text does not match. A pattern without groups: see `matches`.
  [[nodiscard]] std::vector<std::string> groups_in(const std::string& text) const {
    std::vector<::regmatch_t> found(compiled_.re_nsub + 1);
    std::vector<std::string> groups;
    if (::regexec(&compiled_, text.c_str(), found.size(), found.data(), 0) != 0) return groups;
    for (std::size_t i = 2; i < found.size(); ++i)
      groups.push_back(text.substr(static_cast<std::size_t>(found[i].rm_so),
                                   static_cast<std::size_t>(found[i].rm_eo - found[i].rm_so)));
    return groups;
  }

  [[nodiscard]] bool matches(const std::string& text) const {
    return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  ::regex_t compiled_{};
};

}  // namespace test

#endif  // DCP_TESTS_MATCH_HPP
