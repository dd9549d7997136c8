// Plans of the plainest kind, made of words and shown as words: plans_of({"a b", "b c"}) are two plans of two items
// each.

#ifndef DCP_TESTS_PLANS_HPP
#define DCP_TESTS_PLANS_HPP

#include <compare>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

struct item {
  std::string index;
  int data = 0;  // tells apart the items that have an index in common

  friend auto operator<=>(const item&, const item&) = default;
  friend std::ostream& operator<<(std::ostream& out, const item& it) { return out << it.index << '=' << it.data; }
};

template <class Items>
struct basic_plan {
  Items items;
  int rank = 0;

  friend bool operator==(const basic_plan&, const basic_plan&) = default;
  friend std::ostream& operator<<(std::ostream& out, const basic_plan& self) {
    out << "plan " << self.rank << ':';
    for (const auto& it : self.items) out << ' ' << it;
    return out;
  }
};

using plan = basic_plan<std::vector<item>>;

// A line a plan, a word an item.
using lines = std::vector<std::string>;

// The items are numbered through all plans by their `data`, the plans by their `rank`.
template <class Plan = plan>
std::vector<Plan> plans_of(const lines& keys) {
  std::vector<Plan> plans;
  int data = 0;
  for (const std::string& line : keys) {
    std::vector<item> items;
    std::istringstream words(line);
    for (std::string word; words >> word;) items.push_back({word, data++});
    plans.push_back({decltype(Plan::items)(items.begin(), items.end()), static_cast<int>(plans.size())});
  }
  return plans;
}

// The indices of all plans, for items whose index is a string.
template <class Plans>
lines keys_of(const Plans& plans) {
  lines keys;
  for (const auto& each : plans) {
    std::string& line = keys.emplace_back();
    for (const auto& it : each.items) {
      if (!line.empty()) line += ' ';
      line += it.index;
    }
  }
  return keys;
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace test

#endif  // DCP_TESTS_PLANS_HPP
