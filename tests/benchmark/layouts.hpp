// The plan lists that the benchmark measures: 1,152 items a rank, as a Llama of 32 layers with its optimizer state
// plans them, in several parallel layouts and orders; for the ready-made types and for types of a caller's own.

#ifndef DCP_BENCHMARK_LAYOUTS_HPP
#define DCP_BENCHMARK_LAYOUTS_HPP

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace benchmark {

/// Ranks are numbered replica by replica, and shard by shard within each; the other orders are those that nobody tunes for.
enum class order { by_rank, plans_shuffled, shards_outer, scalars_last_plans_shuffled, items_shuffled };

struct layout {
  std::string name;
  std::size_t replicas;
  std::size_t shards;
  bool common_scalars = true;  // or each shard has its own
  order in = order::by_rank;
};

/// A caller's own types: a flat key with a plain hash over std::hash, little else in an item.
struct own_key {
  std::string name;
  std::int64_t offset = 0;

  bool operator==(const own_key&) const = default;
};

struct own_item {
  own_key key;
  std::uint64_t bytes = 0;
};

struct own_plan {
  std::vector<own_item> writes;
};

inline dcp::WriteItem make_item(dcp::SavePlan&, std::string name, std::optional<std::int64_t> row) {
  dcp::WriteItem item{.index = {std::move(name), row ? dcp::Size{*row, 0} : dcp::Size{}}};
  const dcp::Size chunk = row ? dcp::Size{512, 4096} : dcp::Size{};
  const dcp::Size whole = row ? dcp::Size{4096, 4096} : dcp::Size{};
  item.tensor_data = dcp::TensorWriteData{{*item.index.offset, chunk}, {}, whole};
  return item;
}

inline own_item make_item(own_plan&, std::string name, std::optional<std::int64_t> row) {
  return {{std::move(name), row.value_or(-1)}, row ? 512u * 4096u * 4u : 4u};
}

inline bool is_scalar(const dcp::WriteItem& item) { return item.index.offset->size() == 0; }
inline bool is_scalar(const own_item& item) { return item.key.offset == -1; }

inline std::vector<dcp::WriteItem>& items_of(dcp::SavePlan& plan) { return plan.items; }
inline std::vector<own_item>& items_of(own_plan& plan) { return plan.writes; }

template <class Plan>
void arrange(std::vector<Plan>& plans, const layout& like) {
  std::mt19937 random(7);
  if (like.in == order::shards_outer) {
    std::vector<Plan> arranged;
    for (std::size_t shard = 0; shard != like.shards; ++shard)
      for (std::size_t replica = 0; replica != like.replicas; ++replica)
        arranged.push_back(std::move(plans[replica * like.shards + shard]));
    plans = std::move(arranged);
  }
  for (Plan& plan : plans) {
    auto& items = items_of(plan);
    if (like.in == order::items_shuffled) std::shuffle(items.begin(), items.end(), random);
    if (like.in == order::scalars_last_plans_shuffled)
      std::stable_partition(items.begin(), items.end(), [](const auto& item) { return !is_scalar(item); });
  }
  if (like.in == order::plans_shuffled || like.in == order::scalars_last_plans_shuffled)
    std::shuffle(plans.begin(), plans.end(), random);
}

/// A quarter of the items are scalars, which all ranks have; the others are chunks that the replicas of a shard have.
/// Without common scalars and replicas every index is one plan's alone.
template <class Plan>
std::vector<Plan> make_plans(const layout& like) {
  constexpr const char* weights[] = {"attention.wq",    "attention.wk",    "attention.wv",
                                     "attention.wo",    "feed_forward.w1", "feed_forward.w2",
                                     "feed_forward.w3", "attention_norm",  "ffn_norm"};
  std::vector<Plan> plans;
  for (std::size_t replica = 0; replica != like.replicas; ++replica)
    for (std::size_t shard = 0; shard != like.shards; ++shard) {
      Plan plan;
      const auto row = static_cast<std::int64_t>(shard * 512);
      for (int layer = 0; layer != 32; ++layer)
        for (const char* weight : weights) {
          const std::string name = "layers." + std::to_string(layer) + '.' + weight + ".weight";
          items_of(plan).push_back(make_item(plan, name, row));
          items_of(plan).push_back(make_item(plan, "optim.state." + name + ".exp_avg", row));
          items_of(plan).push_back(make_item(plan, "optim.state." + name + ".exp_avg_sq", row));
          const std::string step = "optim.state." + name + ".step";
          items_of(plan).push_back(like.common_scalars ? make_item(plan, step, {}) : make_item(plan, step, row));
        }
      plans.push_back(std::move(plan));
    }
  arrange(plans, like);
  return plans;
}

}  // namespace benchmark

template <>
struct std::hash<benchmark::own_key> {
  std::size_t operator()(const benchmark::own_key& key) const noexcept {
    return std::hash<std::string>{}(key.name) ^ static_cast<std::size_t>(key.offset) * 0x9E3779B97F4A7C15u;
  }
};

template <>
struct dcp::save_plan_traits<benchmark::own_plan> {
  static auto& items(auto& plan) { return plan.writes; }
};

template <>
struct dcp::write_item_traits<benchmark::own_item> {
  static const benchmark::own_key& index(const benchmark::own_item& item) { return item.key; }
  static std::uint64_t storage_size(const benchmark::own_item& item) { return item.bytes; }
};

#endif  // DCP_BENCHMARK_LAYOUTS_HPP
