// SPDX-License-Identifier: MIT
//
// dcp::keep::balanced: each rank writes about as much as the others, in long runs, to few files. A policy as any other:
//
//     plans = dcp::dedup_tensors(std::move(plans), {.keep = dcp::keep::balanced});        // within 1 % of the limit
//     plans = dcp::dedup_tensors(std::move(plans), {.keep = dcp::keep::balanced(0.05)});  // 5 %: longer runs

#ifndef DCP_BALANCED_HPP
#define DCP_BALANCED_HPP

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <array>
#include <bit>
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
/// - Small indices, a sixty-fourth of the limit in all, stay with one plan for each set of holders. In a set where they
///   stand amid others over 8 times, and more than once in 64 indices, each stays with the one before it instead.
///
/// The result is the same on every platform; of equals the lowest plan and the first index come first. Complexity:
/// n log n in the indices, and linear in the holders of the distinct sets, a few times over. Throws
/// std::invalid_argument if the items' type tells no bytes, std::overflow_error if all together are 2^64 or more.
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
  constexpr double scale = 4294967296.0;
  const auto whole = static_cast<std::uint64_t>((std::min)(share, scale));
  const auto parts = static_cast<std::uint64_t>((share - static_cast<double>(whole)) * scale) + (share != 0);
  if (bytes == 0 || whole > (most - bytes) / bytes || share > scale) return most;
  const std::uint64_t sum = bytes + bytes * whole;
  const std::uint64_t rest = (bytes >> 32) * parts + (((bytes & 0xFFFFFFFFu) * parts) >> 32);
  return rest > most - sum ? most : sum + rest;
}

// The indices that have the same holders.
struct holder_set {
  std::span<const std::uint32_t> holders;
  std::uint64_t bytes = 0;
  std::vector<std::uint32_t> pieces = {};
};

