// For types at random, of indices, items and containers: the ranks get what one machine gives for the plans of all, or
// the same error, whether each passes its plan as an lvalue or an rvalue. Jobs of 1 rank to as many as there are.

#if __has_include(<dcp/balanced.hpp>)
#include <dcp/balanced.hpp>
#endif
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <concepts>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <ranges>
#include <set>
#include <tuple>

#include "patient_mpi.hpp"
#include "ranks.hpp"

namespace {

// -------------------------------------------------------------------------------------------------------- indices

enum class dtype : std::int8_t { half, full };

// Its equality counts one member more than PyTorch's MetadataIndex. Types used to be known by the names of their members: the
// third was ignored, and an index was lost.
struct sharded_index {
  std::string fqn;
  std::optional<std::vector<std::int64_t>> offset;
  int shard = 0;

  void append_key(std::string& bytes) const {
    bytes += std::to_string(shard) + ' ' + (offset ? std::to_string(offset->size()) : "none") + ' ' + fqn;
  }
  friend bool operator==(const sharded_index&, const sharded_index&) = default;
};

// Trivially copyable, with padding, and its equality leaves a member out. It used to be compared by its bytes, and an index
// was left twice.
struct hinted_index {
  std::int8_t kind = 0;
  std::int64_t number = 0;
  int hint = 0;

  void append_key(std::string& bytes) const { bytes += std::to_string(kind) + ' ' + std::to_string(number); }
  friend bool operator==(const hinted_index& a, const hinted_index& b) {
    return a.kind == b.kind && a.number == b.number;
  }
};

// Equal without regard to case. Where one ends does not show in its bytes.
struct caseless_text {
  std::string text;

  [[nodiscard]] std::string lower() const {
    std::string result = text;
    for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
  }
  void append_key(std::string& bytes) const { bytes += lower(); }
  friend bool operator==(const caseless_text& a, const caseless_text& b) { return a.lower() == b.lower(); }
};

// 0.0 and -0.0 are equal.
struct real_number {
  double value = 0;

  void append_key(std::string& bytes) const { bytes += std::to_string(value == 0 ? 0 : value); }
  friend bool operator==(const real_number&, const real_number&) = default;
};

// A list with a std::hash and an equality of its own: by the sum of its numbers.
struct summed_list : std::vector<int> {
  using std::vector<int>::vector;

  [[nodiscard]] int sum() const { return std::accumulate(begin(), end(), 0); }
  void append_key(std::string& bytes) const { bytes += std::to_string(sum()); }
  friend bool operator==(const summed_list& a, const summed_list& b) { return a.sum() == b.sum(); }
};

// The trait of its items tells how it is hashed, compared and sent.
struct traits_index {
  int number = 0;
  int hint = 0;
};

}  // namespace

template <>
struct std::hash<sharded_index> {
  std::size_t operator()(const sharded_index& index) const { return std::hash<std::string>{}(index.fqn); }
};
template <>
struct std::hash<hinted_index> {
  std::size_t operator()(const hinted_index& index) const { return static_cast<std::size_t>(index.number); }
};
template <>
struct std::hash<caseless_text> {
  std::size_t operator()(const caseless_text& index) const { return std::hash<std::string>{}(index.lower()); }
};
template <>
struct std::hash<real_number> {
  std::size_t operator()(const real_number& index) const { return std::hash<double>{}(index.value); }
};
template <>
struct std::hash<summed_list> {
  std::size_t operator()(const summed_list& index) const { return static_cast<std::size_t>(index.sum()); }
};

