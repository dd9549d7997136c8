// A C function over flat arrays that says which items of a PyTorch job's plans are kept. pytorch_planner.py calls it.
//
//     c++ -std=c++20 -O2 -shared -fPIC -Iinclude examples/pytorch_planner.cpp -o examples/libpytorch_planner.so

#include <dcp/balanced.hpp>
#include <dcp/coverage.hpp>
#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" {
/// A write item: the numbers of its name, of its index's offset, and of what it writes. Equal numbers mean equal things.
struct dcp_item {
  std::uint32_t name;
  std::uint32_t offset;  ///< a shape; number 0 is an index without an offset
  std::uint32_t data;
};

/// What an item writes: numbers of shapes, and of a text for the dtype.
struct dcp_data {
  std::int64_t type;                   ///< the value of PyTorch's WriteItemType
  std::uint64_t dtype;                 ///< a text; 0, which is a name: it is no tensor
  std::uint64_t offsets, sizes, size;  ///< of the chunk, and of the whole tensor
  std::int64_t bytes;                  ///< -1: not known
};

/// All plans, in arrays of the caller's. `*_ends` says where each plan, text or shape ends.
struct dcp_plans {
  const dcp_item* items;
  const std::uint64_t* plan_ends;
  const dcp_data* data;
  const char* texts;  ///< names, and dtypes
  const std::uint64_t* text_ends;
  const std::int64_t* extents;  ///< of shapes
  const std::uint64_t* shape_ends;
  std::uint64_t plans, data_size;
};
}

namespace {

struct chunk_of_tensor {
  std::span<const std::int64_t> offsets, sizes, size;
  std::string_view dtype;
};

struct described {
  std::int64_t type;
  std::optional<std::int64_t> bytes;
  std::optional<chunk_of_tensor> chunk;  // of a tensor alone
};

struct item {
  std::pair<std::string_view, std::uint32_t> index;
  const described* data;

  [[nodiscard]] std::optional<std::int64_t> storage_size() const { return data->bytes; }
  [[nodiscard]] const std::optional<chunk_of_tensor>& chunk() const { return data->chunk; }
  friend bool operator==(const item&, const item&) = default;  // equal data has one number
};

template <class Element>
std::span<const Element> part(const Element* all, const std::uint64_t* ends, std::uint64_t number) {
  return {all + (number == 0 ? 0 : ends[number - 1]), all + ends[number]};
}

std::string text_of(std::span<const std::int64_t> shape) {
  std::string text;
  for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return '(' + text + ')';
}

std::string text_of(const described& data) {
  if (!data.chunk) return "an object" + (data.bytes ? " of " + std::to_string(*data.bytes) + " bytes" : std::string());
  const auto& [offsets, sizes, size, dtype] = *data.chunk;
  return (data.type == 2 ? "a shard " : "a tensor ") + std::string(dtype) + ' ' + text_of(sizes) + " at " +
         text_of(offsets) + " of " + text_of(size);
}

std::string text_of(const dcp::conflict_error& error, const std::vector<std::span<const item>>& plans) {
  std::string text = "dcp: items that should be replicas differ, " + std::to_string(error.count) + " in all:";
  for (const dcp::conflict& each : error.conflicts) {
    const item& differs = plans[each.plan][each.position];
    text += "\n  '" + std::string(differs.index.first) + "': rank " + std::to_string(each.plan) + " plans " +
            text_of(*differs.data) + ", rank " + std::to_string(each.keeper) + ' ' +
            text_of(*plans[each.keeper][each.keeper_position].data);
  }
  return text;
}

// Throws what the library throws; returns what is wrong with the plans, if they are to be checked.
std::string decide(const dcp_plans& in, bool balanced, double tolerance, bool check, std::uint8_t* kept) {
  const auto shape = [&](std::uint64_t number) { return part(in.extents, in.shape_ends, number); };
  const auto text = [&](std::uint64_t number) {
    const std::span<const char> letters = part(in.texts, in.text_ends, number);
    return std::string_view(letters.data(), letters.size());
  };
  std::vector<described> data;
  for (const dcp_data& each : std::span(in.data, in.data + in.data_size)) {
    data.push_back({each.type, {}, {}});
    if (each.bytes >= 0) data.back().bytes = each.bytes;
    if (each.dtype == 0) continue;
    data.back().chunk = {shape(each.offsets), shape(each.sizes), shape(each.size), text(each.dtype)};
  }
  std::vector<item> items;
  for (std::uint64_t plan = 0; plan != in.plans; ++plan)
    for (const dcp_item& each : part(in.items, in.plan_ends, plan))
      items.push_back({{text(each.name), each.offset}, &data[each.data]});
  std::vector<std::span<const item>> plans;
  for (std::uint64_t i = 0; i != in.plans; ++i) plans.push_back(part(items.data(), in.plan_ends, i));

  const dcp::keep_policy keep = balanced ? dcp::keep_policy(dcp::keep::balanced(tolerance)) : dcp::keep::first;
  std::string wrong;
  try {
    const dcp::duplicates found = dcp::find_duplicates(plans, {.keep = keep, .check_replicas = check});
    for (std::size_t i = 0; i != plans.size(); ++i)
      for (const dcp::duplicate each : found.in(i)) kept[(plans[i].data() - items.data()) + each.position] = 0;
  } catch (const dcp::conflict_error& error) {
    wrong = text_of(error, plans);
  }
  const dcp::coverage_report report = check ? dcp::check_coverage(plans) : dcp::coverage_report();
  return report.empty() ? wrong : wrong + (wrong.empty() ? "" : "\n") + report.what();
}

}  // namespace

/// The version of this interface.
extern "C" int dcp_pytorch_planner_version() { return 1; }

/// Sets `kept` to 0 for each redundant item. Returns null, or an error's text, which is valid until the thread's next call.
extern "C" const char* dcp_kept_items(const dcp_plans* plans, int balanced, double tolerance, int check,
                                      std::uint8_t* kept) {
  thread_local std::string wrong;
  try {
    wrong = decide(*plans, balanced != 0, tolerance, check != 0, kept);
  } catch (const std::exception& error) {
    wrong = error.what();
  }
  return wrong.empty() ? nullptr : wrong.c_str();
}
