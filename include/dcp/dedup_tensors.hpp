// SPDX-License-Identifier: MIT
//
// dcp::dedup_tensors: before a distributed checkpoint is written, leave each piece of it in one plan.
//
// Every rank of a training job plans what it would write: a save plan, a list of write items, each named by an index
// (a tensor's name and the offset of the chunk). Replicated data is planned by many ranks. This header decides which
// plan writes each index, and takes it out of the others:
//
//     std::vector<my_plan> plans = gather();                // my_plan has `items`, an item has `index`
//     plans = dcp::dedup_tensors(std::move(plans));         // now every index is in them exactly once
//
// It works on your own types (see save_plan_traits and write_item_traits), needs C++20 and the standard library alone,
// and is complete in this one file. It follows PyTorch's torch/distributed/checkpoint/_dedup_tensors.py; where the two
// differ, the comment of the function says so.

#ifndef DCP_DEDUP_TENSORS_HPP
#define DCP_DEDUP_TENSORS_HPP

#define DCP_VERSION_MAJOR 0
#define DCP_VERSION_MINOR 1
#define DCP_VERSION_PATCH 0

// Not <iterator>, <memory> and <ostream>, which double the time to compile an empty program: what is used of them,
// iterator concepts and std::allocator, <span>, <string> and <vector> cannot do without.
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iosfwd>
#include <limits>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#if __has_include(<unistd.h>)
#include <unistd.h>  // the ids of process and thread, which the standard library does not tell
#endif

namespace dcp {
inline namespace v0 {

namespace detail {
template <class Items>
class duplicate_search;
}

// ---------------------------------------------------------------------------------------------- your own types

/// How the library reads a plan. By default a plan has a member `items`. Specialise it for a type that has not:
///
///     template <> struct dcp::save_plan_traits<my_plan> {
///       static auto& items(auto& plan) { return plan.writes; }   // for `my_plan` and for `const my_plan`
///     };
///
/// The items are any container that can lose elements from within: it has `erase` (or, singly linked, `erase_after`).
///
/// A specialisation may add `static my_plan without_items(const my_plan&)`: a copy of all but the items. With it,
/// deduplicating an lvalue copies only the items that stay. By default it is a member function of that name, if any.
template <class Plan>
struct save_plan_traits {
  static constexpr auto& items(auto& plan)
    requires requires { plan.items; }
  {
    return plan.items;
  }

  static constexpr Plan without_items(const Plan& plan)
    requires requires {
      { plan.without_items() } -> std::same_as<Plan>;
    }
  {
    return plan.without_items();
  }
};

/// How the library reads a write item. By default an item has a member `index`: anything with `==` and `std::hash`.
/// Specialise it for a type that has not:
///
///     template <> struct dcp::write_item_traits<my_item> {
///       static const std::string& index(const my_item& item) { return item.key; }
///     };
///
/// `index` returns a reference into the item, or a cheap view by value (a trivially copyable type such as
/// `std::string_view`) of what lives as long as the item. A specialisation may add
///
/// - `storage_size(item)`: the bytes that this item writes, a `std::optional` where they may be unknown. Used by
///   `keep::balanced`. By default the member function of that name, if any.
/// - `same_data(a, b)`: whether two items of equal index describe the same data. Used by `check_replicas`. By default
///   the items' `==`, if any.
template <class Item>
struct write_item_traits {
  static constexpr const auto& index(const Item& item)
    requires requires { item.index; }
  {
    return item.index;
  }

  static constexpr auto storage_size(const Item& item)
    requires requires { item.storage_size(); }
  {
    return item.storage_size();
  }
};

// -------------------------------------------------------------------------------------------------- logging

/// The severity of a log record; the library itself logs at `info`.
enum class log_level { debug, info, warning, error };

/// A place in source code. (std::source_location has no counterpart in Clang 14.)
class source_location {
 public:
  constexpr source_location() = default;
  constexpr source_location(const char* file, std::uint_least32_t line) : file_(file), line_(line) {}

  [[nodiscard]] constexpr const char* file_name() const noexcept { return file_; }
  [[nodiscard]] constexpr std::uint_least32_t line() const noexcept { return line_; }

  /// As a default argument: where the function that has it was called.
  static constexpr source_location current(const char* file = __builtin_FILE(),
                                           std::uint_least32_t line = __builtin_LINE()) {
    return {file, line};
  }

 private:
  const char* file_ = "";
  std::uint_least32_t line_ = 0;
};

/// What a logger is given.
struct log_record {
  log_level level = log_level::info;
  std::string message;
  source_location where;  ///< the caller's call of `dedup_tensors` or `find_duplicates`
};

/// The logger hook: any copyable callable with `const log_record&`, or nothing (the default): then nothing is
/// formatted. What the callable throws reaches the caller of the library, before any plan is changed.
///
/// The message shows an index as Python shows a string, if it is one; else by its `operator<<` or std::to_string, if it
/// has one of them; else as `#` and its position in the plan.
class logger {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  logger() = default;
  logger(std::nullptr_t) noexcept {}

  /// `max_message`: no key is added to a message of that many bytes or more, only how many more there are.
  template <class Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, logger>) &&
                std::constructible_from<std::function<void(const log_record&)>, Function>
  logger(Function&& function, std::size_t max_message = unlimited)
      : function_(std::forward<Function>(function)), max_message_(max_message) {}

  explicit operator bool() const noexcept { return static_cast<bool>(function_); }
  void operator()(const log_record& record) const { function_(record); }
  [[nodiscard]] std::size_t max_message() const noexcept { return max_message_; }

 private:
  std::function<void(const log_record&)> function_;
  std::size_t max_message_ = unlimited;
};

/// A logger that writes one line a record to `stderr`, in PyTorch's form, whole even when many threads log:
///
///     2026-01-31 12:00:00,123 save.cpp:42 INFO p:4711 t:4713: Duplicate keys to remove: {1: ['a', 'b']}
///
/// A million duplicates make a message of a hundred megabytes. So this logger has keys added only while the message is
/// shorter than `max_message` bytes; then it ends in how many are left out: `{1: ['a', 'b', 999998 more]}`.
/// `console_logger(logger::unlimited)` lifts the bound. A line feed in a key is written as `\n`.
[[nodiscard]] inline logger console_logger(std::size_t max_message = 16 * 1024);

// ------------------------------------------------------------------------------------------------- options

/// Which plan writes an index that several plan to write.
class keep {
 public:
  class balanced_policy;

