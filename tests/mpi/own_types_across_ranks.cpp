// Plans, items and indices of many kinds, as users have them: on every rank the result is that of one machine.

#include <cctype>
#include <concepts>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include "patient_mpi.hpp"
#include "ranks.hpp"

namespace {

// An index of any type, by a member.
template <class Index>
struct item_of {
  Index index;
  int data = 0;
};

template <class Item>
struct plan_of {
  std::vector<Item> items;
};

// By functions, as protobuf has them.
struct message {
  std::string name;
  int data = 0;

  [[nodiscard]] const std::string& index() const { return name; }
  [[nodiscard]] std::int64_t storage_size() const { return data == 0 ? 0 : 8; }
};

class message_plan {
 public:
  [[nodiscard]] const std::list<message>& items() const { return items_; }
  std::list<message>* mutable_items() { return &items_; }

 private:
  std::list<message> items_;
};

// Its copy has another order, as that of a hash map may have.
struct reversing_list : std::list<test::item> {
  reversing_list() = default;
  reversing_list(const reversing_list& other) : std::list<test::item>(other.rbegin(), other.rend()) {}
  reversing_list(reversing_list&&) = default;
  reversing_list& operator=(const reversing_list&) = delete;
  reversing_list& operator=(reversing_list&&) = default;
};

struct reversing_plan {
  reversing_list items;
};

// Its copy has the same items object.
struct sharing_plan {
  std::shared_ptr<std::vector<test::item>> list = std::make_shared<std::vector<test::item>>();
};

// Each of its places has the same item.
template <class Item>
struct claimed_iterator {
  using value_type = std::remove_const_t<Item>;
  using difference_type = std::int64_t;
  difference_type at = 0;

  Item& operator*() const {
    static value_type item{"a"};
    return item;
  }
  Item& operator[](difference_type) const { return **this; }
  claimed_iterator& operator+=(difference_type by) { return at += by, *this; }
  claimed_iterator& operator-=(difference_type by) { return at -= by, *this; }
  claimed_iterator& operator++() { return *this += 1; }
  claimed_iterator& operator--() { return *this -= 1; }
  claimed_iterator operator++(int) { return {at++}; }
  claimed_iterator operator--(int) { return {at--}; }
  friend claimed_iterator operator+(claimed_iterator it, difference_type by) { return it += by; }
  friend claimed_iterator operator+(difference_type by, claimed_iterator it) { return it += by; }
  friend claimed_iterator operator-(claimed_iterator it, difference_type by) { return it -= by; }
  friend difference_type operator-(claimed_iterator a, claimed_iterator b) { return a.at - b.at; }
  friend auto operator<=>(const claimed_iterator&, const claimed_iterator&) = default;
};

// Only claims to have so many items.
class claimed_items {
 public:
  using iterator = claimed_iterator<test::item>;
  static_assert(std::random_access_iterator<iterator>);

  explicit claimed_items(std::int64_t count) : count_(count) {}
  [[nodiscard]] iterator begin() { return {0}; }
  [[nodiscard]] iterator end() { return {count_}; }
  [[nodiscard]] claimed_iterator<const test::item> begin() const { return {0}; }
  [[nodiscard]] claimed_iterator<const test::item> end() const { return {count_}; }
  iterator erase(iterator first, iterator) { return first; }

 private:
  std::int64_t count_;
};

struct claimed_plan {
  claimed_items items;
};

struct any_communicator {
  MPI_Comm comm;
  operator MPI_Comm() const { return comm; }
};

}  // namespace

template <>
struct dcp::save_plan_traits<sharing_plan> {
  static const std::vector<test::item>& items(const sharing_plan& plan) { return *plan.list; }
  static std::vector<test::item>& items(sharing_plan& plan) { return *plan.list; }
};

