// How small the largest plan can be: what keep::balanced, or a policy of one's own, is measured by.

#ifndef DCP_EXAMPLES_BALANCE_LIMIT_HPP
#define DCP_EXAMPLES_BALANCE_LIMIT_HPP

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

namespace balance_limit {

namespace detail {

/// Spreads bytes over plans that have so much room and no more. Bytes come in sets, of indices with the same holders,
/// and may be cut anywhere: a maximum flow, by Dinic.
class Flow {
 public:
  Flow(const std::map<std::vector<std::uint32_t>, double>& sets, std::vector<double> room, double nothing)
      : room_(std::move(room)),
        plan_level_(room_.size()),
        takes_(room_.size()),
        next_take_(room_.size()),
        nothing_(nothing) {
    for (const auto& [holders, bytes] : sets) {
      for (std::size_t i = 0; i != holders.size(); ++i) takes_[holders[i]].push_back({sets_.size(), i});
      sets_.push_back({holders, std::vector<double>(holders.size()), bytes, bytes});
    }
  }

  /// Spreads what it can; returns the bytes that find no room.
  double spread() {
    while (find_ways())
      for (std::size_t set = 0; set != sets_.size(); ++set) sets_[set].left -= give(set, sets_[set].left);
    return std::accumulate(sets_.begin(), sets_.end(), 0.0, [](double sum, const Set& set) { return sum + set.left; });
  }

  void add_room(double bytes) {
    for (double& room : room_) room += bytes;
  }

  /// After spread(): the plans that are too full, and the bytes of all sets that they alone hold.
  [[nodiscard]] std::vector<std::size_t> too_full() const {
    std::vector<std::size_t> plans;
    for (std::size_t plan = 0; plan != room_.size(); ++plan)
      if (plan_level_[plan] != unreached) plans.push_back(plan);
    return plans;
  }
  [[nodiscard]] double bytes_without_room() const {
    double bytes = 0;
    for (const Set& set : sets_)
      if (set.level != unreached) bytes += set.bytes;
    return bytes;
  }

 private:
  static constexpr std::size_t unreached = static_cast<std::size_t>(-1);

  struct Set {
    std::vector<std::uint32_t> holders;
    std::vector<double> given;  // to each holder
    double bytes = 0;
    double left = 0;
    std::size_t level = unreached;
    std::size_t next = 0;  // the holder to try next
  };
  struct Take {
    std::size_t set;
    std::size_t holder;  // of the set
  };

  // Levels, from the sets that have bytes left over plans, and over what other sets gave them, to room.
  bool find_ways() {
    std::vector<std::size_t> now;
    std::fill(plan_level_.begin(), plan_level_.end(), unreached);
    std::fill(next_take_.begin(), next_take_.end(), 0);
    for (std::size_t set = 0; set != sets_.size(); ++set) {
      sets_[set].next = 0;
      sets_[set].level = sets_[set].left > nothing_ ? 0 : unreached;
      if (sets_[set].level == 0) now.push_back(set);
    }
    bool found = false;
    for (std::size_t level = 1; !now.empty(); level += 2) {
      std::vector<std::size_t> then;
      for (const std::size_t set : now)
        for (const std::uint32_t plan : sets_[set].holders) {
          if (plan_level_[plan] != unreached) continue;
          plan_level_[plan] = level;
          found |= room_[plan] > nothing_;
          for (const Take& take : takes_[plan])
            if (sets_[take.set].level == unreached && sets_[take.set].given[take.holder] > nothing_) {
              sets_[take.set].level = level + 1;
              then.push_back(take.set);
            }
        }
      now = std::move(then);
    }
    return found;
  }

  // Finds room for bytes of the set, and returns for how many. A plan without room makes some by giving back what another
  // set gave it, which then finds room elsewhere, and so on. That can be as deep as there are sets: no recursion.
  double give(std::size_t number, double bytes) {
    struct Step {
      std::size_t set;
      double wanted;
      double found = 0;
    };
    std::vector<Step> way = {{number, bytes}};
    for (;;) {
      Step& last = way.back();
      Set& set = sets_[last.set];
      const double wanted = last.wanted - last.found;
      if (wanted <= nothing_ || set.next == set.holders.size()) {
        const double moved = last.found;
        way.pop_back();
        if (way.empty()) return moved;
        Set& before = sets_[way.back().set];
        const std::uint32_t plan = before.holders[before.next];
        set.given[takes_[plan][next_take_[plan]].holder] -= moved;
        before.given[before.next] += moved;
        way.back().found += moved;
        if (way.back().wanted - way.back().found > nothing_) ++next_take_[plan];
        continue;
      }
      const std::uint32_t plan = set.holders[set.next];
      if (plan_level_[plan] != set.level + 1) {
        ++set.next;
      } else if (const double room = std::min(room_[plan], wanted); room > nothing_) {
        room_[plan] -= room;
        set.given[set.next] += room;
        last.found += room;
      } else {
        std::size_t& next = next_take_[plan];
        while (next != takes_[plan].size() && !gives_back(takes_[plan][next], plan_level_[plan])) ++next;
        if (next == takes_[plan].size()) ++set.next;
        else way.push_back({takes_[plan][next].set, std::min(wanted, given(takes_[plan][next]))});
      }
    }
  }

  [[nodiscard]] double given(const Take& take) const { return sets_[take.set].given[take.holder]; }
  [[nodiscard]] bool gives_back(const Take& take, std::size_t level) const {
    return sets_[take.set].level == level + 1 && given(take) > nothing_;
  }

  std::vector<Set> sets_;
  std::vector<double> room_;
  std::vector<std::size_t> plan_level_;
  std::vector<std::vector<Take>> takes_;
  std::vector<std::size_t> next_take_;
  double nothing_;  // as small as rounding
};

}  // namespace detail

/// The least bytes that the plan that writes most can have: where the bytes of each index may be cut and spread over its
/// holders, or the largest index where that is more.
inline double of(const dcp::shared_indices& shared) {
  const std::size_t plans = shared.plans();
  if (plans == 0) return 0;
  std::vector<double> own(plans);
  for (std::size_t plan = 0; plan != plans; ++plan) own[plan] = static_cast<double>(shared.own_bytes(plan));
  std::map<std::vector<std::uint32_t>, double> sets;
  double limit = *std::max_element(own.begin(), own.end());
  double all = std::accumulate(own.begin(), own.end(), 0.0);
  for (std::size_t index = 0; index != shared.size(); ++index) {
    const auto bytes = static_cast<double>(shared.bytes(index));
    const auto holders = shared.holders(index);
    sets[{holders.begin(), holders.end()}] += bytes;
    limit = std::max(limit, bytes);
    all += bytes;
  }

  limit = std::max(limit, all / static_cast<double>(plans));
  const double nothing = all * 1e-13;
  std::vector<double> room(plans);
  for (std::size_t plan = 0; plan != plans; ++plan) room[plan] = limit - own[plan];
  detail::Flow flow(sets, std::move(room), nothing);
  // Plans that are too full must each write an equal part of what only they can write; then there may be others.
  while (flow.spread() > 4 * nothing * static_cast<double>(plans + sets.size())) {
    const std::vector<std::size_t> full = flow.too_full();
    double bytes = flow.bytes_without_room();
    for (const std::size_t plan : full) bytes += own[plan];
    const double higher = bytes / static_cast<double>(full.size());
    flow.add_room(higher - limit);
    limit = higher;
  }
  return limit;
}

}  // namespace balance_limit

#endif  // DCP_EXAMPLES_BALANCE_LIMIT_HPP