  /// The first that has it.
  static const keep first;

  /// One of those that have it, such that the largest plan is small and a rank's indices stay in few plans (the files
  /// that it opens to load them). `keep::balanced(0.05)` lets the largest plan be 5 % larger than an even spread makes
  /// it, for fewer files; `keep::balanced` alone lets it be 1 %.
  static const balanced_policy balanced;

  [[nodiscard]] constexpr bool is_balanced() const noexcept { return tolerance_ >= 0; }
  [[nodiscard]] constexpr double tolerance() const noexcept { return tolerance_; }

  friend constexpr bool operator==(const keep&, const keep&) = default;

 private:
  explicit constexpr keep(double tolerance) : tolerance_(tolerance) {}

  double tolerance_;  // negative: the first
};

class keep::balanced_policy : public keep {
 public:
  constexpr balanced_policy() : keep(0.01) {}

  /// Throws std::invalid_argument for a tolerance that is negative or not finite.
  [[nodiscard]] constexpr keep operator()(double tolerance) const;
};

inline constexpr keep keep::first{-1.0};
inline constexpr keep::balanced_policy keep::balanced{};

/// The settings of a call: `dedup_tensors(plans, {.log = console_logger(), .keep = keep::balanced})`.
struct options {
  logger log = {};               ///< told what is removed, before any plan is changed; not called where nothing is
  dcp::keep keep = keep::first;  ///< which plan writes an index
  bool check_replicas = false;   ///< throw conflict_error where an item and the one that stays describe different data
};

/// Two items of one index that describe different data: a mistake upstream, which would make a checkpoint that loads
/// wrong.
struct conflict {
  std::string index;  ///< as the log prints it
  std::size_t plan = 0;
  std::size_t position = 0;
  std::size_t keeper = 0;  ///< the plan that would write the index
  std::size_t keeper_position = 0;
};

/// Thrown with `.check_replicas`, before anything is changed or logged; itself the first conflict. (PyTorch writes
/// whichever item it keeps, in silence: pytorch issues 150862 and 120356.)
struct conflict_error : std::runtime_error, conflict {
  conflict_error(std::size_t count, std::vector<conflict> first_conflicts);

  std::size_t count;                ///< all conflicts of the call
  std::vector<conflict> conflicts;  ///< the first 10 of them
};

// --------------------------------------------------------------------------------------------- the algorithm

/// An item that some other item makes redundant.
struct duplicate {
  std::uint32_t position;  ///< in the items of its plan, from 0
  std::uint32_t keeper;    ///< the plan that writes the index, from 0; its own plan, where that names an index twice

  friend bool operator==(const duplicate&, const duplicate&) = default;
};

namespace detail {
// Allocates as std::allocator does, but leaves values without a constructor unset: a large array is not written twice.
template <class Value>
struct unset_allocator : std::allocator<Value> {
  template <class Other>
  struct rebind {
    using other = unset_allocator<Other>;
  };
  template <class Other, class... Arguments>
  void construct(Other* at, Arguments&&... arguments) {
    if constexpr (sizeof...(Arguments) == 0) ::new (static_cast<void*>(at)) Other;
    else ::new (static_cast<void*>(at)) Other(std::forward<Arguments>(arguments)...);
  }
};

template <class Value>
using unset_vector = std::vector<Value, unset_allocator<Value>>;
}  // namespace detail

/// The decision that `find_duplicates` makes: which items are redundant. A value; it refers to no plan.
class duplicates {
 public:
  /// How many items are redundant, in all plans.
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }

  /// The redundant items of one plan, ascending by position. Throws std::out_of_range if there is no such plan.
  [[nodiscard]] std::span<const duplicate> in(std::size_t plan) const;

  /// How many plans the decision was made for, and how many items one of them had.
  [[nodiscard]] std::size_t plans() const noexcept { return plans_.size(); }
  [[nodiscard]] std::size_t items(std::size_t plan) const;

  friend bool operator==(const duplicates&, const duplicates&) = default;

 private:
  template <class Items>
  friend class detail::duplicate_search;

  struct plan_part {
    std::uint32_t items;  // how many the plan has
    std::uint32_t end;    // of its part of `all_`, which begins where that of the plan before ends

    friend bool operator==(const plan_part&, const plan_part&) = default;
  };
  detail::unset_vector<duplicate> all_;  // plan by plan
  std::vector<plan_part> plans_;
};

/// Decides which items are redundant, so that each index stays exactly once, also where one plan names it several
/// times. (PyTorch's `dedup_tensors` then loses it altogether: pytorch/xla issue 7919.)
///
/// - `keep::first`: the first occurrence stays, plans in order, items in order. Otherwise the result is PyTorch's.
/// - `keep::balanced`: bytes are the `storage_size` of an index's first item; one whose bytes are unknown or 0 stays in
///   the lowest plan that has it. What one plan alone has is counted before any choice. First each index, largest
///   first, is given to its least loaded plan: that shows how small the largest plan can be, and that times (1 +
///   tolerance) is the limit. Then all are given anew: the smallest, as many as the tolerance has room for, to their
///   lowest plan; the others, largest first, to a plan that keeps another index of exactly the same plans, the one that
///   did so first, or else to the least loaded, within the limit. Where there is no room, the first result counts.
///   Indices of equal size come in the order in which they first occur, of equal plans the lowest. (PyTorch's
///   `dedup_save_plans` goes through the indices once, in order, and counts whole tensors.)
///
/// Touches and copies no plan. Complexity: linear in the items, given a hash that tells the indices apart;
/// `keep::balanced` also sorts the indices. Extra memory, at most: 12 bytes an item, 25 more an index, 28 a plan; 8
/// more an item if their container has no random access; 4 more an item, 50 more an index and 100 for each set of plans
/// that have an index in common, for `keep::balanced`.
/// Throws std::length_error for 2^32 - 1 items or more, std::overflow_error for 2^64 bytes or more to balance,
/// conflict_error (see options), and what allocations and the user's hash, `==` and logger throw.
template <class Plans>
[[nodiscard]] duplicates find_duplicates(const Plans& plans, const options& settings = {},
                                         source_location where = source_location::current());

/// Erases the items that `found` calls redundant, in place. What stays keeps its order, and every other member of a
/// plan its value. Complexity: linear in the items. Throws std::invalid_argument, and changes nothing, if the plans are
/// not as many, or have not as many items, as those that `found` was made for. Nothing else throws, as long as moving
/// and destroying an item do not. A plan that loses all its items gives their memory back, where they are in a vector.
template <class Plans>
void erase_duplicates(Plans& plans, const duplicates& found);