// How many bytes of each set its holders are to write, in fractions of an index, with no plan over the capacity, or the
// least larger one that there is a way for. A maximum flow, by augmenting paths, many to a search.
class byte_flow {
 public:
  byte_flow(const std::vector<holder_set>& sets, const std::vector<std::uint64_t>& load, std::uint64_t capacity)
      : capacity_(capacity), load_(load), edges_of_(load.size()) {
    for (const holder_set& set : sets) {
      begins_.push_back(edges_.size());
      left_.push_back(set.bytes);
      for (const std::uint32_t plan : set.holders) {
        edges_of_[plan].push_back(edges_.size());
        edges_.push_back({begins_.size() - 1, plan, 0});
      }
    }
    begins_.push_back(edges_.size());
    // Those with the least choice first.
    std::vector<std::size_t> order(sets.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return sets[a].holders.size() < sets[b].holders.size(); });
    for (const std::size_t set : order) fill(set);
    while (search()) {
      for (const std::uint32_t plan : sinks_) push(plan);
      if (sinks_.empty()) raise_capacity();
    }
  }

  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }

  // What the set's holder at this position writes.
  [[nodiscard]] std::uint64_t part(std::size_t set, std::size_t at) const { return edges_[begins_[set] + at].bytes; }

 private:
  struct edge {
    std::size_t set;
    std::uint32_t plan;
    std::uint64_t bytes;
  };
  static constexpr std::size_t none = (std::numeric_limits<std::size_t>::max)();

  [[nodiscard]] std::uint64_t room(std::uint32_t plan) const {
    return capacity_ > load_[plan] ? capacity_ - load_[plan] : 0;
  }

  // Few plans write something of a set, so that the files are few: the first that has room for all there is left, or
  // else that with the most room.
  void fill(std::size_t set) {
    const std::span<edge> edges(edges_.data() + begins_[set], edges_.data() + begins_[set + 1]);
    while (left_[set] != 0) {
      auto to =
          std::find_if(edges.begin(), edges.end(), [&](const edge& each) { return room(each.plan) >= left_[set]; });
      if (to == edges.end())
        to = std::max_element(edges.begin(), edges.end(),
                              [&](const edge& a, const edge& b) { return room(a.plan) < room(b.plan); });
      const std::uint64_t bytes = (std::min)(left_[set], room(to->plan));
      if (bytes == 0) return;
      to->bytes += bytes;
      load_[to->plan] += bytes;
      left_[set] -= bytes;
    }
  }

  // Finds plans with room, breadth first, from the sets with bytes left: a set leads to its holders, and a full plan to
  // the sets that it writes some of. False if no set has any left.
  bool search() {
    sinks_.clear();
    to_plan_.assign(load_.size(), none);
    to_set_.assign(left_.size(), none);
    std::vector<std::size_t> queue;
    for (std::size_t set = 0; set != left_.size(); ++set)
      if (left_[set] != 0) queue.push_back(set);
    for (std::size_t next = 0; next != queue.size(); ++next)
      for (std::size_t at = begins_[queue[next]]; at != begins_[queue[next] + 1]; ++at) {
        const std::uint32_t plan = edges_[at].plan;
        if (to_plan_[plan] != none) continue;
        to_plan_[plan] = at;
        if (room(plan) != 0) sinks_.push_back(plan);
        else
          for (const std::size_t back : edges_of_[plan]) {
            const std::size_t set = edges_[back].set;
            if (edges_[back].bytes == 0 || left_[set] != 0 || to_set_[set] != none) continue;
            to_set_[set] = back;
            queue.push_back(set);
          }
      }
    return !queue.empty();
  }

  // Moves all it can along the path to this plan: a set on it writes more there, and less where it was reached.
  void push(std::uint32_t plan) {
    std::vector<std::size_t> path{to_plan_[plan]};
    std::uint64_t bytes = room(plan);
    for (std::size_t back; (back = to_set_[edges_[path.back()].set]) != none;
         path.push_back(to_plan_[edges_[back].plan])) {
      bytes = (std::min)(bytes, edges_[back].bytes);
      path.push_back(back);
    }
    bytes = (std::min)(bytes, left_[edges_[path.back()].set]);
    left_[edges_[path.back()].set] -= bytes;
    load_[plan] += bytes;
    for (std::size_t i = 0; i != path.size(); ++i) edges_[path[i]].bytes += i % 2 == 0 ? bytes : 0 - bytes;
  }

  // The plans that were reached, all full, have to take what is left: no other can.
  void raise_capacity() {
    std::uint64_t bytes = std::accumulate(left_.begin(), left_.end(), std::uint64_t{0});
    std::uint64_t plans = 0;
    for (std::size_t plan = 0; plan != load_.size(); ++plan)
      if (to_plan_[plan] != none) bytes += load_[plan], ++plans;
    capacity_ = bytes / plans + (bytes % plans != 0);
  }

  std::uint64_t capacity_;
  std::vector<std::uint64_t> load_;                 // of each plan
  std::vector<std::uint64_t> left_;                 // of each set
  std::vector<edge> edges_;                         // of each set to its holders
  std::vector<std::size_t> begins_;                 // of each set's edges
  std::vector<std::vector<std::size_t>> edges_of_;  // each plan
  std::vector<std::size_t> to_plan_, to_set_;       // the edge on which the search came to it
  std::vector<std::uint32_t> sinks_;                // the plans with room that it came to
};

class balancer {
 public:
  explicit balancer(const shared_indices& shared) : shared_(shared), keepers_(shared.size()), piece_of_(shared.size()) {
    for (std::size_t plan = 0; plan != shared.plans(); ++plan) load_.push_back(shared.own_bytes(plan));
  }