namespace {

using random_numbers = std::mt19937_64;

int below(random_numbers& random, int end) { return static_cast<int>(random() % static_cast<std::uint64_t>(end)); }

template <class Value>
void make(std::optional<Value>& index, int key, int noise);
template <class First, class Second>
void make(std::pair<First, Second>& index, int key, int noise);
template <class Range>
  requires requires(Range range) { range.emplace_back(); }
void make(Range& index, int key, int noise);

// Makes the index of a key. What equality leaves out is `noise`.
void make(int& index, int key, int) { index = key - 3; }
void make(dtype& index, int key, int) { index = static_cast<dtype>(key - 3); }
void make(std::string& index, int key, int) {
  index = std::string(static_cast<std::size_t>(key % 3), '\0') + 'k' + std::to_string(key);
}
void make(sharded_index& index, int key, int) {
  index = {key % 2 == 0 ? "w" : "b", std::vector<std::int64_t>(static_cast<std::size_t>(key / 2 % 3)), key / 6};
  if (key / 2 % 3 == 2) index.offset.reset();
}
void make(hinted_index& index, int key, int noise) { index = {static_cast<std::int8_t>(key % 3), key / 3, noise}; }
void make(caseless_text& index, int key, int noise) {
  index.text = std::string(static_cast<std::size_t>(key) + 1, noise % 2 == 0 ? 'a' : 'A');
}
void make(real_number& index, int key, int noise) { index.value = key == 0 && noise % 2 == 0 ? -0.0 : key * 0.5; }
void make(summed_list& index, int key, int noise) { index = {noise, key, -noise}; }
void make(traits_index& index, int key, int noise) { index = {key, noise}; }
void make(dcp::MetadataIndex& index, int key, int noise) {
  index = {.fqn = "layers." + std::to_string(key / 4), .index = noise};
  if (key % 4 != 0) index.offset = dcp::Size{};
  for (int dimension = 1; dimension < key % 4; ++dimension) index.offset->push_back(0);
}
template <class First, class Second>
void make(std::pair<First, Second>& index, int key, int noise) {
  make(index.first, key % 5, noise);
  make(index.second, key / 5, noise);
}
// (As texts of these lengths say where they end, they could be taken for one another.)
template <class First, class Second, class Third>
void make(std::tuple<First, Second, Third>& index, int key, int noise) {
  make(std::get<0>(index), key % 3, noise);
  make(std::get<1>(index), key / 3 % 3, noise + 1);
  make(std::get<2>(index), key / 9, noise);
}
template <class Value>
void make(std::optional<Value>& index, int key, int noise) {
  index.reset();
  if (key != 0) make(index.emplace(), key - 1, noise);
}
template <class Value>
void make(std::array<Value, 2>& index, int key, int noise) {
  make(index[0], key % 4, noise);
  make(index[1], key / 4, noise);
}
template <class Range>
  requires requires(Range range) { range.emplace_back(); }
void make(Range& index, int key, int noise) {
  index.clear();
  for (int bit = 0; bit != 6; ++bit)
    if ((key >> bit & 1) != 0) make(index.emplace_back(), bit, noise);
}
void make(std::set<std::uint16_t>& index, int key, int) {
  index.clear();
  for (int bit = 0; bit != 6; ++bit)
    if ((key >> bit & 1) != 0) index.insert(static_cast<std::uint16_t>(bit * 100));
}

// ---------------------------------------------------------------------------------------------------------- items

// How an item tells its bytes.
struct no_size {
  void set(std::optional<int>) {}
};
struct exact_size {
  std::int64_t size = 0;

  [[nodiscard]] std::int64_t storage_size() const { return size; }
  void set(std::optional<int> known) { size = known.value_or(1); }
};
struct optional_size {
  std::optional<std::uint16_t> storage_size;

  void set(std::optional<int> known) {
    storage_size.reset();
    if (known) storage_size = static_cast<std::uint16_t>(*known);
  }
};
// (Did not travel once: a rank kept its empty item, and the shard was lost.)
struct emptiness {
  bool empty = false;

  [[nodiscard]] bool writes_nothing() const { return empty; }
  void set(std::optional<int> known) { empty = known == 0; }
};

template <class Index, class Sized>
struct basic_item : Sized {
  Index index;
  int data = 0;

  void append_data(std::string& bytes) const { bytes += std::to_string(data); }
  [[nodiscard]] bool same_data(const basic_item& other) const { return data == other.data; }
};

// In a map: the key is the index.
template <class Sized>
struct mapped_item : Sized {
  int data = 0;