/// `find_duplicates`, then `erase_duplicates`: every index that several items plan to write stays in one of them.
///
/// An lvalue is left as it was, whatever throws, and the result returned is a copy; a `std::vector` of plans that have
/// `without_items` (see save_plan_traits) is copied without the items that go. An rvalue is worked on in place and
/// returned, and no item is copied; what throws does so before the first change, as long as moving an item does not.
template <class Plans>
[[nodiscard]] std::remove_cvref_t<Plans> dedup_tensors(Plans&& plans, const options& settings = {},
                                                       source_location where = source_location::current());

// ============================================================================================= the machinery
//
// In this order: what is asked of a caller's types; reading the plans; the log's text; the search for duplicates;
// balancing; checking replicas; erasing.

namespace detail {

// Where the compiler has exceptions off, what would be thrown ends the program instead.
template <class Exception>
[[noreturn]] void raise(Exception exception) {
#if defined(__cpp_exceptions)
  throw Exception(std::move(exception));
#else
  std::fprintf(stderr, "%s\n", exception.what());
  std::abort();
#endif
}

// ------------------------------------------------------------------------------------------- what types must be

namespace access {
using std::begin;
using std::end;
template <class Range>
constexpr auto begin_of(Range& range) -> decltype(begin(range)) {
  return begin(range);
}
template <class Range>
constexpr auto end_of(Range& range) -> decltype(end(range)) {
  return end(range);
}
}  // namespace access
using access::begin_of;
using access::end_of;

template <class Range>
using iterator_of = decltype(begin_of(std::declval<Range&>()));

template <class Range>
concept forward_range = requires(Range& range) {
  { begin_of(range) } -> std::forward_iterator;
  { end_of(range) } -> std::sentinel_for<iterator_of<Range>>;
};

template <forward_range Range>
constexpr std::uint64_t count_of(const Range& range) {
  if constexpr (std::random_access_iterator<iterator_of<const Range>>)
    return static_cast<std::uint64_t>(end_of(range) - begin_of(range));
  std::uint64_t count = 0;
  for (auto at = begin_of(range); at != end_of(range); ++at) ++count;
  return count;
}

template <forward_range Plans>
using plan_of = std::iter_value_t<iterator_of<const Plans>>;

template <class Plan>
concept has_items = requires(const Plan& plan) { save_plan_traits<Plan>::items(plan); };

template <has_items Plan>
using items_of = std::remove_cvref_t<decltype(save_plan_traits<Plan>::items(std::declval<const Plan&>()))>;

template <class Plan>
using item_of = std::iter_value_t<iterator_of<const items_of<Plan>>>;

template <class Item>
concept has_index = requires(const Item& item) { write_item_traits<Item>::index(item); };

template <has_index Item>
using index_result = decltype(write_item_traits<Item>::index(std::declval<const Item&>()));

template <has_index Item>
using index_of = std::remove_cvref_t<index_result<Item>>;

// What a trait returns by value has to be a view of what the item holds: an owning key would be copied at every look.
template <class Item>
concept index_outlives_call =
    std::is_lvalue_reference_v<index_result<Item>> || std::is_trivially_copyable_v<index_of<Item>>;

template <class Index>
concept has_hash = requires(const Index& index) {
  { std::hash<Index>{}(index) } -> std::convertible_to<std::size_t>;
};

template <class Index>
concept has_equality = requires(const Index& a, const Index& b) {
  { a == b } -> std::convertible_to<bool>;
};

template <class Item>
consteval bool check_item() {
  static_assert(has_index<Item>,
                "dcp: a write item has no index: give it a member `index`, or specialise dcp::write_item_traits<Item> "
                "with `static const auto& index(const Item&)`");
  if constexpr (has_index<Item>) {
    static_assert(index_outlives_call<Item>,
                  "dcp: write_item_traits<Item>::index returns by value an index that dies at once: return a reference "
                  "into the item, or a trivially copyable view such as std::string_view");
    static_assert(has_hash<index_of<Item>>, "dcp: the index of a write item has no hash: specialise std::hash<Index>");
    static_assert(has_equality<index_of<Item>>,
                  "dcp: two indices of write items cannot be compared: give Index an operator==");
    return index_outlives_call<Item> && has_hash<index_of<Item>> && has_equality<index_of<Item>>;
  }
  return false;
}

template <class Plan>
consteval bool check_plan() {
  static_assert(has_items<Plan>,
                "dcp: a plan has no items: give it a member `items`, or specialise dcp::save_plan_traits<Plan> with "
                "`static auto& items(auto& plan)`, which takes a const plan too");
  if constexpr (has_items<Plan>) {
    static_assert(forward_range<const items_of<Plan>>, "dcp: the items of a plan are no forward range");
    if constexpr (forward_range<const items_of<Plan>>) return check_item<item_of<Plan>>();
  }
  return false;
}

// For all functions: plans and items can be read.
template <class Plans>
consteval bool check_readable() {
  static_assert(forward_range<const Plans>, "dcp: the plans are no forward range, such as std::vector<Plan>");
  if constexpr (forward_range<const Plans>) return check_plan<plan_of<Plans>>();
  return false;
}

// Items that can be closed up, moving each that stays once: std::vector, std::deque.
template <class Items>
concept closes_up = std::random_access_iterator<iterator_of<Items>> &&
                    std::is_move_assignable_v<std::iter_value_t<iterator_of<Items>>> &&
                    requires(Items& items) { items.erase(items.begin(), items.end()); };

// Items that can be taken out one by one at no cost to the others: std::list, std::set, std::map.
template <class Items>
concept erases_one = !std::random_access_iterator<iterator_of<Items>> && requires(Items& items) {
  { items.erase(items.begin()) } -> std::convertible_to<iterator_of<Items>>;
};

// The same, singly linked: std::forward_list.
template <class Items>
concept erases_after = requires(Items& items) { items.erase_after(items.before_begin()); };

template <class Items>
concept erasable = closes_up<Items> || erases_one<Items> || erases_after<Items>;

template <class Range>
using element_of = std::remove_reference_t<std::iter_reference_t<iterator_of<Range>>>;

// A copy of a container that owns its elements leaves the elements of the original alone. Such a container passes its
// own constness on to them; a span or a vector of pointers does not.
template <class Plans>
concept owns_plans = std::is_const_v<element_of<const Plans>> && !std::is_const_v<element_of<Plans>>;

template <class Plan>
concept owns_items =
    std::is_const_v<std::remove_reference_t<decltype(save_plan_traits<Plan>::items(std::declval<const Plan&>()))>> &&
    requires(Plan& plan) {
      requires !std::is_const_v<std::remove_reference_t<decltype(save_plan_traits<Plan>::items(plan))>>;
    };

// For those that change plans: what is redundant can be erased.
template <class Plans>
consteval bool check_erasable() {
  if constexpr (check_readable<Plans>()) {
    using Plan = plan_of<Plans>;
    static_assert(owns_plans<Plans>,
                  "dcp: the plans cannot be changed or are not owned by their container: pass it a container that owns "
                  "them, such as std::vector<Plan>, and no span, view or initializer_list");
    static_assert(
        owns_items<Plan>,
        "dcp: the items of a plan cannot be changed or are not owned by it: save_plan_traits<Plan>::items has "
        "to return a reference, to const items for a const plan alone");
    static_assert(
        erasable<items_of<Plan>>,
        "dcp: the items of a plan cannot be erased: keep them in a container with `erase`, and make them assignable "
        "if it is a std::vector or std::deque");
    return owns_plans<Plans> && owns_items<Plan> && erasable<items_of<Plan>>;
  }
  return false;
}

// ------------------------------------------------------------------------------------------- reading the plans

// The items of all plans, each found by plan and position in constant time.
template <class Plans>
class planned_items {
 public:
  using plan_type = plan_of<Plans>;
  using item_type = item_of<plan_type>;
  using index_type = index_of<item_type>;