  std::vector<std::uint32_t> choose(double tolerance) && {
    const std::uint64_t least = largest_or_mean();
    find_sets();
    keep_unknown();
    limit_ = byte_flow(sets_, load_, least).capacity();
    bound_ = with_share(limit_, tolerance);
    make_pieces();
    fill_in_order();
    mend();
    if (largest() > bound_ && largest() - limit_ > limit_ / 1024) {  // better to begin with the largest, it may be
      const std::uint64_t reached = largest();
      const std::vector<piece> before = pieces_;
      for (std::uint32_t number = 0; number != pieces_.size(); ++number) give(number, nobody);
      spread();
      mend();
      if (largest() >= reached) pieces_ = before;
    }
    for (std::size_t index = 0; index != shared_.size(); ++index)
      if (shared_.bytes(index) != 0) keepers_[index] = pieces_[piece_of_[index]].keeper;
    return std::move(keepers_);
  }

 private:
  static constexpr std::uint32_t nobody = (std::numeric_limits<std::uint32_t>::max)();

  // What is given to one plan: an index, or several that stay together.
  struct piece {
    std::uint64_t bytes;
    std::uint32_t set;
    std::uint32_t keeper = nobody;
  };

  [[nodiscard]] std::uint64_t largest_or_mean() const {
    std::uint64_t sum = 0;
    std::uint64_t most = 0;
    const auto count = [&](std::uint64_t bytes) {
      if (bytes > (std::numeric_limits<std::uint64_t>::max)() - sum)
        refuse_to_balance<std::overflow_error>("dcp: the plans have 2^64 bytes or more to balance");
      sum += bytes;
      most = (std::max)(most, bytes);
    };
    for (const std::uint64_t bytes : load_) count(bytes);
    for (std::size_t index = 0; index != shared_.size(); ++index) count(shared_.bytes(index));
    return (std::max)(most, sum / load_.size() + (sum % load_.size() != 0));
  }

  void find_sets() {
    std::unordered_map<std::string_view, std::uint32_t> numbers;  // by the bytes of the holders
    for (std::size_t index = 0; index != shared_.size(); ++index) {
      const auto bytes = std::as_bytes(shared_.holders(index));
      const std::string_view key(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      set_of_.push_back(numbers.emplace(key, static_cast<std::uint32_t>(sets_.size())).first->second);
      if (set_of_.back() == sets_.size()) sets_.push_back({shared_.holders(index)});
      sets_[set_of_.back()].bytes += shared_.bytes(index);
    }
  }

  void keep_unknown() {
    std::vector<bool> seen(sets_.size());
    std::vector<std::size_t> held(load_.size());  // by each plan, of the sets of such indices
    std::size_t sets = 0;
    for (std::size_t index = 0; index != shared_.size(); ++index) {
      if (shared_.bytes(index) != 0 || seen[set_of_[index]]) continue;
      seen[set_of_[index]] = true;
      ++sets;
      for (const std::uint32_t plan : shared_.holders(index)) ++held[plan];
    }
    const auto all = std::find(held.begin(), held.end(), sets);
    for (std::size_t index = 0; index != shared_.size(); ++index)
      keepers_[index] =
          all == held.end() ? shared_.holders(index).front() : static_cast<std::uint32_t>(all - held.begin());
  }

  void make_pieces() {
    const auto width = [&](std::size_t index) {
      return static_cast<std::size_t>(std::bit_width(shared_.bytes(index)));
    };
    std::array<std::uint64_t, 65> of_width{};  // the bytes of all indices whose size has so many bits
    for (std::size_t index = 0; index != shared_.size(); ++index) of_width[width(index)] += shared_.bytes(index);
    std::size_t large = 0;  // so many bits or more
    for (std::uint64_t room = limit_ / 64; large != 65 && of_width[large] <= room; ++large) room -= of_width[large];

    struct set_state {
      std::size_t indices = 0;
      std::size_t cuts = 0;           // where small ones end and others go on
      std::size_t last = 0;           // the width of the index before
      std::uint32_t joined = nobody;  // the piece of the small ones
    };
    std::vector<set_state> states(sets_.size());
    for (std::size_t index = 0; index != shared_.size(); ++index) {
      set_state& state = states[set_of_[index]];
      ++state.indices;
      state.cuts += state.last != 0 && state.last < large && width(index) >= large;
      state.last = width(index);
    }
    for (std::size_t index = 0; index != shared_.size(); ++index) {
      set_state& state = states[set_of_[index]];
      const bool is_small = width(index) < large;
      if (width(index) == 0) continue;
      if (!is_small || state.joined == nobody) {
        piece_of_[index] = static_cast<std::uint32_t>(pieces_.size());
        pieces_.push_back({0, set_of_[index]});
        sets_[set_of_[index]].pieces.push_back(piece_of_[index]);
        if (is_small || state.cuts > (std::max)(std::size_t{8}, state.indices / 64)) state.joined = piece_of_[index];
      } else {
        piece_of_[index] = state.joined;
      }
      pieces_[piece_of_[index]].bytes += shared_.bytes(index);
    }
  }

  void give(std::uint32_t number, std::uint32_t plan) {
    piece& given = pieces_[number];
    if (given.keeper != nobody) load_[given.keeper] -= given.bytes;
    given.keeper = plan;
    if (plan != nobody) load_[plan] += given.bytes;
  }
  [[nodiscard]] std::uint64_t largest() const { return *std::max_element(load_.begin(), load_.end()); }

  // Gives each piece to its least loaded holder, those with the fewest holders first, and of these the largest.
  void spread() {
    std::vector<std::uint32_t> order(pieces_.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto choice = [&](std::uint32_t number) { return sets_[pieces_[number].set].holders.size(); };
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return choice(a) != choice(b) ? choice(a) < choice(b) : pieces_[a].bytes > pieces_[b].bytes;
    });
    for (const std::uint32_t number : order) {
      const auto holders = sets_[pieces_[number].set].holders;
      give(number, *std::min_element(holders.begin(), holders.end(),
                                     [&](std::uint32_t a, std::uint32_t b) { return load_[a] < load_[b]; }));
    }
  }

