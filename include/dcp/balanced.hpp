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
// 3. All is given out again in longer runs: in the order of the indices, a set of holders fills one plan after the other
//    up to what step 2 reached. Chains of moves bring the plans under the tolerance; else the result of step 2 counts.

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
#include <iterator>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string_view>
#include <tuple>
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
/// - Small indices (at most a 32nd of the limit over the number of indices) with the same holders stay together, as long
///   as they have at most the tolerance, or 0.2 %, of the limit. Where small and large indices take turns more than 8
///   times, each small one stays with the one before it instead.
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
  [[nodiscard]] constexpr balanced_policy operator()(double tolerance) const {
    if (!(tolerance >= 0 && tolerance <= (std::numeric_limits<double>::max)()))
      detail::raise(std::invalid_argument("dcp: a tolerance is a finite number from 0 up"));
    balanced_policy result = *this;
    result.tolerance_ = tolerance;
    return result;
  }

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
  const auto parts = static_cast<std::uint64_t>((std::min)(share, 0x1p20) * 0x1p20);
  const std::uint64_t high = bytes >> 20;
  if (parts > ~bytes / (high + 1)) return ~std::uint64_t{0};
  return bytes + high * parts + (bytes % (1 << 20) * parts >> 20);
}

class balancer {
 public:
  explicit balancer(const shared_indices& shared) : shared_(shared), piece_of_(shared.size()) {}

  std::vector<std::uint32_t> choose(double tolerance) && {
    set_limit();
    find_sets();
    make_pieces(with_share(limit_, (std::max)(tolerance, 1.0 / 512)) - limit_);
    give_largest_first();
    lower_largest();
    raise_limit();
    const std::vector<std::uint32_t> evenest = keepers();
    const std::uint64_t least = largest();
    const std::uint64_t most = (std::max)(least, with_share(limit_, tolerance));
    give_in_order(least, most);
    return bring_under(most) ? keepers() : evenest;
  }

 private:
  using plan_list = std::span<const std::uint32_t>;

  // The indices that the same plans hold, by whether their bytes are known.
  struct holder_set {
    plan_list holders;
    std::vector<std::uint32_t> known, unknown;
  };
  // What stays together, and is in one set.
  struct piece {
    std::uint64_t bytes;
    std::uint32_t set, keeper;
  };
  using move = std::pair<std::uint32_t, std::uint32_t>;                      // of a piece, and its keeper before
  using kept_pieces = std::vector<std::pair<std::uint64_t, std::uint32_t>>;  // bytes and number, in order

  static constexpr std::uint32_t no_plan = ~std::uint32_t{0};
  static constexpr unsigned longest_chain = 7;  // moves
  static constexpr std::size_t most_tried = 8;  // sets of holders to move a piece of, and receivers for a piece

  [[nodiscard]] bool is_small(std::uint32_t index) const { return shared_.bytes(index) <= small_; }
  [[nodiscard]] plan_list holders(std::uint32_t number) const { return sets_[pieces_[number].set].holders; }
  [[nodiscard]] std::uint64_t largest() const { return *std::max_element(bytes_.begin(), bytes_.end()); }
  [[nodiscard]] auto is_emptier() const {
    return [this](auto a, auto b) { return std::pair(bytes_[a], a) < std::pair(bytes_[b], b); };
  }
  [[nodiscard]] std::uint32_t emptiest(plan_list plans) const {
    return *std::min_element(plans.begin(), plans.end(), is_emptier());
  }

  // Of the mean of all plans and the largest of what cannot be split, the higher.
  void set_limit() {
    std::uint64_t total = 0;
    const auto add = [&](std::uint64_t bytes) {
      if (bytes > ~total) raise(std::overflow_error("dcp: the plans have 2^64 bytes or more to balance"));
      total += bytes;
      limit_ = (std::max)(limit_, bytes);
    };
    for (std::size_t plan = 0; plan != shared_.plans(); ++plan)
      bytes_.push_back(shared_.own_bytes(plan)), add(bytes_[plan]);
    for (std::size_t index = 0; index != shared_.size(); ++index) add(shared_.bytes(index));
    limit_ = (std::max)(limit_, total / bytes_.size() + (total % bytes_.size() != 0));
    small_ = limit_ / 32 / shared_.size();
  }

  void find_sets() {
    std::unordered_map<std::string_view, std::size_t> numbers;  // by the bytes of the holders
    for (std::uint32_t index = 0; index != shared_.size(); ++index) {
      const plan_list holders = shared_.holders(index);
      const std::string_view key(reinterpret_cast<const char*>(holders.data()), holders.size_bytes());
      const std::size_t number = numbers.try_emplace(key, sets_.size()).first->second;
      if (number == sets_.size()) sets_.push_back({holders, {}, {}});
      (shared_.bytes(index) == 0 ? sets_[number].unknown : sets_[number].known).push_back(index);
    }
    std::stable_sort(sets_.begin(), sets_.end(),
                     [](const auto& a, const auto& b) { return a.holders.size() < b.holders.size(); });
  }

