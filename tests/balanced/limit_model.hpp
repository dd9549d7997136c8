// The least bytes of the largest plan that any choice of keepers could reach: computed slowly, to be seen to be right.

#ifndef DCP_TESTS_LIMIT_MODEL_HPP
#define DCP_TESTS_LIMIT_MODEL_HPP

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace test {

// Whether all can be written, in fractions of an index, with no plan over `capacity`: a maximum flow from the sets of
// holders to their plans, by one augmenting path after the other.
class fits_model {
 public:
  fits_model(const dcp::shared_indices& shared, std::uint64_t capacity) : room_(shared.plans(), capacity) {
    for (std::size_t plan = 0; plan != shared.plans(); ++plan) {
      fits_ = fits_ && shared.own_bytes(plan) <= capacity;
      if (fits_) room_[plan] -= shared.own_bytes(plan);
    }
    std::map<std::vector<std::uint32_t>, std::uint64_t> sets;
    for (std::size_t index = 0; index != shared.size(); ++index) {
      const auto holders = shared.holders(index);
      sets[{holders.begin(), holders.end()}] += shared.bytes(index);
    }
    for (const auto& [holders, bytes] : sets) {
      written_.emplace_back(shared.plans());
      holders_.push_back(holders);
      for (std::uint64_t left = bytes; fits_ && left != 0;) {
        std::vector<bool> visited(shared.plans());
        const std::uint64_t moved = write(holders_.size() - 1, left, visited);
        fits_ = moved != 0;
        left -= moved;
      }
    }
  }

  [[nodiscard]] bool fits() const { return fits_; }

 private:
  // Has up to so many bytes more of a set written, where need be in the place of other sets' bytes that go elsewhere.
  std::uint64_t write(std::size_t set, std::uint64_t bytes, std::vector<bool>& visited) {
    for (const std::uint32_t plan : holders_[set]) {
      if (visited[plan]) continue;
      visited[plan] = true;
      std::uint64_t moved = std::min(bytes, room_[plan]);
      room_[plan] -= moved;
      for (std::size_t other = 0; other != holders_.size() && moved == 0; ++other) {
        if (other == set || written_[other][plan] == 0) continue;
        moved = write(other, std::min(bytes, written_[other][plan]), visited);
        written_[other][plan] -= moved;
      }
      written_[set][plan] += moved;
      if (moved != 0) return moved;
    }
    return 0;
  }

  bool fits_ = true;
  std::vector<std::uint64_t> room_;                  // of each plan
  std::vector<std::vector<std::uint32_t>> holders_;  // of each set
  std::vector<std::vector<std::uint64_t>> written_;  // of each set, by each plan
};

// By bisection; or the largest single index, where that is more.
inline std::uint64_t limit_model(const dcp::shared_indices& shared) {
  std::uint64_t low = 0;   // is reached by no choice, or is the largest index
  std::uint64_t high = 0;  // fits
  for (std::size_t index = 0; index != shared.size(); ++index) {
    low = std::max(low, shared.bytes(index));
    high += shared.bytes(index);
  }
  for (std::size_t plan = 0; plan != shared.plans(); ++plan) high += shared.own_bytes(plan);
  while (low != high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (fits_model(shared, middle).fits()) high = middle;
    else low = middle + 1;
  }
  return high;
}

}  // namespace test

#endif  // DCP_TESTS_LIMIT_MODEL_HPP