  // Gives the pieces, in their order, to the plans that the flow names for their set. Half of the tolerance fills these
  // up, the other half is for the ends of runs.
  void fill_in_order() {
    const byte_flow flow(sets_, load_, limit_ + (bound_ - limit_) / 2);
    for (std::size_t set = 0; set != sets_.size(); ++set) {
      const auto holders = sets_[set].holders;
      std::vector<std::uint64_t> parts;
      for (std::size_t at = 0; at != holders.size(); ++at) parts.push_back(flow.part(set, at));
      // A giant amid the others would leave a plan far more than its part.
      std::vector<std::uint32_t> order = sets_[set].pieces;
      const auto is_giant = [&](std::uint32_t number) { return pieces_[number].bytes > limit_ / 4; };
      const auto end = std::stable_partition(order.begin(), order.end(), is_giant);
      std::stable_sort(order.begin(), end,
                       [&](std::uint32_t a, std::uint32_t b) { return pieces_[a].bytes > pieces_[b].bytes; });
      std::size_t at = 0;
      std::uint64_t begin = 0;
      for (const std::uint32_t number : order) {
        const std::uint64_t bytes = pieces_[number].bytes;
        if (is_giant(number)) {
          const auto most = std::max_element(parts.begin(), parts.end());
          *most -= (std::min)(*most, bytes);
          give(number, holders[static_cast<std::size_t>(most - parts.begin())]);
          continue;
        }
        // To the plan in whose part its middle is.
        for (; at + 1 != parts.size() && begin + bytes / 2 >= parts[at]; ++at) parts[at + 1] += parts[at];
        begin += bytes;
        give(number, holders[at]);
      }
    }
  }