  // An index is a piece, but small ones join the small one before. Where small and large ones take turns often, no run
  // would be long: there small ones join whatever is before.
  void make_pieces(std::uint64_t most_joined) {
    pieces_.reserve(shared_.size());
    for (std::uint32_t set = 0; set != sets_.size(); ++set) {
      const auto& [holders, indices, unknown] = sets_[set];
      most_effort_ += static_cast<std::ptrdiff_t>(indices.size() * holders.size() / 8);
      int turns = 0;
      for (std::size_t at = 1; at < indices.size(); ++at) turns += is_small(indices[at - 1]) && !is_small(indices[at]);
      std::uint32_t joined = 0;
      std::uint64_t room = 0;  // in piece `joined`
      for (const std::uint32_t index : indices) {
        const std::uint64_t bytes = shared_.bytes(index);
        const bool joins = is_small(index) && bytes <= room;
        piece_of_[index] = joins ? joined : static_cast<std::uint32_t>(pieces_.size());
        if (joins) room -= bytes;
        else if (is_small(index) || turns > 8) joined = piece_of_[index], room = most_joined;
        if (!joins) pieces_.push_back({0, set, 0});
        pieces_[piece_of_[index]].bytes += bytes;
      }
    }
  }

  void give(std::uint32_t number, std::uint32_t plan) {
    pieces_[number].keeper = plan;
    bytes_[plan] += pieces_[number].bytes;
  }

  // Step 1.
  void give_largest_first() {
    std::vector<std::tuple<std::size_t, std::uint64_t, std::uint32_t>> order;
    for (std::uint32_t number = 0; number != pieces_.size(); ++number)
      order.emplace_back(holders(number).size(), ~pieces_[number].bytes, number);
    std::sort(order.begin(), order.end());
    for (const auto& [count, bytes, number] : order) give(number, emptiest(holders(number)));
    list_kept();
  }

  // Step 3. What is left of a set goes to the first holder that may keep all of it, or else the emptiest gets its part.
  void give_in_order(std::uint64_t least, std::uint64_t most) {
    for (const piece& each : pieces_) bytes_[each.keeper] -= each.bytes;
    for (std::uint32_t begin = 0, end = 0; begin != pieces_.size(); begin = end) {
      std::uint64_t left = 0;
      for (; end != pieces_.size() && pieces_[end].set == pieces_[begin].set; ++end) left += pieces_[end].bytes;
      const plan_list plans = holders(begin);
      std::uint32_t keeper = no_plan;
      for (std::uint32_t number = begin; number != end; left -= pieces_[number++].bytes) {
        if (keeper == no_plan || bytes_[keeper] + pieces_[number].bytes / 2 > least) {
          const auto found = std::find_if(plans.begin(), plans.end(), [&](auto plan) {
            return bytes_[plan] <= most && left <= most - bytes_[plan];
          });
          keeper = found != plans.end() ? *found : emptiest(plans);
        }
        give(number, keeper);
      }
    }
    list_kept();
  }

  // The fullest plan, the plans that could keep its pieces, those that could keep theirs, and so on: no other plan can
  // write what these write, so the largest plan never has less than their mean.
  void raise_limit() {
    std::vector<std::uint32_t> plans{
        static_cast<std::uint32_t>(std::max_element(bytes_.begin(), bytes_.end()) - bytes_.begin())};
    std::vector<bool> seen(bytes_.size());
    seen[plans[0]] = true;
    std::uint64_t sum = 0;
    for (std::size_t next = 0; next != plans.size(); ++next) {
      sum += bytes_[plans[next]];
      for (const auto& [bytes, number] : kept_[plans[next]])
        for (const std::uint32_t plan : holders(number))
          if (!seen[plan]) plans.push_back(plan), seen[plan] = true;
    }
    limit_ = (std::max)(limit_, sum / plans.size() + (sum % plans.size() != 0));
  }

  void list_kept() {
    kept_.assign(bytes_.size(), {});
    for (std::uint32_t number = 0; number != pieces_.size(); ++number)
      kept_[pieces_[number].keeper].emplace_back(pieces_[number].bytes, number);
    for (auto& pieces : kept_) std::sort(pieces.begin(), pieces.end());
  }

  // Step 2: makes the largest plan smaller, by steps that grow while they succeed.
  void lower_largest() {
    std::uint64_t step = 1;
    for (std::uint64_t most = largest(); most > limit_; most = largest()) {
      const std::uint64_t smallest_step = most / 8192 + 1;
      step = (std::min)((std::max)(step, smallest_step), most - limit_);
      if (bring_under(most - step)) step *= 2;
      else if (step > smallest_step) step /= 4;
      else return;
    }
  }

  // Moves pieces until no plan has more bytes. False if it finds no way.
  bool bring_under(std::uint64_t most) {
    most_ = most;
    effort_ = most_effort_;
    for (std::uint32_t plan = 0; plan != bytes_.size(); ++plan) {
      if (!make_room(plan, longest_chain)) return false;
      accept_moves();
    }
    return true;
  }

