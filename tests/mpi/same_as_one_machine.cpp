// The result on every rank is the one-machine result for the plans of all ranks: what stays, what is logged, which
// conflicts are reported. Random plans of many shapes, and the dumps that are given as arguments. (More types are in
// types_at_random.cpp.)

#include <dcp/save_plan.hpp>

#if __has_include(<dcp/balanced.hpp>)
#include <dcp/balanced.hpp>
#endif

#include <memory>
#include <random>
#include <tuple>

#include "../../examples/plan_dump.hpp"
#include "patient_mpi.hpp"
#include "ranks.hpp"

namespace {

// Behind a pointer, with an index of parts and functions for members.
struct parts_item {
  std::string name;
  std::vector<std::int32_t> offsets;
  std::int64_t data = 0;
  std::optional<std::int64_t> bytes = {};

  [[nodiscard]] auto storage_size() const { return bytes; }
};

struct parts_plan {
  std::vector<std::shared_ptr<parts_item>> items;

  friend bool operator==(const parts_plan&, const parts_plan&) = default;
};

}  // namespace

template <>
struct dcp::write_item_traits<parts_item> {
  static auto index(const parts_item& item) { return std::tie(item.name, item.offsets); }
  static void append_data(const parts_item& item, std::string& bytes) { bytes += std::to_string(item.data); }
  static bool same_data(const parts_item& a, const parts_item& b) { return a.data == b.data; }
};