  explicit planned_items(const Plans& plans) {
    plans_.reserve(static_cast<std::size_t>(count_of(plans)));
    for (const plan_type& plan : plans) {
      const auto& items = save_plan_traits<plan_type>::items(plan);
      const std::uint64_t count = count_of(items);
      if (count >= std::numeric_limits<std::uint32_t>::max() - size_)
        raise(std::length_error("dcp: the plans have 2^32 - 1 items or more"));
      size_ += static_cast<std::uint32_t>(count);
      plans_.push_back({cursor(), static_cast<std::uint32_t>(count)});
      if constexpr (by_position) plans_.back().begin = begin_of(items);
    }
    if constexpr (!by_position) {
      pointers_.reserve(size_);
      auto part = plans_.begin();
      for (const plan_type& plan : plans) {
        (part++)->begin = pointers_.data() + pointers_.size();
        for (const item_type& item : save_plan_traits<plan_type>::items(plan)) pointers_.push_back(&item);
      }
    }
  }

  [[nodiscard]] std::size_t plans() const { return plans_.size(); }
  [[nodiscard]] std::uint32_t size() const { return size_; }  // of all plans
  [[nodiscard]] std::uint32_t size(std::size_t plan) const { return plans_[plan].size; }

  [[nodiscard]] const item_type& item(std::size_t plan, std::uint32_t position) const {
    if constexpr (by_position) return plans_[plan].begin[static_cast<std::iter_difference_t<cursor>>(position)];
    else return *plans_[plan].begin[position];
  }
  [[nodiscard]] decltype(auto) index(std::size_t plan, std::uint32_t position) const {
    return write_item_traits<item_type>::index(item(plan, position));
  }

 private:
  using iterator = iterator_of<const items_of<plan_type>>;
  static constexpr bool by_position =
      std::random_access_iterator<iterator> && std::is_lvalue_reference_v<std::iter_reference_t<iterator>>;
  using cursor = std::conditional_t<by_position, iterator, const item_type* const*>;

  struct plan_part {
    cursor begin;
    std::uint32_t size;
  };
  std::vector<plan_part> plans_;
  std::vector<const item_type*> pointers_;  // to all items in order, where there is no random access
  std::uint32_t size_ = 0;
};

// ----------------------------------------------------------------------------------------------- the log's text

template <class Index>
concept prints_itself = (std::is_class_v<Index> || std::is_enum_v<Index>) &&
                        requires(std::ostream& out, const Index& index) { out << index; };

// A number. (Its operator<< would be there only for those who include <ostream>.)
template <class Index>
concept has_digits = requires(const Index& index) { std::to_string(index); };

template <class Type>
concept complete = requires { sizeof(Type); };

// What is written to a stream, appended to a text. Its base is an argument so that it is looked at only where an index
// has an operator<<, and so <ostream>: to include it here would cost everybody else a fifth of the time to compile this
// header.
template <class Buffer>
class text_buffer : public Buffer {
 public:
  explicit text_buffer(std::string& text) : text_(text) {}

 private:
  int overflow(int next) override {
    if (next != Buffer::traits_type::eof()) text_ += static_cast<char>(next);
    return 0;
  }

  std::string& text_;
};

// As Python's repr shows a str. Bytes above 127 are taken for the UTF-8 of what can be printed.
inline void append_quoted(std::string& text, std::string_view value) {
  const char quote = value.find('\'') != value.npos && value.find('"') == value.npos ? '"' : '\'';
  text += quote;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') (text += '\\') += c;
    else if (c == '\n') text += "\\n";
    else if (c == '\r') text += "\\r";
    else if (c == '\t') text += "\\t";
    else if (byte < 0x20 || byte == 0x7F) {
      text += "\\x";
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    } else text += c;
  }
  text += quote;
}

template <class Index, class Stream = std::ostream>
void append_index(std::string& text, const Index& index, std::uint32_t position) {
  if constexpr (std::convertible_to<const Index&, std::string_view>) {
    append_quoted(text, index);
  } else if constexpr (prints_itself<Index>) {
    static_assert(complete<Stream>, "dcp: the log prints an index by its operator<<: include <ostream>");
    if constexpr (complete<Stream>) {
      text_buffer<std::basic_streambuf<typename Stream::char_type>> buffer(text);
      Stream out(&buffer);
      out.exceptions(Stream::badbit);  // or else it would swallow a failed allocation of the text's
      out << index;
    }
  } else if constexpr (has_digits<Index>) {
    text += std::to_string(index);
  } else {
    text += '#' + std::to_string(position);
  }
}

