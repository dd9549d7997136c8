// Random plan lists in which some replicas disagree: what the check finds is what a slow, obvious model
// finds.

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../policies.hpp"
#include "../rounds.hpp"

namespace check_replicas_random_test {

struct item {
  std::uint32_t index = 0;
  int data = 0;
  [[nodiscard]] std::uint64_t storage_size() const { return index % 5; }
  friend bool operator==(const item&, const item&) = default;
};

template <class Items>
struct plan {
  Items items;
  friend bool operator==(const plan&, const plan&) = default;
};

using place = std::tuple<std::string, std::size_t, std::size_t, std::size_t, std::size_t>;

// -------------------------------------------------------------------------------------------------------- random lists

class random_lists {
 public:
  explicit random_lists(std::uint64_t seed) : engine_(seed) {}

  // Of replicas, and of plans that are their own; in some lists no item disagrees, in some a few do, in some very many.
  template <class Items>
  std::vector<plan<Items>> next() {
    const std::size_t one_in = std::size_t{1} << below(9);
    const bool all_agree = below(4) == 0;
    const auto range = static_cast<std::uint32_t>(1 + below(40));
    std::vector<plan<Items>> plans(below(8));
    std::vector<item> model;
    for (plan<Items>& each : plans) {
      if (model.empty() || below(3) == 0) {
        model.clear();
        for (std::size_t left = below(25); left != 0; --left)
          model.push_back({static_cast<std::uint32_t>(below(range)), 0});
      } else if (below(3) == 0) {
        std::rotate(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(below(model.size())), model.end());
      }
      for (item it : model) {
        if (!all_agree && below(one_in) == 0) it.data = 1 + static_cast<int>(below(2));
        each.items.push_back(it);
      }
    }
    return plans;
  }

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }

  std::mt19937_64 engine_;
};

// ----------------------------------------------------------------------------------------------------------- the model

// All conflicts of the plans, where `found` tells who writes each index.
template <class Plans>
std::vector<place> model(const Plans& plans, const dcp::duplicates& found) {
  struct written {
    std::size_t plan;
    std::size_t position;
    int data;
  };
  const auto for_all = [&](auto visit) {  // each item, with its place and whether it stays
    for (std::size_t rank = 0; rank != plans.size(); ++rank) {
      std::size_t position = 0;
      for (const item& it : plans[rank].items) {
        const auto here = found.in(rank);
        const bool goes =
            std::any_of(here.begin(), here.end(), [&](const auto& each) { return each.position == position; });
        visit(it, rank, position, !goes);
        ++position;
      }
    }
  };
  std::map<std::uint32_t, written> writers;
  for_all([&](const item& it, std::size_t rank, std::size_t position, bool stays) {
    if (stays) writers[it.index] = {rank, position, it.data};
  });
  std::vector<place> conflicts;
  for_all([&](const item& it, std::size_t rank, std::size_t position, bool) {
    const written& writer = writers.at(it.index);
    if (it.storage_size() != 0 && it.data != writer.data)
      conflicts.emplace_back(std::to_string(it.index), rank, position, writer.plan, writer.position);
  });
  return conflicts;
}

// Compares one list, by one policy; returns how many conflicts it has.
template <class Plans>
std::size_t compare_with_model(const Plans& plans, const dcp::keep_policy& keep) {
  const dcp::duplicates found = dcp::find_duplicates(plans, {.keep = keep});
  std::vector<place> expected = model(plans, found);
  const std::size_t count = expected.size();
  expected.resize(std::min<std::size_t>(count, 10));

  const dcp::options settings{.keep = keep, .check_replicas = true};
  Plans argument = plans;
  std::optional<dcp::conflict_error> thrown;
  try {
    const auto result = dcp::dedup_tensors(std::move(argument), settings);
    REQUIRE(result == dcp::dedup_tensors(plans, {.keep = keep}));
    REQUIRE(dcp::find_duplicates(plans, settings) == found);
  } catch (const dcp::conflict_error& error) {
    thrown = error;
    REQUIRE(argument == plans);
  }
  REQUIRE(thrown.has_value() == (count != 0));
  if (thrown) {
    REQUIRE(thrown->count == count);
    std::vector<place> listed;
    for (const dcp::conflict& each : thrown->conflicts)
      listed.emplace_back(each.index, each.plan, each.position, each.keeper, each.keeper_position);
    REQUIRE(listed == expected);
  }
  return count;
}

template <class Items>
void compare_lists(std::uint64_t first_seed, std::uint64_t all) {
  const std::uint64_t count = test::rounds(all);
  std::uint64_t clean = 0;
  std::uint64_t long_ones = 0;
  for (std::uint64_t seed = first_seed; seed != first_seed + count; ++seed) {
    INFO("seed " << seed);
    const auto plans = random_lists(seed).next<Items>();
    const std::size_t conflicts = compare_with_model(plans, dcp::keep::first);
    // Who writes makes no difference to whether there are any.
    REQUIRE((compare_with_model(plans, test::keep_last) == 0) == (conflicts == 0));
    clean += conflicts == 0 ? 1 : 0;
    long_ones += conflicts > 10 ? 1 : 0;
  }
  // The lists are of each kind.
  REQUIRE(clean > count / 10);
  REQUIRE(long_ones > count / 10);
}

TEST_CASE("in random plan lists the check finds the conflicts that the reference model finds") {
  compare_lists<std::vector<item>>(1'000'000, 10'000);
}

TEST_CASE("in random plan lists the check finds the conflicts that the reference model finds, for items in lists") {
  compare_lists<std::list<item>>(2'000'000, 3'000);
}

}  // namespace check_replicas_random_test
