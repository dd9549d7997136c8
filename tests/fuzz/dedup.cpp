#include <dcp/balanced.hpp>
#include <dcp/dedup_tensors.hpp>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <list>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../policies.hpp"
#include "../policy_model.hpp"
#include "../random_types.hpp"
#include "targets.hpp"

namespace fuzz {
namespace {

using test::hashing;

struct key {
  std::uint32_t value = 0;
  hashing hashed = hashing::identity;  // the same for all of an input
  friend auto operator<=>(const key&, const key&) = default;
};

struct item {
  key index;
  std::uint32_t number = 0;  // tells apart the items that have an index in common
  std::optional<std::uint64_t> bytes = {};
  unsigned data = 0;  // what check_replicas compares

  [[nodiscard]] std::optional<std::uint64_t> storage_size() const { return bytes; }
  friend bool operator==(const item&, const item&) = default;
};

template <class Items>
using plan = test::ranked_plan<Items>;

}  // namespace
}  // namespace fuzz

template <>
struct std::hash<fuzz::key> {
  std::size_t operator()(const fuzz::key& index) const noexcept { return test::hash_by(index.hashed, index.value); }
};

template <>
struct dcp::write_item_traits<fuzz::item> {
  static const auto& index(const fuzz::item& item) { return item.index; }
  static auto storage_size(const fuzz::item& item) { return item.storage_size(); }
  static bool same_data(const fuzz::item& a, const fuzz::item& b) { return a.data == b.data; }
};

namespace fuzz {
namespace {

// -------------------------------------------------------------------------------------------- what the bytes stand for

// An item without the type of its index.
struct entry {
  std::uint32_t index = 0;
  std::optional<std::uint64_t> bytes = {};
  unsigned data = 0;
};

struct input {
  hashing hashed = hashing::identity;
  unsigned container = 0;
  dcp::keep_policy keep = {};
  bool check = false;
  std::vector<std::vector<entry>> plans;
};

class reader {
 public:
  explicit reader(std::string_view bytes) : left_(bytes) {}

  input read() {
    input result;
    const unsigned types = next();
    result.hashed = static_cast<hashing>(types % 4);
    result.container = types / 4;
    const unsigned policy = next();
    result.check = (policy & 1) != 0;
    // The last of the holders; or balanced, with tolerances from 0 to 15.25, and one past all that can be added to a size.
    if ((policy & 2) != 0) {
      if (policy >> 2 == 0x3E) result.keep = test::keep_last;
      else result.keep = dcp::keep::balanced(policy >> 2 == 0x3F ? 1e300 : (policy >> 2) / 4.0);
    }
    while (!left_.empty()) read_part(result.plans);
    return result;
  }

 private:
  void read_part(std::vector<std::vector<entry>>& plans) {
    constexpr std::size_t most_items = 300;  // so that a small input makes no large list out of copies of copies
    const unsigned byte = next();
    if (byte >= 0xF0) {
      plans.emplace_back();
    } else if (plans.empty() || items_ > most_items) {
      return;
    } else if (byte >= 0xE0) {  // a part of an earlier plan
      const std::vector<entry> from = plans[next() % plans.size()];
      const std::size_t begin = from.empty() ? 0 : next() % from.size();
      const std::size_t count = std::min<std::size_t>(from.size() - begin, byte == 0xEF ? from.size() : next());
      for (std::size_t i = 0; i != count; ++i) add(plans.back(), from[begin + i]);
    } else if (byte >=
               0xD0) {  // many new indices: past a block of look-ups, and past what a table holds before it grows
      const std::size_t count = (byte - 0xCFu) * 4;
      for (std::size_t i = 0; i != count; ++i) add(plans.back(), {next_new_++, i % 3, 0});
    } else {
      const unsigned more = next();
      add(plans.back(), {byte & 0x3F, size_in(more & 0x7F), more >> 7});
    }
  }

  void add(std::vector<entry>& plan, const entry& each) {
    plan.push_back(each);
    ++items_;
  }

  // Small numbers mostly, nothing, and powers of two up to 2^63: sums past 64 bits are within reach.
  static std::optional<std::uint64_t> size_in(unsigned byte) {
    if (byte < 8) return {};
    if (byte < 64) return byte - 8;
    return std::uint64_t{1} << (byte - 64);
  }