// What one plan loses. `left` counts what all plans lose and is not in the text yet.
template <class IndexAt>
void append_removed(std::string& text, std::size_t plan, std::span<const duplicate> redundant, const IndexAt& index_at,
                    std::size_t max_message, std::size_t& left) {
  text += std::to_string(plan) + ": [";
  const char* between = "";
  for (const duplicate& each : redundant) {
    text += between;
    between = ", ";
    if (text.size() >= max_message) {
      text += std::to_string(std::exchange(left, 0)) + " more";
      break;
    }
    append_index(text, index_at(each.position), each.position);
    --left;
  }
  text += ']';
}

template <class Items>
std::string removal_message(const Items& items, const duplicates& found, std::size_t max_message) {
  std::string text = "Duplicate keys to remove: {";
  std::size_t left = found.size();
  const char* between = "";
  for (std::size_t plan = 0; plan != found.plans() && left != 0; ++plan) {
    if (found.in(plan).empty()) continue;
    text += between;
    between = ", ";
    const auto index_at = [&](std::uint32_t position) -> decltype(auto) { return items.index(plan, position); };
    append_removed(text, plan, found.in(plan), index_at, max_message, left);
  }
  return text += '}';
}

inline const char* level_name(log_level level) {
  switch (level) {
    case log_level::debug: return "DEBUG";
    case log_level::info: return "INFO";
    case log_level::warning: return "WARNING";
    case log_level::error: return "ERROR";
  }
  return "INFO";  // not reached: the enumeration has no other values
}

inline long process_id() {
#if __has_include(<unistd.h>)
  return static_cast<long>(getpid());
#else
  return 0;
#endif
}

// The number by which debuggers and `top` know the thread, where there is one.
inline long thread_id() {
#if defined(__GLIBC__) && __has_include(<unistd.h>)
  return static_cast<long>(gettid());
#else
  static thread_local const char here = 0;
  return static_cast<long>(reinterpret_cast<std::uintptr_t>(&here));
#endif
}

inline std::string local_time() {
  std::timespec now{};
  static_cast<void>(std::timespec_get(&now, TIME_UTC));
  std::tm parts{};
  localtime_r(&now.tv_sec, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ",%03d", static_cast<int>(now.tv_nsec / 1'000'000));
  return text;
}

inline void write_line(const log_record& record) {
  const std::string_view path = record.where.file_name();
  std::string line = local_time() + ' ';
  line += path.substr(path.find_last_of("/\\") + 1);
  line += ':' + std::to_string(record.where.line()) + ' ' + level_name(record.level);
  line += " p:" + std::to_string(process_id()) + " t:" + std::to_string(thread_id()) + ": ";
  for (const char c : record.message) c == '\n' ? line += "\\n" : line += c;
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call: the stream is locked for the whole line
}

// --------------------------------------------------------------------------------------------------- the search

// A user's hash may be the identity, or equal in its low bits; here every bit of the result depends on all of it. (The
// finaliser of MurmurHash3, with the constants that David Stafford found for SplitMix64.)
constexpr std::uint32_t mix(std::uint64_t hash) {
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9u;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBu;
  return static_cast<std::uint32_t>(hash >> 32);
}

// Finds the number of an index by its hash. Open addressing with linear probing. A slot of four bytes holds the number,
// and above it what of the hash the slot's place does not tell: few other keys are ever looked at, the table stays
// small in the cache, and as the hashes are kept in order, growing reads no key and computes no hash. (A template, as
// the balancer is, so that who includes this header and calls nothing does not wait for the compiler.)
template <class Number>
class number_table {
 public:
  // Has the slot for this hash loaded, so that it is there when it is looked at.
  void prefetch(Number hash) const { __builtin_prefetch(slots_.data() + (hash & mask_)); }

  // The number of the index with this hash of which `same(number)` is true; if there is none, the next number, which it
  // gets.
  template <class Same>
  Number find_or_enter(Number hash, const Same& same) {
    std::size_t at = hash & mask_;
    for (; slots_[at] != 0; at = (at + 1) & mask_) {
      if (((slots_[at] ^ hash) & ~mask_) != 0) continue;
      const Number number = (slots_[at] & mask_) - 1;
      if (hashes_[number] == hash && same(number)) return number;
    }
    const auto number = static_cast<Number>(hashes_.size());
    hashes_.push_back(hash);
    slots_[at] = (hash & ~mask_) | (number + 1);
    if (hashes_.size() > slots_.size() / 8 * 5) grow();
    return number;
  }

 private:
  void grow() {
    const std::size_t size = slots_.size() * 2;
    slots_ = {};  // before there are more: at the peak there is one table
    slots_.resize(size);
    mask_ = static_cast<Number>(size - 1);
    Number number = 0;
    for (const Number hash : hashes_) {
      constexpr std::size_t ahead = 16;
      if (number + ahead < hashes_.size()) prefetch(hashes_[number + ahead]);
      std::size_t at = hash & mask_;
      while (slots_[at] != 0) at = (at + 1) & mask_;
      slots_[at] = (hash & ~mask_) | ++number;
    }
  }

  std::vector<Number> slots_ = std::vector<Number>(64);  // 0, or a number + 1 and the upper bits of its hash
  Number mask_ = 63;
  std::vector<Number> hashes_;  // by number
};

// Numbers the distinct indices in the order in which they first occur, and finds the items that are not the first of
// theirs.
template <class Items>
class duplicate_search {
 public:
  // `number_all`: for `numbers`, and what needs them.
  duplicate_search(const Items& items, bool number_all) : items_(items), number_all_(number_all) {
    found_.resize(items.size());
    numbers_.resize(items.size());
    starts_.reserve(items.plans());
    for (std::uint32_t plan = 0; plan != items.plans(); ++plan) search(plan);
  }

  [[nodiscard]] std::size_t distinct() const { return distinct_; }

  // The numbers of all items of a plan, in order.
  [[nodiscard]] std::span<const std::uint32_t> numbers(std::size_t plan) const {
    return {numbers_.data() + starts_[plan], items_.size(plan)};
  }

  // The item that writes the index of this number: `keeper` is its plan. At first it is where the index first occurs.
  // Every item is either that or redundant: so one array has room for both, these from its end.
  [[nodiscard]] duplicate& writer(std::size_t number) { return found_[found_.size() - 1 - number]; }

  // Lets the plan `keepers` names for each index write it, with the first item there that has it.
  void change_writers(const std::vector<std::uint32_t>& keepers) {
    constexpr std::uint32_t not_met = std::numeric_limits<std::uint32_t>::max();
    for (std::size_t number = 0; number != distinct_; ++number) writer(number) = {not_met, keepers[number]};
    redundant_ = 0;
    for (std::uint32_t plan = 0; plan != items_.plans(); ++plan) {
      std::uint32_t position = 0;
      for (const std::uint32_t number : numbers(plan)) {
        duplicate& writes = writer(number);
        if (writes.keeper == plan && writes.position == not_met) writes.position = position;
        else found_[redundant_++] = {position, writes.keeper};
        ++position;
      }
      result_.plans_[plan].end = static_cast<std::uint32_t>(redundant_);
    }
  }