  // While the largest plan gets smaller by it: moves a piece of it to another plan, or changes it for a smaller one.
  void mend() {
    if (largest() <= bound_) return;
    std::vector<bool> holds(sets_.size() * load_.size());
    for (std::size_t set = 0; set != sets_.size(); ++set)
      for (const std::uint32_t plan : sets_[set].holders) holds[set * load_.size() + plan] = true;
    const auto smaller = [&](std::uint32_t a, std::uint32_t b) {
      return pieces_[a].bytes != pieces_[b].bytes ? pieces_[a].bytes < pieces_[b].bytes : a < b;
    };
    std::vector<std::vector<std::uint32_t>> kept(load_.size());  // the smallest first
    for (std::uint32_t number = 0; number != pieces_.size(); ++number) kept[pieces_[number].keeper].push_back(number);
    for (auto& pieces : kept) std::sort(pieces.begin(), pieces.end(), smaller);
    std::vector<std::uint32_t> order(load_.size());
    std::iota(order.begin(), order.end(), 0U);

    // (A bound on the steps, as they could get ever smaller.)
    for (std::size_t left = 8 * load_.size() + 64; left != 0 && largest() > bound_; --left) {
      std::stable_sort(order.begin(), order.end(),
                       [&](std::uint32_t a, std::uint32_t b) { return load_[a] < load_[b]; });
      const std::uint32_t heavy = order.back();
      std::uint64_t peak = load_[heavy];  // of the two plans, after the best step so far
      std::uint32_t to = nobody, there = nobody, back = nobody;
      for (const std::uint32_t light : order) {
        const std::uint64_t gap = load_[heavy] - load_[light];
        if (peak <= bound_ || load_[heavy] - gap / 2 >= peak) break;
        const auto kept_for = [&](std::uint32_t from, std::uint32_t plan, std::vector<std::uint32_t> found) {
          for (const std::uint32_t number : kept[from])
            if (holds[pieces_[number].set * load_.size() + plan]) found.push_back(number);
          return found;
        };
        const auto theirs = kept_for(light, heavy, {nobody});
        const auto bytes = [&](std::size_t at) { return theirs[at] == nobody ? 0 : pieces_[theirs[at]].bytes; };
        std::size_t at = 0;
        for (const std::uint32_t number : kept_for(heavy, light, {})) {
          // Half the gap makes the two even: the best are the last for which it is that or more, and the next.
          const std::uint64_t mine = pieces_[number].bytes;
          while (at + 1 != theirs.size() && bytes(at + 1) + gap / 2 <= mine) ++at;
          for (std::size_t other = at; other != (std::min)(at + 2, theirs.size()); ++other) {
            if (bytes(other) >= mine || mine - bytes(other) >= gap) continue;
            const std::uint64_t moved = mine - bytes(other);
            const std::uint64_t result = (std::max)(load_[heavy] - moved, load_[light] + moved);
            if (result < peak) peak = result, to = light, there = number, back = theirs[other];
          }
        }
      }
      if (to == nobody) return;
      const auto move = [&](std::uint32_t number, std::uint32_t plan) {
        auto& from = kept[pieces_[number].keeper];
        from.erase(std::lower_bound(from.begin(), from.end(), number, smaller));
        kept[plan].insert(std::lower_bound(kept[plan].begin(), kept[plan].end(), number, smaller), number);
        give(number, plan);
      };
      move(there, to);
      if (back != nobody) move(back, heavy);
    }
  }

  const shared_indices& shared_;
  std::vector<std::uint32_t> keepers_;   // of each index
  std::vector<std::uint32_t> piece_of_;  // of each index
  std::vector<std::uint32_t> set_of_;    // of each index
  std::vector<holder_set> sets_;
  std::vector<piece> pieces_;
  std::vector<std::uint64_t> load_;  // of each plan: its own bytes and those of the pieces it was given
  std::uint64_t limit_ = 0;
  std::uint64_t bound_ = 0;  // the limit and the tolerance
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

#endif  // DCP_BALANCED_HPP