// A namespace that has functions of the library's names, which take anything.
namespace hostile {

struct item;
struct plan;

template <class Type>
concept ours =
    std::same_as<std::remove_cvref_t<Type>, item> || std::same_as<std::remove_cvref_t<Type>, plan> ||
    requires(const Type& values) { requires std::same_as<std::remove_cvref_t<decltype(values[0])>, item>; } ||
    requires(const Type& values) { requires std::same_as<std::remove_cvref_t<decltype(values[0])>, plan>; };

struct wrong {};

#define DCP_TESTS_HOSTILE(name)  \
  template <class... Types>      \
    requires(ours<Types> || ...) \
  void name(Types&&...) {        \
    throw wrong();               \
  }
DCP_TESTS_HOSTILE(append_number)
DCP_TESTS_HOSTILE(append_bytes)
DCP_TESTS_HOSTILE(append_ranks)
DCP_TESTS_HOSTILE(append_value)
DCP_TESTS_HOSTILE(append_key)
DCP_TESTS_HOSTILE(append_data)
DCP_TESTS_HOSTILE(append_index)
DCP_TESTS_HOSTILE(append_removed)
DCP_TESTS_HOSTILE(count_of)
DCP_TESTS_HOSTILE(for_each_part)
DCP_TESTS_HOSTILE(items_in)
DCP_TESTS_HOSTILE(answering)
DCP_TESTS_HOSTILE(ask)
DCP_TESTS_HOSTILE(is_null)
DCP_TESTS_HOSTILE(agree)
DCP_TESTS_HOSTILE(refuse_shared_items)
DCP_TESTS_HOSTILE(close_up)
DCP_TESTS_HOSTILE(read_plan)
DCP_TESTS_HOSTILE(raise)
DCP_TESTS_HOSTILE(erase_items)
DCP_TESTS_HOSTILE(find_duplicates)
DCP_TESTS_HOSTILE(dedup_tensors)
DCP_TESTS_HOSTILE(keepers_by)
DCP_TESTS_HOSTILE(move)
DCP_TESTS_HOSTILE(as_const)
DCP_TESTS_HOSTILE(forward)
DCP_TESTS_HOSTILE(exchange)
DCP_TESTS_HOSTILE(addressof)
#undef DCP_TESTS_HOSTILE

struct item {
  std::pair<std::string, int> index;
  int data = 0;
  [[nodiscard]] int storage_size() const { return 1; }
  friend bool operator==(const item&, const item&) = default;
};

struct plan {
  std::vector<item> items;
};

}  // namespace hostile

template <>
struct dcp::write_item_traits<hostile::item> {
  static void append_data(const hostile::item& item, std::string& bytes) { bytes += std::to_string(item.data); }
};

namespace {

int rank = 0;
int ranks = 0;

// What is left, in words, sorted: a copy may have another order.
template <class Plan>
std::string shown(const Plan& plan) {
  using reader = dcp::detail::reader_of<std::vector<Plan>>;
  std::set<std::string> words;
  for (const auto& each : dcp::detail::items_in(plan)) {
    std::string word;
    dcp::detail::append_index(word, reader::index(each), words.size());
    word +=
        '=' + std::to_string(dcp::detail::answering<dcp::detail::index_question, reader::is_entry>(each).data) + ' ';
    words.insert(word);
  }
  return std::accumulate(words.begin(), words.end(), std::string());
}

template <class Plan>
constexpr bool is_copied = std::copy_constructible<Plan>;
// `make(rank)` is the plan of a rank.
template <class Make>
void compare(test::program& tests, const std::string& name, const Make& make) {
  using Plan = decltype(make(0));
  for (const dcp::keep_policy& keep : {dcp::keep_policy(), dcp::keep_policy(test::last_holder)})
    for (const int few : {0, 64}) {
      tests.begin(name);
      const auto in_place = [&](Plan plan) {
        return dcp::detail::dedup_tensors(std::move(plan), MPI_COMM_WORLD, {.keep = keep}, {}, {.few = few});
      };
      std::vector<Plan> plans;
      for (int each = 0; each != ranks; ++each) plans.push_back(make(each));
      plans = dcp::dedup_tensors(std::move(plans), {.keep = keep});
      const std::string expected = shown(plans[static_cast<std::size_t>(rank)]);
      tests.check(shown(in_place(make(rank))) == expected, "is " + shown(in_place(make(rank))) + ", not " + expected);
      if constexpr (is_copied<Plan>) {
        const Plan plan = make(rank);
        const std::string before = shown(plan);
        const Plan result = dcp::dedup_tensors(plan, MPI_COMM_WORLD, {.keep = keep});
        tests.check(shown(result) == expected, "the copy is " + shown(result) + ", not " + expected);
        tests.check(shown(plan) == before, "the plan was changed");
      }
    }
}

// Of indices some that only this rank has, some that all have, and some that others have.
template <class Index>
void compare_indices(test::program& tests, const std::string& name, const std::vector<Index>& indices) {
  compare(tests, name, [&](int each) {
    plan_of<item_of<Index>> plan;
    for (std::size_t i = 0; i != indices.size(); ++i)
      if (i % 3 == 0 || static_cast<int>(i) % ranks >= each)
        plan.items.push_back({indices[i], each * 100 + static_cast<int>(i)});
    return plan;
  });
}

void indices(test::program& tests) {
  compare_indices<std::vector<std::string>>(tests, "lists of names",
                                            {{}, {""}, {"", ""}, {"a", "b"}, {"ab"}, {"ab", ""}, {"", "ab"}});
  compare_indices<std::tuple<std::string, std::optional<std::vector<int>>, bool>>(
      tests, "tuples",
      {{"a", {}, false},
       {"a", std::vector<int>{}, false},
       {"a", std::vector<int>{0}, false},
       {"a", std::vector<int>{0}, true},
       {"a", std::vector<int>{0, 0}, false}});
  compare_indices<std::string_view>(tests, "views", {"a", "b", "", "c"});
}

void plans(test::program& tests) {
  compare(tests, "pointers to plans", [](int each) {
    return std::make_unique<test::plan>(test::plan{{{"all", each}, {std::to_string(each), each}}});
  });
  compare(tests, "functions", [](int each) {
    message_plan plan;
    plan.mutable_items()->push_back({"all", each % 3});  // by the last number, of 0 bytes
    plan.mutable_items()->push_back({"all but the first", each % 2});
    plan.mutable_items()->push_back({"own " + std::to_string(each), 0});
    return plan;
  });
  compare(tests, "a list is a plan", [](int each) {
    return std::vector<test::item>{{"all", each, 0}, {"own " + std::to_string(each), each}, {"all", each, each}};
  });
  compare(tests, "a map is a plan", [](int each) {
    return std::map<std::string, test::item>{{"all", {"all", each}}, {std::to_string(each), {std::to_string(each), 1}}};
  });
  compare(tests, "a hostile namespace",
          [](int each) { return hostile::plan{{{{"all", 0}, each}, {{"own", each}, each}}}; });
  compare(tests, "a copy in another order", [](int each) {
    reversing_plan plan;
    for (int i = 0; i != 7; ++i) plan.items.push_back({std::to_string(i % 2 == 0 ? i : i + each * 10), i});
    return plan;
  });
}

void ranks_of_two_types(test::program& tests) {
  tests.begin("the ranks have plans of two types");
  const std::string mine = std::to_string(rank);
  const auto sizes_with = [&](const dcp::options& options) {
    return test::outcome_of([&] {
      if (rank % 2 == 0) return dcp::dedup_tensors(test::plan{{{"all"}, {mine}}}, MPI_COMM_WORLD, options).items.size();
      return dcp::dedup_tensors(plan_of<item_of<std::string_view>>{{{"all"}, {mine}}}, MPI_COMM_WORLD, options)
          .items.size();
    });
  };
  for (const dcp::keep_policy& keep : {dcp::keep_policy(), dcp::keep_policy(test::lowest_holder)})
    tests.check(sizes_with({.keep = keep}).value == (rank == 0 ? 2 : 1), "another result");
  if (ranks == 1) return;
  // One of them tells no data.
  const std::string error = sizes_with({.check_replicas = true}).error;
  tests.check(error.starts_with("invalid_argument: dcp: across ranks check_replicas needs "), error);
}

void too_many_items(test::program& tests) {
  tests.begin("2^32 - 1 items on all ranks together");
  const std::int64_t most = (std::int64_t{1} << 32) - 2;
  const auto error_of = [&](std::int64_t count) {
    return test::outcome_of(
               [&] { return dcp::dedup_tensors(claimed_plan{claimed_items(count)}, MPI_COMM_WORLD).items.end().at; })
        .error;
  };
  const std::string expected = "length_error: dcp: the plans have 2^32 - 1 items or more";
  std::string error = error_of(rank == ranks - 1 ? most + 1 : 0);
  tests.check(error == expected, "too many on one rank: " + error);
  error = error_of(rank == 0 ? most - ranks + 2 : 1);
  tests.check(error == expected, "too many together: " + error);
  error = error_of(std::numeric_limits<std::int64_t>::max());
  tests.check(error == expected, "as many as can be: " + error);
}

}  // namespace

