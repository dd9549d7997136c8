// SPDX-License-Identifier: MIT
//
// dcp::keep::balanced: the largest plan is about as small as the holders of the indices allow, and neighbouring indices
// have the same keeper. A policy as any other:
//
//     plans = dcp::dedup_tensors(std::move(plans), {.keep = dcp::keep::balanced});        // a tolerance of 1 %
//     plans = dcp::dedup_tensors(std::move(plans), {.keep = dcp::keep::balanced(0.05)});  // 5 %: longer runs
//
// How it works. A piece is an index, or several small ones that stay together.
//
// 1. Each piece goes to its emptiest holder; pieces with the fewest holders come first, then the largest.
// 2. Chains of moves make the largest plan smaller: it gives pieces to a second plan, which makes room by giving pieces
//    to a third, and so on. Say that plan 0 writes pieces of 6 and 4 bytes, plan 1 a piece of 5, and plan 2 nothing.
//    Plan 1 has room for the 4 if it gives its 5 to plan 2. Now the plans write 6, 4 and 5 bytes.
// 3. All is given out again, in longer runs. In the order of the indices, each set of holders fills one plan after the
//    other, up to what step 2 reached and an eighth of the tolerance. Chains of moves bring plans under the tolerance
//    that have more. If they cannot, the result of step 2 counts.

#ifndef DCP_BALANCED_HPP
#define DCP_BALANCED_HPP

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "dcp needs C++20: compile with -std=c++20 (MSVC: /std:c++20)"
#else

