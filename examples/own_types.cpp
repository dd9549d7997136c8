// Plans, items and indices of your own, with other member names and a hash of your own. Nothing is copied or converted.
//
//     c++ -std=c++20 -O2 -Iinclude examples/own_types.cpp -o own_types

#include <dcp/dedup_tensors.hpp>

#include <cstdint>
#include <deque>
#include <iostream>
#include <string>
#include <vector>

namespace trainer {

struct shard_key {
  std::string parameter;
  std::uint64_t first_byte = 0;

  bool operator==(const shard_key&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const shard_key& key) {  // optional: the log prints keys with it
    return out << key.parameter << '@' << key.first_byte;
  }
};

struct write_request {
  shard_key key;
  std::uint64_t bytes = 0;
};

struct rank_requests {
  std::string host;
  std::deque<write_request> writes;
};

}  // namespace trainer

template <>
struct std::hash<trainer::shard_key> {
  std::size_t operator()(const trainer::shard_key& key) const noexcept {
    return std::hash<std::string>{}(key.parameter) * 31 + key.first_byte;  // the library mixes the bits itself
  }
};

template <>
struct dcp::save_plan_traits<trainer::rank_requests> {
  static auto& items(auto& plan) { return plan.writes; }  // for a const plan too
};

template <>
struct dcp::write_item_traits<trainer::write_request> {
  static const trainer::shard_key& index(const trainer::write_request& item) { return item.key; }
};

int main() {
  std::vector<trainer::rank_requests> plans = {
      {"node-a", {{{"embedding", 0}, 4096}, {{"norm", 0}, 64}}},
      {"node-b", {{{"embedding", 4096}, 4096}, {{"norm", 0}, 64}}},
  };

  plans = dcp::dedup_tensors(std::move(plans));

  for (const auto& plan : plans)
    for (const auto& item : plan.writes) std::cout << plan.host << " writes " << item.key << '\n';
}