  duplicates take() && {
    found_.resize(redundant_);
    result_.all_ = std::move(found_);
    return std::move(result_);
  }

 private:
  void search(std::uint32_t plan) {
    starts_.push_back(static_cast<std::uint32_t>(known_));
    const std::size_t distinct_before = distinct_;
    if (like_ >= known_) like_ = 0;
    for (std::uint32_t position = 0; position != items_.size(plan);) {
      position = follow_replica(plan, position);
      position = look_up_block(plan, position);
    }
    if (number_all_ || distinct_ != distinct_before) known_ += items_.size(plan);
    result_.plans_.push_back({items_.size(plan), static_cast<std::uint32_t>(redundant_)});
  }

  // Replicas list the same items in the same order. So where an item had the index of an earlier one, the next item
  // will have the index of the one after that: a comparison decides, without a hash. A replica adds nothing to what is
  // known, so the items it was like are found again for the next replica, and stay in the cache.
  std::uint32_t follow_replica(std::uint32_t plan, std::uint32_t position) {
    if (like_ >= known_) return position;
    const std::uint32_t* like = numbers_.data() + like_;
    const std::uint32_t begin = position;
    const std::uint32_t end = items_.size(plan);
    // (Past what is known, `like` is at items of this plan, before `position`.)
    for (; position != end; ++position, ++like) {
      const duplicate first = writer(*like);
      if (!(items_.index(plan, position) == items_.index(first.keeper, first.position))) break;
      found_[redundant_++] = {position, first.keeper};
      numbers_[known_ + position] = *like;
    }
    like_ += position - begin;
    return position;
  }

  // Where the guess fails, a block of items is hashed before the first of them is looked up: the loads of the keys
  // overlap, and so do those of the table's slots.
  std::uint32_t look_up_block(std::uint32_t plan, std::uint32_t position) {
    constexpr std::uint32_t block_size = 32;
    std::uint32_t hashes[block_size];
    const std::uint32_t count = std::min(block_size, items_.size(plan) - position);
    for (std::uint32_t i = 0; i != count; ++i) {
      hashes[i] = mix(std::hash<index_type>{}(items_.index(plan, position + i)));
      table_.prefetch(hashes[i]);
    }
    for (std::uint32_t i = 0; i != count; ++i) look_up(plan, position + i, hashes[i]);
    return position + count;
  }

  void look_up(std::uint32_t plan, std::uint32_t position, std::uint32_t hash) {
    const auto& index = items_.index(plan, position);
    const auto next = static_cast<std::uint32_t>(distinct_);
    const std::uint32_t number = table_.find_or_enter(hash, [&](std::uint32_t other) {
      const duplicate first = writer(other);
      return static_cast<bool>(index == items_.index(first.keeper, first.position));
    });
    numbers_[known_ + position] = number;
    if (number == next) {
      writer(distinct_++) = {position, plan};
      ++like_;  // another chunk of the same tensor, it may be: the next item can be alike all the same
    } else {
      const duplicate first = writer(number);
      found_[redundant_++] = {position, first.keeper};
      like_ = starts_[first.keeper] + first.position + std::size_t{1};
    }
  }

  using index_type = typename Items::index_type;

  const Items& items_;
  const bool number_all_;
  number_table<std::uint32_t> table_;
  duplicates result_;
  unset_vector<duplicate> found_;  // the redundant items, and from the end the writers
  std::size_t redundant_ = 0;
  std::size_t distinct_ = 0;
  unset_vector<std::uint32_t> numbers_;  // of the items in those plans that had a new index (or in all), in order
  std::size_t known_ = 0;                // how many there are, without the plan at hand
  std::vector<std::uint32_t> starts_;    // where a plan's begin
  std::size_t like_ = 0;                 // the item among them that the next one is expected to be like
};

// --------------------------------------------------------------------------------------------------- balancing

// The bytes that an item writes, 0 if they are not known.
template <class Item>
std::uint64_t bytes_of(const Item& item) {
  if constexpr (requires { write_item_traits<Item>::storage_size(item); }) {
    const auto size = write_item_traits<Item>::storage_size(item);
    const auto checked = [](auto bytes) {
      if (bytes < decltype(bytes){}) raise(std::invalid_argument("dcp: an item's storage_size is negative"));
      return static_cast<std::uint64_t>(bytes);
    };
    if constexpr (requires { size.has_value(); }) return size ? checked(*size) : 0;
    else return checked(size);
  }
  return 0;
}

// Indices and the plans that have them: what there is to balance.
struct candidate_list {
  std::vector<std::uint64_t> bytes;   // of each index, in the order in which they first occur
  std::vector<std::uint32_t> begins;  // of each index's part of `plans`
  std::vector<std::uint32_t> ends;
  std::vector<std::uint32_t> plans;  // ascending in a part, each once

  [[nodiscard]] std::span<const std::uint32_t> of(std::size_t index) const {
    return {plans.data() + begins[index], plans.data() + ends[index]};
  }
};

// Chooses the plan that writes each index, as find_duplicates says of keep::balanced.
template <class Candidates>
class balancer {
 public:
  balancer(std::size_t plans, const Candidates& candidates)
      : candidates_(candidates), alone_(plans), keepers_(candidates.bytes.size()) {
    std::uint64_t all_bytes = 0;
    for (std::uint32_t index = 0; index != keepers_.size(); ++index) {
      const std::uint64_t bytes = candidates.bytes[index];
      if (bytes > std::numeric_limits<std::uint64_t>::max() - all_bytes)
        raise(std::overflow_error("dcp: the plans have 2^64 bytes or more to balance"));
      all_bytes += bytes;
      keepers_[index] = candidates.of(index).front();
      if (candidates.of(index).size() == 1) alone_[keepers_[index]] += bytes;
      else if (bytes != 0) choices_.push_back(index);
    }
    std::sort(choices_.begin(), choices_.end(), [&](auto a, auto b) {
      return candidates.bytes[a] != candidates.bytes[b] ? candidates.bytes[a] > candidates.bytes[b] : a < b;
    });
  }