  unsigned next() {
    if (left_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return byte;
  }

  std::string_view left_;
  std::uint32_t next_new_ = 1000;
  std::size_t items_ = 0;
};

template <class Plan>
std::vector<Plan> build(const input& in) {
  std::vector<Plan> plans;
  std::uint32_t number = 0;
  for (const auto& list : in.plans) {
    std::vector<item> content;
    for (const entry& each : list) content.push_back({{each.index, in.hashed}, number++, each.bytes, each.data});
    plans.push_back({{content.begin(), content.end()}, plans.size()});
  }
  return plans;
}

// ------------------------------------------------------------------------------------------------------ the comparison

using decision = std::vector<std::vector<dcp::duplicate>>;

decision decision_of(const dcp::duplicates& found) {
  decision result;
  for (std::size_t plan = 0; plan != found.plans(); ++plan)
    result.emplace_back(found.in(plan).begin(), found.in(plan).end());
  return result;
}

// Nothing where the bytes are past 64 bits, for keep::balanced or for one plan.
std::optional<decision> modelled(const std::vector<plan<std::vector<item>>>& plans, const dcp::keep_policy& keep) {
  try {
    return test::policy_model(
        plans, [](const item& it) { return it.index; }, [](const item& it) { return it.bytes; }, keep);
  } catch (const std::overflow_error&) {
    return {};
  }
}

template <class Plan>
void compare(const input& in) {
  const auto plain = build<plan<std::vector<item>>>(in);
  const auto before = build<Plan>(in);

  auto plans = before;
  const dcp::options settings{.keep = in.keep};
  const std::optional<decision> expected_decision = modelled(plain, in.keep);
  dcp::duplicates found;
  try {
    found = dcp::find_duplicates(plans, settings);
  } catch (const std::overflow_error&) {
    require(!expected_decision, "only too many bytes are refused");
    return;
  }
  require(expected_decision.has_value(), "too many bytes are refused");

  const decision redundant = decision_of(found);
  require(redundant == *expected_decision, "the decision is the model's");

  // What is left, which conflicts there are, and the log, out of the decision alone.
  auto left = plain;
  std::size_t conflicts = 0;
  std::string message;
  std::set<std::uint32_t> indices, kept;
  for (std::size_t rank = 0; rank != plain.size(); ++rank) {
    left[rank].items.clear();
    auto next = redundant[rank].begin();
    std::string keys;
    for (std::uint32_t position = 0; position != plain[rank].items.size(); ++position) {
      const item& it = plain[rank].items[position];
      indices.insert(it.index.value);
      if (next != redundant[rank].end() && next->position == position) {
        require(next->keeper < plain.size(), "a keeper is one of the plans");
        require(next->keeper_position < plain[next->keeper].items.size(), "what stays is one of its items");
        const item& writer = plain[next->keeper].items[next->keeper_position];
        require(writer.index == it.index && writer.number != it.number, "what stays is another item of the index");
        conflicts += it.bytes != 0U && writer.data != it.data;  // an empty item is not compared
        keys += (keys.empty() ? "#" : ", #") + std::to_string(position);
        ++next;
      } else {
        require(kept.insert(it.index.value).second, "no index is left twice");
        left[rank].items.push_back(it);
      }
    }
    require(next == redundant[rank].end(), "positions ascend, and are those of items");
    if (!keys.empty()) message += (message.empty() ? "" : ", ") + std::to_string(rank) + ": [" + keys + "]";
  }
  require(indices == kept, "no index is lost");

  std::vector<Plan> expected;
  for (const auto& each : left) expected.push_back({{each.items.begin(), each.items.end()}, each.rank});

  std::vector<std::string> log;
  const dcp::options logged{.log = [&](const dcp::log_record& record) { log.push_back(record.message); },
                            .keep = in.keep,
                            .check_replicas = in.check};
  const auto attempt = [&](auto&& argument) {
    log.clear();
    try {
      const std::vector<Plan> result = dcp::dedup_tensors(std::forward<decltype(argument)>(argument), logged);
      require(!in.check || conflicts == 0, "check_replicas finds what differs");
      require(result == expected, "what is not redundant stays, in order");
      require(log == (message.empty() ? std::vector<std::string>{}
                                      : std::vector{"Duplicate keys to remove: {" + message + "}"}),
              "the log names the keys that go");
      return true;
    } catch (const dcp::conflict_error& error) {
      require(in.check && error.count == conflicts, "check_replicas counts what differs, and nothing else");
      require(error.conflicts.size() == std::min<std::size_t>(conflicts, 10), "the first 10 conflicts are listed");
      require(log.empty(), "the check comes before the log");
      return false;
    }
  };
  attempt(std::as_const(plans));
  require(plans == before, "an lvalue is untouched");
  auto erased = plans;
  if (!attempt(std::move(plans))) require(plans == before, "an rvalue that conflicts is untouched");

  dcp::erase_duplicates(erased, found);
  require(erased == expected, "erase_duplicates carries the decision out");
}

}  // namespace
}  // namespace fuzz

void fuzz::dedup(std::string_view bytes) {
  const input in = reader(bytes).read();
  switch (in.container % 3) {
    case 0: return compare<plan<std::vector<item>>>(in);
    case 1: return compare<plan<std::deque<item>>>(in);
    case 2: return compare<plan<std::list<item>>>(in);
  }
}