  // Moves pieces of a plan that has too many bytes. If this is not enough, nothing is moved.
  bool make_room(std::uint32_t plan, unsigned chain) {
    const std::size_t first_move = moves_.size();
    while (bytes_[plan] > most_ && chain != 0 && move_piece(plan, chain)) continue;
    if (bytes_[plan] <= most_) return true;
    while (moves_.size() != first_move) take_back_move();
    return false;
  }

  // Moves away the smallest piece that is enough and can be moved, or else the largest that is not enough.
  bool move_piece(std::uint32_t plan, unsigned chain) {
    const auto move_one_of = [&](auto at, auto end) {
      std::vector<std::uint32_t> tried;  // sets
      for (; at != end && tried.size() != most_tried && effort_ > 0; ++at) {
        --effort_;
        const auto& [bytes, set, keeper] = pieces_[at->second];
        if (keeper != plan || std::find(tried.begin(), tried.end(), set) != tried.end()) continue;
        tried.push_back(set);
        if (move_to_holder(at->second, chain)) return true;
      }
      return false;
    };
    const kept_pieces& kept = kept_[plan];
    const auto enough = std::lower_bound(kept.begin(), kept.end(), std::pair(bytes_[plan] - most_, std::uint32_t{0}));
    return move_one_of(enough, kept.end()) || move_one_of(std::make_reverse_iterator(enough), kept.rend());
  }

  // Moves the piece to a holder that has room for it, or that can make room.
  bool move_to_holder(std::uint32_t number, unsigned chain) {
    const plan_list plans = holders(number);
    effort_ -= static_cast<std::ptrdiff_t>(plans.size());
    std::array<std::uint32_t, most_tried> receivers{};
    const auto end =
        std::partial_sort_copy(plans.begin(), plans.end(), receivers.begin(), receivers.end(), is_emptier());
    const std::uint32_t from = pieces_[number].keeper;
    moves_.emplace_back(number, from);
    for (auto to = receivers.begin(); to != end && effort_ > 0; ++to) {
      if (*to == from) continue;
      transfer(number, *to);
      if (make_room(*to, chain - 1)) return true;
    }
    take_back_move();
    return false;
  }

  void transfer(std::uint32_t number, std::uint32_t to) {
    bytes_[pieces_[number].keeper] -= pieces_[number].bytes;
    give(number, to);
  }

  void take_back_move() {
    transfer(moves_.back().first, moves_.back().second);
    moves_.pop_back();
  }

  void accept_moves() {
    for (const auto& [number, from] : moves_) {
      const std::pair entry(pieces_[number].bytes, number);
      auto& before = kept_[from];
      auto& after = kept_[pieces_[number].keeper];
      before.erase(std::lower_bound(before.begin(), before.end(), entry));
      after.insert(std::lower_bound(after.begin(), after.end(), entry), entry);
    }
    moves_.clear();
  }

  [[nodiscard]] std::vector<std::uint32_t> keepers() const {
    std::vector<std::uint32_t> result(shared_.size());
    std::vector<std::uint32_t> common(shared_.plans());  // plans that hold all indices of unknown bytes
    std::iota(common.begin(), common.end(), 0U);
    const auto holds = [](plan_list plans, std::uint32_t plan) {
      return std::binary_search(plans.begin(), plans.end(), plan);
    };
    for (const auto& [holders, known, unknown] : sets_) {
      for (const std::uint32_t index : known) result[index] = pieces_[piece_of_[index]].keeper;
      if (!unknown.empty()) std::erase_if(common, [&, in = holders](auto plan) { return !holds(in, plan); });
    }
    std::uint32_t keeper = no_plan;  // of unknown bytes: of a set's, or of all
    for (const auto& [holders, known, unknown] : sets_) {
      if (unknown.empty()) continue;
      const plan_list plans = common.empty() ? holders : common;
      if (keeper == no_plan || common.empty()) {
        const auto small = std::find_if(known.begin(), known.end(),
                                        [&](auto index) { return is_small(index) && holds(plans, result[index]); });
        keeper = small == known.end() ? plans.front() : result[*small];
      }
      for (const std::uint32_t index : unknown) result[index] = keeper;
    }
    return result;
  }

  const shared_indices& shared_;
  std::uint64_t limit_ = 0;              // the highest lower bound that is known
  std::uint64_t small_ = 0;              // bytes of a small index, at most
  std::vector<holder_set> sets_;         // those with the fewest holders first
  std::vector<std::uint32_t> piece_of_;  // each index of known bytes
  std::vector<piece> pieces_;            // set by set
  std::vector<std::uint64_t> bytes_;     // of each plan
  std::vector<kept_pieces> kept_;        // of each plan
  std::vector<move> moves_;              // not yet accepted: `kept_` is as before
  std::uint64_t most_ = 0;               // bytes that a plan may have
  std::ptrdiff_t most_effort_ = 25'000;  // of one call of bring_under: what bounds the time
  std::ptrdiff_t effort_ = 0;            // how many pieces and holders may still be looked at
};

}  // namespace detail

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