#include "dedup_tensors.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dcp {
inline namespace v0 {
namespace keep {

/// Makes the largest plan small. Its limit is the least bytes that it could have if indices could be split among their
/// holders, or the bytes of the largest index, if these are more. Where indices are few, no choice may reach the limit.
///
/// - The largest plan has at most (1 + tolerance) times the limit, or else the least bytes that were found. With a larger
///   tolerance more neighbouring indices have the same keeper, and a rank opens fewer files.
/// - Small indices (at most a sixteenth of the limit over the number of indices) with the same holders stay together,
///   unless this makes the largest plan larger by more than the tolerance and 0.2 %. Where small and large indices take
///   turns more than 8 times, and more than once in 64 indices, each small one stays with the one before it instead.
/// - Indices of 0 or unknown bytes stay together: with a plan that holds them all, or else with one for each set of
///   holders; and with small indices of the same holders. (Generator states of several ranks must not be mixed.)
///
/// The result is the same on every platform; ties are broken by the lowest plan, then by the first index. Complexity:
/// n log n in the indices, linear in their holders. Throws std::invalid_argument if the items' type tells no bytes,
/// std::overflow_error if all together are 2^64 or more.
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

// (1 + share) times the bytes, at most 2^64 - 1. In integers: platforms differ in how they round.
constexpr std::uint64_t with_share(std::uint64_t bytes, double share) {
  constexpr std::uint64_t most = (std::numeric_limits<std::uint64_t>::max)();
  constexpr double unit = 1 << 20;
  const auto millionths = static_cast<std::uint64_t>((std::min)(share, unit) * unit);
  const std::uint64_t high = bytes >> 20;
  if (high != 0 && millionths > (most - bytes) / high) return most;
  return bytes + (std::min)(most - bytes, high * millionths + ((bytes % (1 << 20) * millionths) >> 20));
}

class balancer {
 public:
  explicit balancer(const shared_indices& shared) : shared_(shared), piece_of_(shared.size()) {}

  std::vector<std::uint32_t> choose(double tolerance) && {
    add_bytes();
    find_sets();
    const auto spread = [&](bool join_small) {
      make_pieces(join_small);
      give_largest_first();
      return lower_largest();
    };
    std::uint64_t least = spread(true);
    std::vector<std::uint32_t> best = keepers();
    if (const double leeway = (std::max)(tolerance, 1.0 / 512); least > with_share(limit_, leeway)) {
      if (const std::uint64_t apart = spread(false); least <= with_share(apart, leeway)) make_pieces(true);
      else least = apart, best = keepers();
    }
    const std::uint64_t most = (std::max)(least, with_share(limit_, tolerance));
    give_in_order(least + (most - least) / 8);  // the rest of the tolerance is for the ends of runs
    begin_to_move();
    return bring_under(most) ? keepers() : best;
  }

 private:
  // What stays together: an index, or several small ones. Its holders are those of index `set`, the first that has them.
  struct piece {
    std::uint64_t bytes;
    std::uint32_t set, keeper;
  };
  struct move {
    std::uint32_t number, from;  // the piece, and its keeper before
  };
  using plan_list = std::span<const std::uint32_t>;
  using index_set = std::span<const std::uint32_t>;  // with the same holders

  static constexpr unsigned longest_chain = 7;       // moves
  static constexpr std::size_t most_sets = 8;        // of holders: a plan tries to move one piece of each
  static constexpr std::size_t most_receivers = 10;  // for a piece: the emptiest of its holders

  [[nodiscard]] bool is_small(std::uint32_t index) const { return shared_.bytes(index) <= small_; }
  [[nodiscard]] plan_list holders(std::size_t number) const { return shared_.holders(pieces_[number].set); }
  [[nodiscard]] std::uint64_t largest() const { return *std::max_element(bytes_.begin(), bytes_.end()); }
  static bool contains(plan_list plans, std::uint32_t plan) {
    return std::binary_search(plans.begin(), plans.end(), plan);
  }
  [[nodiscard]] auto is_emptier() const {
    return [this](std::uint32_t a, std::uint32_t b) { return bytes_[a] != bytes_[b] ? bytes_[a] < bytes_[b] : a < b; };
  }
  [[nodiscard]] auto is_smaller() const {
    return [this](std::uint32_t a, std::uint32_t b) {
      return pieces_[a].bytes != pieces_[b].bytes ? pieces_[a].bytes < pieces_[b].bytes : a < b;
    };
  }
  [[nodiscard]] std::uint32_t emptiest(plan_list plans) const {
    return *std::min_element(plans.begin(), plans.end(), is_emptier());
  }

  // ---------------------------------------------------------------------------------------------------- the pieces

  void add_bytes() {
    std::uint64_t total = 0;
    const auto add = [&](std::uint64_t bytes) {
      if (bytes > ~total) raise(std::overflow_error("dcp: the plans have 2^64 bytes or more to balance"));
      total += bytes;
      limit_ = (std::max)(limit_, bytes);
    };
    for (std::size_t plan = 0; plan != shared_.plans(); ++plan)
      own_bytes_.push_back(shared_.own_bytes(plan)), add(own_bytes_[plan]);
    for (std::size_t index = 0; index != shared_.size(); ++index) add(shared_.bytes(index));
    limit_ = (std::max)(limit_, total / shared_.plans() + (total % shared_.plans() != 0));
    small_ = limit_ / 16 / shared_.size();
  }

  // The indices of each set of holders, the sets with the fewest holders first.
  void find_sets() {
    std::unordered_map<std::string_view, std::size_t> numbers;  // by the bytes of the holders
    std::string_view last_key;
    std::size_t number = 0;
    for (std::uint32_t index = 0; index != shared_.size(); ++index) {
      const auto bytes = std::as_bytes(shared_.holders(index));
      const std::string_view key(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      // Neighbours often have the same holders, and comparing is faster than hashing.
      if (key != last_key) number = numbers.try_emplace(key, sets_.size()).first->second;
      if (number == sets_.size()) sets_.emplace_back();
      sets_[number].push_back(index);
      last_key = key;
    }
    std::stable_sort(sets_.begin(), sets_.end(), [&](const auto& a, const auto& b) {
      return shared_.holders(a.front()).size() < shared_.holders(b.front()).size();
    });
  }

  void make_pieces(bool join_small) {
    pieces_.clear();
    pieces_.reserve(shared_.size());
    for (const auto& set : sets_) {
      std::size_t turns = 0;
      for (std::size_t at = 1; at != set.size(); ++at) turns += is_small(set[at - 1]) && !is_small(set[at]);
      const bool take_turns = turns > (std::max)(std::size_t{8}, set.size() / 64);
      std::optional<std::size_t> joined;  // by the next small index
      for (const std::uint32_t index : set) {
        if (shared_.bytes(index) == 0) continue;
        const bool joins = join_small && is_small(index);
        const std::size_t number = joins && joined ? *joined : pieces_.size();
        if (number == pieces_.size()) pieces_.push_back({0, set.front(), 0});
        if (joins || take_turns) joined = number;
        pieces_[number].bytes += shared_.bytes(index);
        piece_of_[index] = static_cast<std::uint32_t>(number);
      }
    }
  }

  // --------------------------------------------------------------------------------------------- who keeps a piece

  void give(std::size_t number, std::uint32_t plan) {
    pieces_[number].keeper = plan;
    bytes_[plan] += pieces_[number].bytes;
  }

  // Step 1.
  void give_largest_first() {
    bytes_ = own_bytes_;
    std::vector<std::uint32_t> order(pieces_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      const std::size_t holders_a = holders(a).size(), holders_b = holders(b).size();
      return holders_a != holders_b ? holders_a < holders_b : pieces_[a].bytes > pieces_[b].bytes;
    });
    for (const std::uint32_t number : order) give(number, emptiest(holders(number)));
  }

  // Step 3. A set fills the first holder that has room for all that is left of the set, or else the emptiest.
  void give_in_order(std::uint64_t capacity) {
    bytes_ = own_bytes_;
    const auto room = [&](std::uint32_t plan) { return capacity - (std::min)(capacity, bytes_[plan]); };
    for (std::size_t begin = 0, end = 0; begin != pieces_.size(); begin = end) {
      std::uint64_t left = 0;
      for (; end != pieces_.size() && pieces_[end].set == pieces_[begin].set; ++end) left += pieces_[end].bytes;
      const plan_list plans = holders(begin);
      std::optional<std::uint32_t> keeper;
      for (std::size_t number = begin; number != end; left -= pieces_[number++].bytes) {
        if (!keeper || room(*keeper) < pieces_[number].bytes - pieces_[number].bytes / 2) {
          const auto found = std::find_if(plans.begin(), plans.end(), [&](auto plan) { return room(plan) >= left; });
          keeper = found != plans.end() ? *found : emptiest(plans);
        }
        give(number, *keeper);
      }
    }
  }

  // The fullest plan, the plans that could keep its pieces, those that could keep theirs, and so on: no other plan can
  // write what these write, so the largest plan never has less than their mean.
  void raise_limit() {
    std::vector<bool> seen(bytes_.size());
    std::vector<std::uint32_t> plans;
    plans.push_back(static_cast<std::uint32_t>(std::max_element(bytes_.begin(), bytes_.end()) - bytes_.begin()));
    seen[plans[0]] = true;
    std::uint64_t sum = 0;
    for (std::size_t next = 0; next != plans.size(); ++next) {
      sum += bytes_[plans[next]];
      for (const std::uint32_t number : kept_[plans[next]])
        for (const std::uint32_t plan : holders(number))
          if (!seen[plan]) plans.push_back(plan), seen[plan] = true;
    }
    limit_ = (std::max)(limit_, sum / plans.size() + (sum % plans.size() != 0));
  }

  // ---------------------------------------------------------------------------------------------- chains of moves

  void begin_to_move() {
    kept_.assign(bytes_.size(), {});
    effort_ = 500'000;
    for (std::uint32_t number = 0; number != pieces_.size(); ++number) {
      kept_[pieces_[number].keeper].push_back(number);
      effort_ += holders(number).size();
    }
    for (auto& numbers : kept_) std::stable_sort(numbers.begin(), numbers.end(), is_smaller());
  }

  // Step 2: makes the largest plan smaller, by steps that grow while they succeed. Returns its bytes.
  std::uint64_t lower_largest() {
    begin_to_move();
    std::uint64_t step = 1;
    for (std::uint64_t most = largest(); most > limit_; most = largest()) {
      const std::uint64_t smallest_step = most / 8192 + 1;
      step = (std::min)((std::max)(step, smallest_step), most - limit_);
      const std::size_t spared = effort_ / 8 * 7;  // for other steps
      effort_ -= spared;
      const bool is_lower = bring_under(most - step);
      effort_ += spared;
      if (!is_lower && step <= smallest_step) break;
      step = is_lower ? step * 2 : step / 4;
    }
    raise_limit();
    return largest();
  }

  // Moves pieces until no plan has more bytes. False if it finds no way.
  bool bring_under(std::uint64_t most) {
    most_ = most;
    for (std::uint32_t plan = 0; plan != bytes_.size(); ++plan) {
      if (bytes_[plan] <= most) continue;
      refused_.clear();
      if (!make_room(plan, bytes_[plan] - most, longest_chain)) return false;
      accept_moves();
    }
    return true;
  }

  // Moves so many bytes of the plan away, or more. If it cannot, nothing is moved.
  bool make_room(std::uint32_t plan, std::uint64_t bytes, unsigned chain) {
    // A plan that has refused is not asked again for about as much: many ways lead to each plan.
    std::uint64_t& refused = refused_.try_emplace({plan, chain}, ~std::uint64_t{0}).first->second;
    if (bytes >= refused / 2) return false;
    const std::size_t first_move = moves_.size();
    for (std::uint64_t left = bytes; left != 0;) {
      const std::uint64_t moved = move_piece(plan, left, chain);
      left -= (std::min)(left, moved);
      if (moved != 0) continue;
      while (moves_.size() != first_move) take_back_move();
      refused = bytes;
      return false;
    }
    return true;
  }

  // Moves away the smallest piece that has so many bytes, or else the largest that has fewer. Returns its bytes, or 0.
  std::uint64_t move_piece(std::uint32_t plan, std::uint64_t bytes, unsigned chain) {
    const std::vector<std::uint32_t>& kept = kept_[plan];
    const auto enough =
        std::partition_point(kept.begin(), kept.end(), [&](auto n) { return pieces_[n].bytes < bytes; });
    std::vector<std::uint32_t> tried;  // sets
    const auto is_moved = [&](std::uint32_t number) {
      spend(1);
      const piece& each = pieces_[number];
      if (each.keeper != plan || std::find(tried.begin(), tried.end(), each.set) != tried.end()) return false;
      tried.push_back(each.set);
      return move_to_holder(number, chain);
    };
    for (auto at = enough; at != kept.end() && tried.size() != most_sets && effort_ != 0; ++at)
      if (is_moved(*at)) return pieces_[*at].bytes;
    tried.clear();
    for (auto at = enough; at != kept.begin() && tried.size() != most_sets && effort_ != 0;)
      if (is_moved(*--at)) return pieces_[*at].bytes;
    return 0;
  }

  // Moves the piece to a holder that has room for it, or that can make room.
  bool move_to_holder(std::uint32_t number, unsigned chain) {
    spend(holders(number).size());
    std::array<std::uint32_t, most_receivers> receivers{};
    const auto end = std::partial_sort_copy(holders(number).begin(), holders(number).end(), receivers.begin(),
                                            receivers.end(), is_emptier());
    const std::uint32_t from = pieces_[number].keeper;
    for (auto to = receivers.begin(); to != end && effort_ != 0; ++to) {
      if (*to == from) continue;
      moves_.push_back({number, from});
      bytes_[from] -= pieces_[number].bytes;
      give(number, *to);
      if (bytes_[*to] <= most_ || (chain != 1 && make_room(*to, bytes_[*to] - most_, chain - 1))) return true;
      take_back_move();
    }
    return false;
  }

  void take_back_move() {
    const auto [number, from] = moves_.back();
    moves_.pop_back();
    bytes_[pieces_[number].keeper] -= pieces_[number].bytes;
    give(number, from);
  }

  void accept_moves() {
    for (const auto& [number, from] : moves_) {
      auto& before = kept_[from];
      auto& after = kept_[pieces_[number].keeper];
      before.erase(std::lower_bound(before.begin(), before.end(), number, is_smaller()));
      after.insert(std::lower_bound(after.begin(), after.end(), number, is_smaller()), number);
      spend((before.size() + after.size()) / 16);
    }
    moves_.clear();
  }

  void spend(std::size_t looks) { effort_ -= (std::min)(effort_, looks); }

  // ---------------------------------------------------------------------------------------------------- the result

  [[nodiscard]] std::vector<std::uint32_t> keepers() const {
    std::vector<std::uint32_t> result(shared_.size());
    std::vector<std::uint32_t> common(shared_.plans());  // plans that hold all indices of unknown bytes
    std::iota(common.begin(), common.end(), 0U);
    std::vector<index_set> unknown;  // sets with such indices
    for (const index_set set : sets_) {
      for (const std::uint32_t index : set)
        if (shared_.bytes(index) != 0) result[index] = pieces_[piece_of_[index]].keeper;
        else if (unknown.empty() || unknown.back().data() != set.data()) unknown.push_back(set);
    }
    for (const index_set set : unknown)
      std::erase_if(common, [&](std::uint32_t plan) { return !contains(shared_.holders(set.front()), plan); });
    // One of the plans: the keeper of the first small index of these sets that has one of them, or else the lowest.
    const auto choose_one = [&](plan_list plans, std::span<const index_set> sets) {
      for (const index_set set : sets)
        for (const std::uint32_t index : set)
          if (shared_.bytes(index) != 0 && is_small(index) && contains(plans, result[index])) return result[index];
      return plans.front();
    };
    const std::uint32_t of_all = common.empty() ? 0 : choose_one(common, unknown);
    for (const index_set& set : unknown) {
      const auto keeper = common.empty() ? choose_one(shared_.holders(set.front()), {&set, 1}) : of_all;
      for (const std::uint32_t index : set)
        if (shared_.bytes(index) == 0) result[index] = keeper;
    }
    return result;
  }

  const shared_indices& shared_;
  std::vector<std::uint64_t> own_bytes_;                                 // of each plan
  std::uint64_t limit_ = 0;                                              // the highest lower bound that is known
  std::uint64_t small_ = 0;                                              // bytes of a small index, at most
  std::vector<std::vector<std::uint32_t>> sets_;                         // of holders: the indices of each
  std::vector<std::uint32_t> piece_of_;                                  // each index
  std::vector<piece> pieces_;                                            // set by set
  std::vector<std::uint64_t> bytes_;                                     // of each plan
  std::vector<std::vector<std::uint32_t>> kept_;                         // by each plan: its pieces, the smallest first
  std::vector<move> moves_;                                              // not yet accepted: `kept_` is as before
  std::uint64_t most_ = 0;                                               // bytes that a plan may have
  std::map<std::pair<std::uint32_t, unsigned>, std::uint64_t> refused_;  // bytes, by plan and length of the chain
  std::size_t effort_ = 0;  // how many pieces and holders may still be looked at
};

}  // namespace detail

constexpr keep::balanced_policy keep::balanced_policy::operator()(double tolerance) const {
  if (!(tolerance >= 0 && tolerance <= (std::numeric_limits<double>::max)()))
    detail::raise(std::invalid_argument("dcp: a tolerance is a finite number from 0 up"));
  balanced_policy result;
  result.tolerance_ = tolerance;
  return result;
}

inline std::vector<std::uint32_t> keep::balanced_policy::operator()(const shared_indices& shared) const {
  if (shared.size() == 0) return {};
  if (!shared.bytes_known())
    detail::raise(std::invalid_argument(
        "dcp: keep::balanced wants the bytes of the items: give write_item_traits<Item> a storage_size(item)"));
  return detail::balancer(shared).choose(tolerance_);
}

}  // namespace v0
}  // namespace dcp

#endif  // C++20
#endif  // DCP_BALANCED_HPP
