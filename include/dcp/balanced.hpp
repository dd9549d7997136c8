// SPDX-License-Identifier: MIT
//
// dcp::keep::balanced: the largest plan is as small as the holders of the indices allow, in long runs. A policy as any
// other:
//
//     plans = dcp::dedup_tensors(std::move(plans), {.keep = dcp::keep::balanced});        // within 1 % of the limit
//     plans = dcp::dedup_tensors(std::move(plans), {.keep = dcp::keep::balanced(0.05)});  // 5 %: longer runs

#ifndef DCP_BALANCED_HPP
#define DCP_BALANCED_HPP

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "dcp needs C++20: compile with -std=c++20 (MSVC: /std:c++20)"
#else

#include "dedup_tensors.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dcp {
inline namespace v0 {
namespace keep {

/// Makes the largest plan small. The limit is the least load at which the bytes of all indices could be spread over
/// their holders in fractions, or the largest index, where that is more.
///
/// - The largest plan has at most (1 + tolerance) times the limit, where a way is found to keep to it; with a tolerance
///   of 0 it is as small as is found. The tolerance makes runs of neighbouring indices with one keeper longer, and the
///   files that a rank opens fewer.
/// - Indices whose bytes are not known, or 0, stay all with one plan: the lowest that holds them all, or else, for each
///   set of holders, its lowest. (Generator states of several ranks, mixed, are a state that never was.)
/// - Small indices, of a sixteenth of the limit over their number, stay with one plan for each set. In a set where they
///   stand amid others over 8 times, and more than once in 64 indices, each stays with the one before it instead.
///
/// The result is the same on every platform; of equals the lowest plan and the first index come first. Complexity:
/// n log n in the indices and linear in their holders, a few times over. Throws std::invalid_argument if the items' type
/// tells no bytes, std::overflow_error if all together are 2^64 or more.
class balanced_policy {
 public:
  constexpr balanced_policy() = default;

  /// The same with another tolerance: 0.01 is 1 %. Throws std::invalid_argument if it is negative or not finite.
  [[nodiscard]] constexpr balanced_policy operator()(double tolerance) const;

  /// Of each shared index the plan that writes it.
  [[nodiscard]] std::vector<std::uint32_t> operator()(const shared_indices& shared) const;

 private:
  double tolerance_ = 0.01;
};

inline constexpr balanced_policy balanced{};

}  // namespace keep

namespace detail {

template <class Exception>
[[noreturn]] void refuse_to_balance(const char* message) {
#ifdef __cpp_exceptions
  throw Exception(message);
#else
  std::fprintf(stderr, "%s\n", message);
  std::abort();
#endif
}

// So many bytes and a share of them on top, at most 2^64 - 1. In integers: platforms differ in how they round.
constexpr std::uint64_t with_share(std::uint64_t bytes, double share) {
  constexpr std::uint64_t most = (std::numeric_limits<std::uint64_t>::max)();
  constexpr double unit = 1 << 20;
  const auto millionths = static_cast<std::uint64_t>((std::min)(share, unit) * unit);
  const std::uint64_t high = bytes >> 20;
  if (high != 0 && millionths > (most - bytes) / high) return most;
  return bytes + (std::min)(most - bytes, high * millionths + ((bytes % (1 << 20) * millionths) >> 20));
}

// First a flow: how many bytes of each set of holders each of them is to write, in fractions of an index. Then whole
// indices are given out by that, in their order. Last, what this leaves uneven is mended, two plans at a time.
class balancer {
 public:
  explicit balancer(const shared_indices& shared) : shared_(shared), sets_of_(shared.plans()), given_(shared.plans()) {}

  std::vector<std::uint32_t> choose(double tolerance) && {
    add_up();
    find_sets();
    spread();
    limit_ = capacity_;
    bound_ = with_share(limit_, tolerance);
    give_in_order((bound_ - limit_) / 2);  // the other half is for the ends of runs
    if (bound_ != limit_ && *std::max_element(load_.begin(), load_.end()) > bound_) give_in_order(0);
    std::vector<std::uint32_t> keepers = keepers_of_unknown();
    for (std::uint32_t plan = 0; plan != given_.size(); ++plan)
      for (const piece& each : given_[plan])
        for (const std::size_t index : each.indices) keepers[index] = plan;
    return keepers;
  }

 private:
  // What stays together: an index, or several small ones.
  struct piece {
    std::span<const std::uint32_t> holders = {};
    std::vector<std::size_t> indices = {};
    std::uint64_t bytes = 0;

    void add(std::size_t index, std::uint64_t its_bytes) { indices.push_back(index), bytes += its_bytes; }
  };
  struct holder_set : piece {
    std::vector<std::uint64_t> parts = {};  // the bytes that each holder is to write
  };

  [[nodiscard]] auto is_lighter() const {
    return [this](std::uint32_t a, std::uint32_t b) { return load_[a] < load_[b]; };
  }

  // -------------------------------------------------------------------------------------------- what there is to write

  void add_up() {
    const auto add = [&](std::uint64_t bytes) {
      if (bytes > (std::numeric_limits<std::uint64_t>::max)() - total_)
        refuse_to_balance<std::overflow_error>("dcp: the plans have 2^64 bytes or more to balance");
      total_ += bytes;
      capacity_ = (std::max)(capacity_, bytes);
    };
    for (std::size_t plan = 0; plan != shared_.plans(); ++plan)
      own_.push_back(shared_.own_bytes(plan)), add(own_[plan]);
    for (std::size_t index = 0; index != shared_.size(); ++index) add(shared_.bytes(index));
    capacity_ = (std::max)(capacity_, total_ / shared_.plans());
  }

  void find_sets() {
    std::unordered_map<std::string_view, std::size_t> numbers;  // by the bytes of the holders
    for (std::size_t index = 0; index != shared_.size(); ++index) {
      if (shared_.bytes(index) == 0) continue;
      const auto holders = std::as_bytes(shared_.holders(index));
      const std::string_view key(reinterpret_cast<const char*>(holders.data()), holders.size());
      const auto [found, is_new] = numbers.emplace(key, sets_.size());
      if (is_new) sets_.push_back({{shared_.holders(index)}});
      sets_[found->second].add(index, shared_.bytes(index));
    }
    // Those with the least choice come first.
    std::stable_sort(sets_.begin(), sets_.end(),
                     [](const holder_set& a, const holder_set& b) { return a.holders.size() < b.holders.size(); });
    for (std::size_t set = 0; set != sets_.size(); ++set)
      for (std::size_t at = 0; at != sets_[set].holders.size(); ++at)
        sets_of_[sets_[set].holders[at]].push_back({set, at});
  }

  [[nodiscard]] std::vector<std::uint32_t> keepers_of_unknown() const {
    std::vector<std::uint32_t> keepers(shared_.size());
    std::vector<std::uint32_t> all(shared_.plans());  // that hold each of them
    std::iota(all.begin(), all.end(), 0U);
    for (std::size_t index = 0; index != shared_.size(); ++index) {
      if (shared_.bytes(index) != 0) continue;
      const auto holders = shared_.holders(index);
      keepers[index] = holders.front();
      std::erase_if(all, [&](auto plan) { return !std::binary_search(holders.begin(), holders.end(), plan); });
    }
    if (!all.empty()) keepers.assign(shared_.size(), all.front());
    return keepers;
  }

  // ---------------------------------------------------------------------------------------- fractions: a maximum flow

  // Finds the parts, with no plan over the capacity, or else over the least for which there is a way. Of a set first the
  // plan that has room for all that is left, or else the emptiest: few plans write of it, and ranks open few files.
  void spread() {
    load_ = own_;
    for (holder_set& set : sets_) {
      set.parts.assign(set.holders.size(), 0);
      const auto holders = set.holders;
      for (std::uint64_t left = set.bytes; left != 0;) {
        const auto room = [&](std::uint32_t plan) { return capacity_ - (std::min)(capacity_, load_[plan]); };
        auto to = std::find_if(holders.begin(), holders.end(), [&](std::uint32_t plan) { return room(plan) >= left; });
        if (to == holders.end()) to = std::min_element(holders.begin(), holders.end(), is_lighter());
        const std::uint64_t bytes = room(*to) == 0 ? left : (std::min)(left, room(*to));
        set.parts[static_cast<std::size_t>(to - holders.begin())] += bytes;
        load_[*to] += bytes;
        left -= bytes;
      }
    }
    while (level()) continue;
  }

  // How a plan was reached: from which, by giving what part of a set for what other part.
  struct step {
    std::uint32_t from = 0;
    std::uint64_t* less = nullptr;  // none where the way begins
    std::uint64_t* more = nullptr;
  };

  // Moves bytes along chains of plans, found breadth first, from those over the capacity to those under it; or raises
  // it, if there are none. False if no plan is over it.
  bool level() {
    std::vector<step> steps(load_.size());
    std::vector<bool> plan_seen(load_.size()), set_seen(sets_.size());
    std::vector<std::uint32_t> queue;
    for (std::uint32_t plan = 0; plan != load_.size(); ++plan)
      if (load_[plan] > capacity_) queue.push_back(plan), plan_seen[plan] = true;
    if (queue.empty()) return false;
    bool has_room = false;
    std::uint64_t sum = 0;  // of the loads of all that are reached
    for (std::size_t next = 0; next != queue.size(); ++next) {
      const std::uint32_t plan = queue[next];
      sum += load_[plan];
      if (load_[plan] < capacity_) {
        has_room = true;
        std::uint64_t bytes = capacity_ - load_[plan];
        std::uint32_t first = plan;
        for (; steps[first].less != nullptr; first = steps[first].from) bytes = (std::min)(bytes, *steps[first].less);
        bytes = (std::min)(bytes, load_[first] - capacity_);
        load_[first] -= bytes;
        load_[plan] += bytes;
        for (std::uint32_t at = plan; at != first; at = steps[at].from)
          *steps[at].less -= bytes, *steps[at].more += bytes;
        continue;
      }
      for (const auto& [number, at] : sets_of_[plan]) {
        holder_set& set = sets_[number];
        if (set.parts[at] == 0 || set_seen[number]) continue;
        set_seen[number] = true;
        for (std::size_t to = 0; to != set.holders.size(); ++to) {
          const std::uint32_t holder = set.holders[to];
          if (plan_seen[holder]) continue;
          plan_seen[holder] = true;
          steps[holder] = {plan, &set.parts[at], &set.parts[to]};
          queue.push_back(holder);
        }
      }
    }
    // What these plans write, no other can: one of them at least their mean.
    if (!has_room) capacity_ = sum / queue.size() + (sum % queue.size() != 0);
    return true;
  }

  // ---------------------------------------------------------------------------------------------------- whole indices

  // The small indices of a set are one piece, or, where they would cut many runs, each part of the one before it.
  [[nodiscard]] std::vector<piece> pieces_of(const holder_set& set) const {
    const auto is_small = [&](std::size_t index) { return shared_.bytes(index) <= limit_ / 16 / shared_.size(); };
    std::size_t cuts = 0;
    for (std::size_t at = 1; at != set.indices.size(); ++at)
      cuts += is_small(set.indices[at - 1]) && !is_small(set.indices[at]);
    const bool cut_many = cuts > (std::max)(std::size_t{8}, set.indices.size() / 64);
    std::vector<piece> pieces;
    pieces.reserve(set.indices.size());
    piece* joined = nullptr;  // which small ones join, once there is one
    for (const std::size_t index : set.indices) {
      piece* const to = is_small(index) && joined != nullptr ? joined : &pieces.emplace_back(piece{set.holders});
      if (is_small(index) || cut_many) joined = to;
      to->add(index, shared_.bytes(index));
    }
    return pieces;
  }

  // Each to the plan of the one before, while half of it is within this plan's part, then to that with most of its part
  // left.
  void give_in_order(std::uint64_t more_than_limit) {
    capacity_ = limit_ + more_than_limit;
    spread();
    load_ = own_;
    for (auto& pieces : given_) pieces.clear();
    for (holder_set& set : sets_) {
      auto part = set.parts.begin();
      for (piece& each : pieces_of(set)) {
        if (*part < each.bytes - each.bytes / 2) part = std::max_element(set.parts.begin(), set.parts.end());
        *part -= (std::min)(*part, each.bytes);
        const std::uint32_t plan = set.holders[static_cast<std::size_t>(part - set.parts.begin())];
        load_[plan] += each.bytes;
        given_[plan].push_back(std::move(each));
      }
    }
    for (budget_ = 4'000'000; budget_ != 0 && mend();) continue;
  }

  // Evens out two plans, one of the fullest with the emptiest. False if no plan is over the bound, or none of these can:
  // others seldom make room for them, and where all are as full, to look at each pair takes longer than the rest.
  bool mend() {
    std::vector<std::uint32_t> order(load_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), is_lighter());
    if (load_[order.back()] <= bound_) return false;
    constexpr std::ptrdiff_t fullest = 8;
    const auto end = order.rbegin() + (std::min)(fullest, std::ssize(order));
    for (auto full = order.rbegin(); full != end && load_[*full] > limit_; ++full)
      for (auto light = order.begin(); load_[*light] < load_[*full]; ++light)
        if (even_out(*full, *light)) return true;
    return false;
  }

  // Moves a piece of the first plan to the second, or changes it for a smaller one, so that the larger of the two gets as
  // small as it can. False if it gets no smaller.
  bool even_out(std::uint32_t full, std::uint32_t light) {
    const std::uint64_t gap = load_[full] - load_[light];
    piece nothing;  // to move a piece is to change it for this
    std::vector<piece*> theirs = movable(light, full);
    theirs.insert(theirs.begin(), &nothing);
    std::uint64_t least = gap;  // what the larger of the two has more than the second has now
    piece* there = nullptr;
    piece* back = nullptr;
    auto at = theirs.begin();
    for (piece* mine : movable(full, light)) {
      // Half the gap makes the two even: the best are the last for which it is that or more, and the next.
      while (at + 1 != theirs.end() && at[1]->bytes + gap / 2 <= mine->bytes) ++at;
      for (auto other = at; other != theirs.end() && other - at < 2 && (*other)->bytes < mine->bytes; ++other) {
        const std::uint64_t moved = mine->bytes - (*other)->bytes;
        const std::uint64_t larger = (std::max)(moved, gap - (std::min)(gap, moved));
        if (larger < least) least = larger, there = mine, back = *other;
      }
    }
    if (there == nullptr) return false;
    load_[full] -= there->bytes - back->bytes;
    load_[light] += there->bytes - back->bytes;
    std::swap(*there, *back);
    if (back == &nothing) given_[light].push_back(std::move(nothing));
    return true;
  }

  // The smallest first.
  std::vector<piece*> movable(std::uint32_t from, std::uint32_t to) {
    std::vector<piece*> found;
    for (piece& each : given_[from])
      if (std::binary_search(each.holders.begin(), each.holders.end(), to)) found.push_back(&each);
    std::stable_sort(found.begin(), found.end(), [](const piece* a, const piece* b) { return a->bytes < b->bytes; });
    budget_ -= (std::min)(budget_, given_[from].size());
    return found;
  }

  const shared_indices& shared_;
  std::vector<holder_set> sets_;
  std::vector<std::vector<std::pair<std::size_t, std::size_t>>> sets_of_;  // each plan, and its place in the holders
  std::vector<std::vector<piece>> given_;                                  // each plan
  std::vector<std::uint64_t> own_, load_;                                  // of each plan
  std::uint64_t total_ = 0, capacity_ = 0;
  std::uint64_t limit_ = 0, bound_ = 0;  // without and with the tolerance
  std::size_t budget_ = 0;               // of pieces that mend() may look at
};

}  // namespace detail

constexpr keep::balanced_policy keep::balanced_policy::operator()(double tolerance) const {
  if (!(tolerance >= 0 && tolerance <= (std::numeric_limits<double>::max)()))
    detail::refuse_to_balance<std::invalid_argument>("dcp: a tolerance is a finite number from 0 up");
  balanced_policy result;
  result.tolerance_ = tolerance;
  return result;
}

inline std::vector<std::uint32_t> keep::balanced_policy::operator()(const shared_indices& shared) const {
  if (shared.size() == 0) return {};
  if (!shared.bytes_known())
    detail::refuse_to_balance<std::invalid_argument>(
        "dcp: keep::balanced wants the bytes of the items: give write_item_traits<Item> a storage_size(item)");
  return detail::balancer(shared).choose(tolerance_);
}

}  // namespace v0
}  // namespace dcp

#endif  // C++20
#endif  // DCP_BALANCED_HPP