  void append_data(std::string& bytes) const { bytes += std::to_string(data); }
  friend bool operator==(const mapped_item& a, const mapped_item& b) { return a.data == b.data; }
};

// Cannot be compared across ranks.
template <class Index>
struct opaque_item : optional_size {
  static constexpr bool is_opaque = true;
  Index index;
  int data = 0;

  [[nodiscard]] bool same_data(const opaque_item& other) const { return data == other.data; }
};

}  // namespace

template <class Sized>
struct dcp::write_item_traits<basic_item<traits_index, Sized>> {
  using item = basic_item<traits_index, Sized>;
  static const traits_index& index(const item& it) { return it.index; }
  static std::size_t hash(const traits_index& index) { return static_cast<std::size_t>(index.number % 4); }
  static bool equal(const traits_index& a, const traits_index& b) { return a.number == b.number; }
  static void append_key(const traits_index& index, std::string& bytes) { bytes += std::to_string(index.number); }
};

namespace {

template <class Items>
struct plan {
  Items items;
};

// A plan in numbers.
struct numbered_item {
  int key = 0;
  int noise = 0;
  std::optional<int> bytes;  // if they are known
  int data = 0;
};
using numbered_plan = std::vector<numbered_item>;

void add(auto& items, const numbered_item& from) {
  using entry = std::ranges::range_value_t<decltype(items)>;
  const auto fill = [&](auto& item) {
    if constexpr (requires { item.index; }) make(item.index, from.key, from.noise);
    item.set(from.bytes);
    item.data = from.data;
  };
  if constexpr (requires { items.try_emplace({}); }) {
    std::remove_const_t<typename entry::first_type> key;
    make(key, from.key, from.noise);
    fill(items.try_emplace(key).first->second);
  } else {
    entry item{};
    if constexpr (requires { *item; }) {
      item = entry(new typename entry::element_type());
      fill(*item);
    } else fill(item);
    if constexpr (requires { items.push_front(std::move(item)); }) items.push_front(std::move(item));
    else items.push_back(std::move(item));
  }
}

template <class Plan>
Plan plan_of(const numbered_plan& numbered) {
  Plan result;
  for (const numbered_item& each : numbered) add(result.items, each);
  return result;
}

template <class Plan>
std::vector<Plan> plans_of(const std::vector<numbered_plan>& numbered) {
  std::vector<Plan> plans;
  for (const numbered_plan& each : numbered) plans.push_back(plan_of<Plan>(each));
  return plans;
}

// What a plan has, in words: its items in order, by what they do not share with their replicas too.
template <class Plan>
std::string shown(const Plan& plan) {
  std::string text;
  const auto show = [&](const auto& item, const auto& index) {
    std::string key;
    if constexpr (requires { index.append_key(key); }) index.append_key(key);
    else if constexpr (requires { index.number; }) key += std::to_string(index.number);
    else dcp::detail::append_value(key, index);
    text += key + '=' + std::to_string(item.data) + ' ';
  };
  for (const auto& each : plan.items) {
    if constexpr (requires { each.second.data; }) show(each.second, each.first);
    else if constexpr (requires { each->data; }) show(*each, each->index);
    else show(each, each.index);
  }
  return text;
}

std::vector<numbered_plan> random_plans(random_numbers& random, int count) {
  constexpr int key_counts[] = {1, 3, 9, 40, 40};
  constexpr int item_counts[] = {1, 4, 12, 30};
  constexpr int one_in[] = {1, 2, 4, 1000, 1000};
  const int keys = key_counts[below(random, 5)];
  const int most_items = item_counts[below(random, 4)];
  const int no_items = one_in[below(random, 4) + 1];
  const int known_empty = one_in[below(random, 5)];
  const int unknown = one_in[below(random, 5)];
  const int other_data = one_in[below(random, 4) + 1];
  std::vector<numbered_plan> plans(static_cast<std::size_t>(count));
  for (numbered_plan& plan : plans) {
    if (below(random, no_items) == 0) continue;
    for (int left = below(random, most_items + 1); left != 0; --left) {
      numbered_item item{below(random, keys), below(random, 3), {}, 0};
      if (below(random, known_empty) == 0) item.bytes = 0;
      else if (below(random, unknown) != 0) item.bytes = 1 + item.key * 7919 % 6 * 100 + below(random, 2);
      if (below(random, other_data) == 0) item.data = 1 + below(random, 3);
      plan.push_back(item);
    }
  }
  return plans;
}

// By the item that `keep::first` keeps.
std::vector<std::uint32_t> by_first(const dcp::shared_indices& shared) {
  std::vector<std::uint32_t> keepers;
  for (std::size_t i = 0; i != shared.size(); ++i) {
    const auto [plan, position] = shared.first(i);
    keepers.push_back(shared.holders(i)[(plan + position) % shared.holders(i).size()]);
  }
  return keepers;
}

dcp::options random_options(random_numbers& random) {
  const dcp::keep_policy policies[] = {
      dcp::keep::first,    dcp::keep::first,         test::lowest_holder,
      test::last_holder,   test::round_robin,        by_first,
#if __has_include(<dcp/balanced.hpp>)
      dcp::keep::balanced, dcp::keep::balanced(0.3),
#endif
  };
  return {.keep = policies[static_cast<std::size_t>(below(random, static_cast<int>(std::size(policies))))],
          .check_replicas = below(random, 3) == 0};
}

// ------------------------------------------------------------------------------------------------------ one list

// The communicators of the first rank, of the first two, and so on; MPI_COMM_NULL on the others.
std::vector<MPI_Comm> firsts;

template <class Plan>
void compare(test::program& tests, const char* type, std::uint64_t seed) {
  using item = std::ranges::range_value_t<decltype(Plan::items)>;
  random_numbers random(seed + dcp::detail::hash_of(type));  // each type gets other plans
  const int members = 1 + below(random, static_cast<int>(firsts.size()));
  const std::vector<numbered_plan> numbered = random_plans(random, members);
  dcp::options options = random_options(random);
  constexpr std::size_t pieces[] = {7, 100, 256 * 1024};
  const dcp::detail::tuning how{
      .piece = pieces[below(random, 3)], .few = below(random, 2) * 64, .hash_bytes = below(random, 2) == 0 ? 1U : 4U};
  const std::uint64_t as_lvalue = random();  // a bit for each rank
  const MPI_Comm comm = firsts[static_cast<std::size_t>(members) - 1];
  if (comm == MPI_COMM_NULL) return;
  const auto rank = static_cast<std::size_t>(test::rank_of(comm));
  tests.begin(std::string(type) + ", seed " + std::to_string(seed) + ", " + std::to_string(members) + " ranks");

  std::string expected_log;
  options.log = [&](const dcp::log_record& record) { expected_log = record.message; };
  auto expected = test::outcome_of([&] { return dcp::dedup_tensors(plans_of<Plan>(numbered), options); });
  if (options.check_replicas && requires { item::is_opaque; })
    expected = {{},
                "invalid_argument: dcp: across ranks check_replicas needs write_item_traits<Item>::append_data, or a "
                "member function of items"};

  Plan own = plan_of<Plan>(numbered[rank]);
  std::string log;
  options.log = [&](const dcp::log_record& record) { log = record.message; };
  const auto result = test::outcome_of([&] {
    if constexpr (std::copy_constructible<item>)
      if ((as_lvalue >> rank & 1) != 0) return dcp::detail::dedup_tensors(std::as_const(own), comm, options, {}, how);
    return dcp::detail::dedup_tensors(std::move(own), comm, options, {}, how);
  });
  tests.check(result.error == expected.error, "the error is: " + result.error + "\nand should be: " + expected.error);
  tests.check(result.value.has_value() == expected.value.has_value(), "only one of them has a result");
  if (!result.value || !expected.value) {
    tests.check(shown(own) == shown(plan_of<Plan>(numbered[rank])), "the plan was changed");
    return;
  }
  tests.check(shown(*result.value) == shown((*expected.value)[rank]),
              "it is " + shown(*result.value) + "\nand should be " + shown((*expected.value)[rank]));
  if ((as_lvalue >> rank & 1) != 0 && std::copy_constructible<item>)
    tests.check(shown(own) == shown(plan_of<Plan>(numbered[rank])), "the lvalue was changed");
  // `{1: [...], 2: [...]}` has the keys of each plan as that rank logs them.
  const std::string begin = "Duplicate keys to remove: {";
  if (!log.empty())
    tests.check(expected_log.find(log.substr(begin.size(), log.size() - begin.size() - 1)) != expected_log.npos,
                "the log is " + log + "\nand should be a part of " + expected_log);
}

}  // namespace