int main(int count, char** words) {
  test::program tests(count, words);
  rank = test::rank_of(MPI_COMM_WORLD);
  ranks = test::size_of(MPI_COMM_WORLD);
  indices(tests);
  plans(tests);
  ranks_of_two_types(tests);
  too_many_items(tests);

  tests.begin("a copy that shares its items");
  sharing_plan shared;
  shared.list->push_back({"all", 0});
  const auto refused = test::outcome_of([&] { return dcp::dedup_tensors(shared, MPI_COMM_WORLD).list->size(); });
  tests.check(
      refused.error == "invalid_argument: dcp: a copy of the plans shares their items: pass the plans by std::move",
      refused.error);
  tests.check(shared.list->size() == 1, "the plan was changed");
  shared = dcp::dedup_tensors(std::move(shared), any_communicator{MPI_COMM_WORLD});
  tests.check(shared.list->size() == (rank == 0 ? 1 : 0), "the result differs");

  tests.begin("check_replicas in a hostile namespace");
  hostile::plan same{{{{"all", 0}, 1}}};
  const auto checked =
      test::outcome_of([&] { return dcp::dedup_tensors(same, MPI_COMM_WORLD, {.check_replicas = true}).items.size(); });
  tests.check(checked.value == (rank == 0 ? 1 : 0), checked.error);

  // Still the one-machine function.
  tests.begin("lists of plans, and {}");
  const std::map<int, test::plan> by_rank{{0, {{{"a"}}}}, {1, {{{"a"}}}}};
  tests.check(dcp::dedup_tensors(by_rank, {}).at(1).items.empty(), "a map of plans is a plan");
  return tests.end();
}