namespace {

using random_numbers = std::mt19937_64;

std::uint64_t below(random_numbers& random, std::uint64_t end) { return random() % end; }

// The shape of a random list of plans.
struct shape {
  std::uint64_t keys;          // to choose from
  std::uint64_t most_items;    // a plan
  std::uint64_t one_of_empty;  // one plan of so many has no items
  std::uint64_t sizes;         // how many sizes there are
  std::uint64_t writes_none;   // one item of so many is known to write nothing
  std::uint64_t unknown;       // the bytes of one item of so many are not known
  std::uint64_t conflicts;     // one item of so many has other data than the rest; 0: none
};

shape random_shape(random_numbers& random) {
  constexpr std::uint64_t keys[] = {1, 4, 30, 300, 3000};
  constexpr std::uint64_t items[] = {1, 6, 40, 40, 120};
  constexpr std::uint64_t empty[] = {2, 5, 1000, 1000};
  constexpr std::uint64_t conflicts[] = {0, 0, 1, 7, 100};
  const bool nothing = below(random, 20) == 0;
  constexpr std::uint64_t odd[] = {1, 2, 5, 1000, 1000};
  return {keys[below(random, 5)],     items[below(random, 5)], nothing ? 1 : empty[below(random, 4)],
          1 + below(random, 6),       odd[below(random, 5)],   odd[below(random, 5)],
          conflicts[below(random, 5)]};
}

using known_size = std::optional<std::int64_t>;

std::string name_of(std::uint64_t key) { return std::string(key % 50 == 0 ? 300 : 3, 'n') + std::to_string(key); }

void fill(test::item& item, std::uint64_t key, known_size size, std::int64_t data) {
  item = {name_of(key), data, size};
}
void fill(std::shared_ptr<parts_item>& item, std::uint64_t key, known_size size, std::int64_t data) {
  // Names and offsets that would run into each other, were they put together as they are.
  const std::string names[] = {"a", std::string("a\1", 2), std::string("a\0", 2)};
  std::vector<std::int32_t> offsets(key % 4, -1);
  offsets.push_back(static_cast<std::int32_t>(key / 12));
  item = std::make_shared<parts_item>(parts_item{names[key / 4 % 3], offsets, data, size});
}
void fill(dcp::WriteItem& item, std::uint64_t key, known_size size, std::int64_t data) {
  const dcp::Size offsets[] = {{}, {0}, {0, 0}, {static_cast<std::int64_t>(key), 1}, {1, 1'000'000'000'000}};
  item.index.fqn = "layers." + std::to_string(key / 7);
  item.index.index = data;
  if (key % 7 < 5) {
    item.index.offset = offsets[key % 7];
    item.tensor_data = dcp::TensorWriteData{{offsets[key % 7], {size.value_or(7)}}, {}, {size.value_or(7)}};
    if (data % 5 == 1) item.tensor_data->properties.dtype = dcp::Dtype::bfloat16;
    if (data % 5 == 2) item.type = dcp::WriteItemType::SHARD;
    if (data % 5 == 3) item.tensor_data->size.push_back(1);
    if (data % 5 == 4) item.tensor_data.reset();
  } else {
    item.index.fqn += std::string(key % 7 - 5, '\0');
    item.type = dcp::WriteItemType::BYTE_IO;
    if (size) item.bytes_io_data = {*size == 0 ? 0 : *size + data};
  }
}

template <class Plan>
std::vector<Plan> random_plans(random_numbers& random, std::size_t count) {
  const shape is = random_shape(random);
  std::vector<Plan> plans(count);
  for (Plan& plan : plans) {
    const bool empty = below(random, is.one_of_empty) == 0;
    for (std::uint64_t left = empty ? 0 : below(random, is.most_items + 1); left != 0; --left) {
      using item_type = typename decltype(plan.items)::value_type;
      const std::uint64_t key = below(random, is.keys);
      const bool differs = is.conflicts != 0 && below(random, is.conflicts) == 0;
      const std::int64_t data = differs ? 1 + static_cast<std::int64_t>(below(random, 9)) : 0;
      known_size size = static_cast<std::int64_t>((key * 7919 % is.sizes + 1) * 100) + data % 3;
      if (below(random, is.unknown) == 0) size.reset();
      if (below(random, is.writes_none) == 0) size = 0;
      item_type item{};
      fill(item, key, size, data);
      plan.items.push_back(item);
    }
  }
  return plans;
}

const std::vector<dcp::keep_policy>& policies() {
  static const std::vector<dcp::keep_policy> all{
      dcp::keep::first,    test::lowest_holder,      test::last_holder,      test::round_robin,
#if __has_include(<dcp/balanced.hpp>)
      dcp::keep::balanced, dcp::keep::balanced(0.3), dcp::keep::balanced(0),
#endif
  };
  return all;
}

// Half of them with `keep::first`.
dcp::options random_options(random_numbers& random) {
  dcp::options options;
  if (below(random, 2) == 0) options.keep = policies()[below(random, policies().size())];
  options.check_replicas = below(random, 3) == 0;
  return options;
}

// `{1: ['a'], 4: ['b']}` is what the ranks 1 and 4 log, put together.
std::string joined(const std::vector<std::string>& messages) {
  const std::string begin = "Duplicate keys to remove: {";
  std::string text;
  for (const std::string& message : messages)
    if (message.size() > begin.size())
      text += (text.empty() ? "" : ", ") + message.substr(begin.size(), message.size() - begin.size() - 1);
  return text.empty() ? "" : begin + text + '}';
}

template <class Plan>
void compare(test::program& tests, const std::vector<Plan>& plans, MPI_Comm comm, dcp::options options,
             const dcp::detail::tuning& how) {
  const auto rank = static_cast<std::size_t>(test::rank_of(comm));
  options.max_message = std::string::npos;  // it bounds that of each rank by itself
  std::string expected_log;
  options.log = [&](const dcp::log_record& record) { expected_log = record.message; };
  const auto expected = test::outcome_of([&] { return dcp::dedup_tensors(plans, options); });

  std::string log;
  int line = 0;
  options.log = [&](const dcp::log_record& record) {
    tests.check(log.empty(), "the logger is called once");
    log = record.message;
    line = static_cast<int>(record.where.line());
  };
  // In place, and with the plan left as it was.
  for (const bool in_place : {true, false}) {
    Plan own = plans[rank];
    log.clear();
    const int here = __LINE__ + 3;
    const auto result = test::outcome_of([&] {
      const dcp::source_location where("", static_cast<std::uint_least32_t>(here));
      if (in_place) return dcp::detail::dedup_tensors(std::move(own), comm, options, where, how);
      return dcp::detail::dedup_tensors(own, comm, options, where, how);
    });
    tests.check(result.error == expected.error, "the error is: " + result.error + "\nand should be: " + expected.error);
    if (expected.value) tests.check(result.value && *result.value == (*expected.value)[rank], "the result differs");
    if (!in_place || !expected.value) tests.check(own == plans[rank], "the plan was changed");
    const std::string all = joined(test::all_texts(log, comm));
    tests.check(all == expected_log, "the log is: " + all + "\nand should be: " + expected_log);
    tests.check(log.empty() || line == here, "the log has another place");
  }
}

template <class Plan>
void compare_random(test::program& tests, const std::string& name, std::uint64_t seed) {
  random_numbers random(seed * 100 + sizeof(Plan) + name.size());  // so that each type gets other plans
  const int ranks = test::size_of(MPI_COMM_WORLD);
  // Half of them run on some of the ranks.
  const bool all = below(random, 2) == 0;
  const int members = all ? ranks : 1 + static_cast<int>(below(random, static_cast<std::uint64_t>(ranks)));
  const std::vector<Plan> plans = random_plans<Plan>(random, static_cast<std::size_t>(members));
  const dcp::options options = random_options(random);
  constexpr std::size_t pieces[] = {1, 2, 13, 100, 1000, 256 * 1024};
  constexpr int few[] = {0, 0, 64};
  std::size_t largest = 0;
  for (const Plan& plan : plans)
    largest = std::max(largest, static_cast<std::size_t>(std::distance(plan.items.begin(), plan.items.end())));
  // With one byte of hash, neighbours get many keys that only seem alike.
  constexpr std::size_t hash_bytes[] = {4, 1};
  const dcp::detail::tuning how{pieces[largest < 20 ? below(random, 6) : 3 + below(random, 3)], few[below(random, 3)],
                                hash_bytes[below(random, 2)]};

  tests.begin(name + ", seed " + std::to_string(seed));
  MPI_Comm comm = MPI_COMM_WORLD;
  const bool member = test::rank_of(MPI_COMM_WORLD) < members;
  if (members != ranks) MPI_Comm_split(MPI_COMM_WORLD, member ? 0 : MPI_UNDEFINED, 0, &comm);
  if (member) compare(tests, plans, comm, options, how);
  if (members != ranks && member) MPI_Comm_free(&comm);
}

void compare_dump(test::program& tests, const std::string& file) {
  const std::vector<dcp::SavePlan> dump = plan_dump::parse(plan_dump::read_bytes(file), file).plans;
  // As many plans as there are ranks; the second time round with other names for a part.
  std::vector<dcp::SavePlan> plans;
  for (std::size_t rank = 0; rank != static_cast<std::size_t>(test::size_of(MPI_COMM_WORLD)); ++rank) {
    plans.push_back(dump[rank % dump.size()]);
    if (rank >= dump.size())
      for (std::size_t i = 0; i < plans.back().items.size(); i += 3) plans.back().items[i].index.fqn += ".second";
  }
  for (std::size_t policy = 0; policy < policies().size(); policy += 2)
    for (const bool check : {false, true})
      for (const int few : {1, 64}) {
        tests.begin(file + " policy " + std::to_string(policy) + (check ? " check" : ""));
        compare(tests, plans, MPI_COMM_WORLD, {.keep = policies()[policy], .check_replicas = check}, {.few = few});
      }
}

void properties_that_may_differ(test::program& tests) {
  tests.begin("check_replicas does not look at deprecated properties");
  const int rank = test::rank_of(MPI_COMM_WORLD);
  dcp::SavePlan plan{.items = {{.index = {.fqn = "w"}, .tensor_data = dcp::TensorWriteData{}}}};
  dcp::TensorProperties& properties = plan.items[0].tensor_data->properties;
  properties.layout = rank == 0 ? dcp::Layout::strided : dcp::Layout::jagged;
  properties.requires_grad = properties.pin_memory = rank == 0;
  properties.memory_format = rank == 0 ? dcp::MemoryFormat::channels_last : dcp::MemoryFormat::preserve_format;
  const auto check = [&] {
    return test::outcome_of(
        [&] { return dcp::dedup_tensors(plan, MPI_COMM_WORLD, {.check_replicas = true}).items.size(); });
  };
  tests.check(check().value == (rank == 0 ? 1 : 0), check().error);
  properties.dtype = rank == 0 ? dcp::Dtype::float32 : dcp::Dtype::bfloat16;
  const std::string error = check().error;
  tests.check(error.starts_with("conflict_error") == (test::size_of(MPI_COMM_WORLD) > 1), error);
}

void public_function(test::program& tests) {
  tests.begin("the public function");
  const int rank = test::rank_of(MPI_COMM_WORLD);
  const test::plan plan{{{"all", 0}, {"own " + std::to_string(rank), 0}}, rank};
  test::plan expected = plan;
  if (rank != 0) expected.items.erase(expected.items.begin());

  dcp::log_record record;
  const auto log = [&](const dcp::log_record& logged) { record = logged; };
  const int line = __LINE__ + 1;
  const auto result = dcp::dedup_tensors(plan, MPI_COMM_WORLD, {.log = log});
  tests.check(result == expected, "the result differs");
  if (rank != 0) {
    tests.check(std::string_view(record.where.file_name()).ends_with("same_as_one_machine.cpp"), "the file differs");
    tests.check(record.where.line() == line, "the line differs");
  }
  test::plan moved = plan;
  moved = dcp::dedup_tensors(std::move(moved), MPI_COMM_WORLD);
  tests.check(moved == expected, "the result in place differs");

  const auto bounded = dcp::dedup_tensors(test::plan(plan), MPI_COMM_WORLD, {.log = log, .max_message = 3});
  tests.check(bounded == expected, "the result differs");
  if (rank != 0)
    tests.check(record.message == "Duplicate keys to remove: {" + std::to_string(rank) + ": [1 more]}", record.message);

  // Still the one-machine function.
  const std::vector<test::plan> plans{plan, plan};
  tests.check(dcp::dedup_tensors(plans, {})[1].items.empty(), "a list of plans and {} are no plan and communicator");
}

// Ranks of any kind have to agree on the owner of a key.
static_assert(dcp::detail::hash_of("") == 0xF52A15E9A9B5E89Bu);
static_assert(dcp::detail::hash_of("layers.0.weight") == 0xC4663C54D262F959u);

}  // namespace

// Arguments: how many seeds, the first seed, dumps.
int main(int count, char** words) {
  test::program tests(count, words);
  const std::uint64_t seeds = count > 1 ? std::stoull(words[1]) : 50;
  const std::uint64_t first = count > 2 ? std::stoull(words[2]) : 1;
  if (test::rank_of(MPI_COMM_WORLD) == 0)
    std::printf("seeds %llu to %llu\n", static_cast<unsigned long long>(first),
                static_cast<unsigned long long>(first + seeds - 1));

  public_function(tests);
  properties_that_may_differ(tests);
  for (int i = 3; i < count; ++i) compare_dump(tests, words[i]);
  for (std::uint64_t seed = first; seed != first + seeds; ++seed) {
    compare_random<test::plan>(tests, "strings", seed);
    compare_random<dcp::SavePlan>(tests, "SavePlan", seed);
    compare_random<parts_plan>(tests, "pointers, parts", seed);
  }
  return tests.end();
}