// Arguments: how many lists of plans a type, the first seed.
int main(int count, char** words) {
  test::program tests(count, words);
  const std::uint64_t lists = count > 1 ? std::stoull(words[1]) : 100;
  const std::uint64_t first = count > 2 ? std::stoull(words[2]) : 1;
  if (test::rank_of(MPI_COMM_WORLD) == 0)
    std::printf("seeds %llu to %llu\n", static_cast<unsigned long long>(first),
                static_cast<unsigned long long>(first + lists - 1));
  for (int members = 1; members <= test::size_of(MPI_COMM_WORLD); ++members) {
    const bool is_member = test::rank_of(MPI_COMM_WORLD) < members;
    MPI_Comm_split(MPI_COMM_WORLD, is_member ? 0 : MPI_UNDEFINED, 0, &firsts.emplace_back());
  }

  using std::deque, std::list, std::map, std::optional, std::pair, std::string, std::tuple, std::vector;
  for (std::uint64_t seed = first; seed != first + lists; ++seed) {
    const auto with = [&]<class Items>(const char* type, std::type_identity<Items>) {
      compare<plan<Items>>(tests, type, seed);
    };
#define DCP_TESTS_WITH(...) with(#__VA_ARGS__, std::type_identity<__VA_ARGS__>())
    DCP_TESTS_WITH(vector<basic_item<int, exact_size>>);
    DCP_TESTS_WITH(list<basic_item<dtype, emptiness>>);
    DCP_TESTS_WITH(deque<basic_item<string, no_size>>);
    DCP_TESTS_WITH(vector<basic_item<sharded_index, optional_size>>);
    DCP_TESTS_WITH(vector<basic_item<hinted_index, emptiness>>);
    DCP_TESTS_WITH(deque<basic_item<caseless_text, exact_size>>);
    DCP_TESTS_WITH(vector<std::unique_ptr<basic_item<real_number, optional_size>>>);
    DCP_TESTS_WITH(vector<std::shared_ptr<basic_item<summed_list, emptiness>>>);
    DCP_TESTS_WITH(list<basic_item<traits_index, optional_size>>);
    DCP_TESTS_WITH(vector<basic_item<pair<string, optional<string>>, no_size>>);
    DCP_TESTS_WITH(deque<basic_item<tuple<caseless_text, caseless_text, hinted_index>, emptiness>>);
    DCP_TESTS_WITH(vector<basic_item<std::array<dcp::MetadataIndex, 2>, exact_size>>);
    DCP_TESTS_WITH(list<basic_item<std::set<std::uint16_t>, optional_size>>);
    DCP_TESTS_WITH(vector<basic_item<optional<vector<real_number>>, emptiness>>);
    DCP_TESTS_WITH(map<pair<string, int>, mapped_item<optional_size>>);
    DCP_TESTS_WITH(vector<opaque_item<pair<dtype, optional<int>>>>);
#undef DCP_TESTS_WITH
  }
  for (MPI_Comm& comm : firsts)
    if (comm != MPI_COMM_NULL) MPI_Comm_free(&comm);
  return tests.end();
}