  // The keeper of each index.
  std::vector<std::uint32_t> choose(double tolerance) && {
    const std::uint64_t reached = spread();
    const long double bound = static_cast<long double>(reached) * (1 + static_cast<long double>(tolerance));
    const auto limit = bound < 0x1p64L ? static_cast<std::uint64_t>(bound) : std::numeric_limits<std::uint64_t>::max();
    if (!gather(limit, limit - reached)) spread();
    return std::move(keepers_);
  }

 private:
  // Makes the largest plan small; returns its bytes.
  std::uint64_t spread() {
    load_ = alone_;
    for (const std::uint32_t index : choices_) give(index, least_loaded(index));
    return largest();
  }

  // Makes the keepers of a plan's indices few; false if no plan is left that has room for one of them.
  bool gather(std::uint64_t limit, std::uint64_t slack) {
    load_ = alone_;
    // By the bytes of the plans to choose from.
    std::unordered_map<std::string_view, std::vector<std::uint32_t>> keepers_of;
    const auto keepers_for = [&](std::uint32_t index) -> auto& {
      const auto plans = std::as_bytes(candidates_.of(index));
      return keepers_of[{reinterpret_cast<const char*>(plans.data()), plans.size()}];
    };
    auto end = choices_.end();
    for (; end != choices_.begin() && candidates_.bytes[end[-1]] <= slack; --end) {
      const std::uint32_t lowest = candidates_.of(end[-1]).front();
      keepers_for(end[-1]) = {lowest};
      give(end[-1], lowest);
      slack -= candidates_.bytes[end[-1]];
    }
    for (auto choice = choices_.begin(); choice != end; ++choice) {
      const auto has_room = [&](std::uint32_t plan) { return load_[plan] + candidates_.bytes[*choice] <= limit; };
      std::vector<std::uint32_t>& keepers = keepers_for(*choice);
      auto keeper = std::find_if(keepers.begin(), keepers.end(), has_room);
      if (keeper == keepers.end()) {
        if (!has_room(least_loaded(*choice))) return false;
        keeper = keepers.insert(keeper, least_loaded(*choice));
      }
      give(*choice, *keeper);
    }
    return true;
  }

  void give(std::uint32_t index, std::uint32_t plan) {
    load_[plan] += candidates_.bytes[index];
    keepers_[index] = plan;
  }
  [[nodiscard]] std::uint32_t least_loaded(std::uint32_t index) const {
    const auto plans = candidates_.of(index);
    return *std::min_element(plans.begin(), plans.end(), [&](auto a, auto b) { return load_[a] < load_[b]; });
  }
  [[nodiscard]] std::uint64_t largest() const {
    return load_.empty() ? 0 : *std::max_element(load_.begin(), load_.end());
  }

  const Candidates& candidates_;
  std::vector<std::uint64_t> alone_;    // of each plan, the bytes that it alone has
  std::vector<std::uint64_t> load_;     // of each plan, those and what it has been given
  std::vector<std::uint32_t> choices_;  // the indices that several plans have and whose bytes are known, largest first
  std::vector<std::uint32_t> keepers_;
};

template <class Items>
candidate_list candidates_of(const Items& items, duplicate_search<Items>& search) {
  candidate_list result;
  result.begins.resize(search.distinct() + 1);
  for (std::size_t number = 0; number != search.distinct(); ++number)
    result.bytes.push_back(bytes_of(items.item(search.writer(number).keeper, search.writer(number).position)));
  for (std::uint32_t plan = 0; plan != items.plans(); ++plan)
    for (const std::uint32_t number : search.numbers(plan)) ++result.begins[number + 1];
  for (std::size_t i = 1; i < result.begins.size(); ++i) result.begins[i] += result.begins[i - 1];

  result.ends.assign(result.begins.begin(), result.begins.end() - 1);
  result.plans.resize(items.size());
  for (std::uint32_t plan = 0; plan != items.plans(); ++plan)
    for (const std::uint32_t number : search.numbers(plan)) {
      std::uint32_t& end = result.ends[number];
      if (end == result.begins[number] || result.plans[end - 1] != plan) result.plans[end++] = plan;
    }
  return result;
}

// ------------------------------------------------------------------------------------------- checking replicas

template <class Item>
bool same_data(const Item& a, const Item& b) {
  if constexpr (requires { write_item_traits<Item>::same_data(a, b); }) return write_item_traits<Item>::same_data(a, b);
  else if constexpr (has_equality<Item>) return a == b;
  else
    raise(std::invalid_argument("dcp: check_replicas wants write_item_traits<Item>::same_data, or an == of the items"));
}

inline std::string conflict_message(std::size_t count, const std::vector<conflict>& conflicts) {
  std::string text = "dcp: " + std::to_string(count) + " replicas differ from the item that would be written:";
  for (const conflict& each : conflicts)
    text += "\n  " + each.index + ": plan " + std::to_string(each.plan) + ", item " + std::to_string(each.position) +
            " and plan " + std::to_string(each.keeper) + ", item " + std::to_string(each.keeper_position);
  if (count > conflicts.size()) text += "\n  and " + std::to_string(count - conflicts.size()) + " more";
  return text;
}

template <class Items>
void check_replicas(const Items& items, duplicate_search<Items>& search) {
  constexpr std::size_t most_listed = 10;
  std::size_t count = 0;
  std::vector<conflict> conflicts;
  for (std::uint32_t plan = 0; plan != items.plans(); ++plan) {
    std::uint32_t position = 0;
    for (const std::uint32_t number : search.numbers(plan)) {
      const duplicate writer = search.writer(number);
      if (writer != duplicate{position, plan} &&
          !same_data(items.item(plan, position), items.item(writer.keeper, writer.position)) &&
          ++count <= most_listed) {
        conflicts.push_back({{}, plan, position, writer.keeper, writer.position});
        append_index(conflicts.back().index, items.index(plan, position), position);
      }
      ++position;
    }
  }
  if (count != 0) raise(conflict_error(count, std::move(conflicts)));
}

// ----------------------------------------------------------------------------------------------------- erasing

template <class Items>
void erase_items(Items& items, std::span<const duplicate> redundant) {
  if (redundant.empty()) return;
  if constexpr (closes_up<Items>) {
    const auto at = [&](std::uint32_t position) {
      return items.begin() + static_cast<std::iter_difference_t<iterator_of<Items>>>(position);
    };
    auto out = at(redundant.front().position);
    for (std::size_t i = 0; i != redundant.size(); ++i) {
      const auto end = i + 1 != redundant.size() ? at(redundant[i + 1].position) : items.end();
      for (auto stays = at(redundant[i].position) + 1; stays != end; ++stays, ++out) *out = std::move(*stays);
    }
    items.erase(out, items.end());
    // What replicas held is most of a job's plans. Given back plan by plan, it is still in the cache when the allocator
    // joins the small blocks of the items to larger ones: a quarter of the time of dedup_tensors, with glibc.
    if constexpr (requires { items.capacity(), Items(items.get_allocator()).swap(items); })
      if (items.empty()) Items(items.get_allocator()).swap(items);
  } else if constexpr (erases_one<Items>) {
    auto item = items.begin();
    std::uint32_t position = 0;
    for (const duplicate& each : redundant) {
      for (; position != each.position; ++position) ++item;
      item = items.erase(item);
      ++position;
    }
  } else {
    auto before = items.before_begin();
    std::uint32_t position = 0;
    for (const duplicate& each : redundant) {
      for (; position != each.position; ++position) ++before;
      items.erase_after(before);
      ++position;
    }
  }
}

// Whether plans can be copied without the items that go.
template <class Plans>
concept copies_what_stays = std::same_as<Plans, std::vector<plan_of<Plans>, typename Plans::allocator_type>> &&
                            requires(const plan_of<Plans>& plan, items_of<plan_of<Plans>>& items) {
                              save_plan_traits<plan_of<Plans>>::without_items(plan);
                              items.push_back(*begin_of(std::as_const(items)));
                            };

template <class Plan>
Plan copy_what_stays(const Plan& plan, std::span<const duplicate> redundant) {
  using traits = save_plan_traits<Plan>;
  Plan result = traits::without_items(plan);
  auto& out = traits::items(result);
  const auto& items = traits::items(plan);
  if constexpr (requires { out.reserve(items.size()); }) out.reserve(items.size() - redundant.size());
  std::uint32_t position = 0;
  for (const auto& item : items) {
    if (!redundant.empty() && redundant.front().position == position) redundant = redundant.subspan(1);
    else out.push_back(item);
    ++position;
  }
  return result;
}

template <class Plans>
Plans copy_what_stays(const Plans& plans, const duplicates& found) {
  if constexpr (copies_what_stays<Plans>) {
    Plans result(std::allocator_traits<typename Plans::allocator_type>::select_on_container_copy_construction(
        plans.get_allocator()));
    result.reserve(plans.size());
    std::size_t number = 0;
    for (const auto& plan : plans) result.push_back(copy_what_stays(plan, found.in(number++)));
    return result;
  } else {
    Plans result(plans);
    erase_duplicates(result, found);
    return result;
  }
}

// Moves before it erases: to move a std::deque can throw. (In a function of its own, so that the result is not moved
// again.)
template <class Plans>
Plans move_what_stays(Plans&& plans, const duplicates& found) {
  Plans result(std::move(plans));
  erase_duplicates(result, found);
  return result;
}

}  // namespace detail

// ------------------------------------------------------------------------------------------ the public functions

inline logger console_logger(std::size_t max_message) { return logger(detail::write_line, max_message); }

constexpr keep keep::balanced_policy::operator()(double tolerance) const {
  if (!(tolerance >= 0 && tolerance <= std::numeric_limits<double>::max()))
    detail::raise(std::invalid_argument("dcp: a tolerance is a finite number from 0 up"));
  return keep(tolerance);
}

inline conflict_error::conflict_error(std::size_t all, std::vector<conflict> first_conflicts)
    : std::runtime_error(detail::conflict_message(all, first_conflicts)),
      conflict(first_conflicts.front()),
      count(all),
      conflicts(std::move(first_conflicts)) {}

inline std::size_t duplicates::items(std::size_t plan) const {
  if (plan >= plans_.size()) detail::raise(std::out_of_range("dcp: there is no such plan"));
  return plans_[plan].items;
}

inline std::span<const duplicate> duplicates::in(std::size_t plan) const {
  if (plan >= plans_.size()) detail::raise(std::out_of_range("dcp: there is no such plan"));
  const std::size_t end = plans_[plan].end;
  const std::size_t begin = plan == 0 ? 0 : plans_[plan - 1].end;
  return {all_.data() + begin, end - begin};
}

template <class Plans>
duplicates find_duplicates(const Plans& plans, const options& settings, source_location where) {
  if constexpr (detail::check_readable<Plans>()) {
    const detail::planned_items<Plans> items(plans);
    detail::duplicate_search search(items, settings.keep.is_balanced() || settings.check_replicas);
    if (settings.keep.is_balanced()) {
      const detail::candidate_list candidates = detail::candidates_of(items, search);
      search.change_writers(detail::balancer(items.plans(), candidates).choose(settings.keep.tolerance()));
    }
    if (settings.check_replicas) detail::check_replicas(items, search);
    duplicates found = std::move(search).take();
    if (settings.log && !found.empty())
      settings.log({log_level::info, detail::removal_message(items, found, settings.log.max_message()), where});
    return found;
  }
}

template <class Plans>
void erase_duplicates(Plans& plans, const duplicates& found) {
  if constexpr (detail::check_erasable<Plans>()) {
    using traits = save_plan_traits<detail::plan_of<Plans>>;
    std::size_t number = 0;
    for (auto& plan : plans) {
      auto& items = traits::items(plan);
      if (number >= found.plans() || detail::count_of(items) != found.items(number))
        detail::raise(std::invalid_argument("dcp: the duplicates were found in other plans"));
      ++number;
    }
    if (number != found.plans()) detail::raise(std::invalid_argument("dcp: the duplicates were found in other plans"));
    number = 0;
    for (auto& plan : plans) detail::erase_items(traits::items(plan), found.in(number++));
  }
}

template <class Plans>
std::remove_cvref_t<Plans> dedup_tensors(Plans&& plans, const options& settings, source_location where) {
  if constexpr (detail::check_erasable<std::remove_cvref_t<Plans>>()) {
    const duplicates found = find_duplicates(plans, settings, where);
    if constexpr (std::is_lvalue_reference_v<Plans> || std::is_const_v<std::remove_reference_t<Plans>>) {
      return detail::copy_what_stays(plans, found);
    } else {
      return detail::move_what_stays(std::move(plans), found);
    }
  }
}

}  // namespace v0
}  // namespace dcp

#endif  // DCP_DEDUP_TENSORS_HPP
