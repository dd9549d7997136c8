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

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "dcp needs C++20: compile with -std=c++20 (MSVC: /std:c++20)"
#else

#define DCP_VERSION_MAJOR 0
#define DCP_VERSION_MINOR 2
#define DCP_VERSION_PATCH 0

// Not <iterator>, <memory>, <ostream> and <ranges>, which double the time to compile an empty program: what is used of
// them, the concepts of ranges and std::allocator, <algorithm>, <span> and <vector> cannot do without.
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iosfwd>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace dcp {
inline namespace v0 {

// ---------------------------------------------------------------------------------------------- your own types

/// How the library reads a plan. What a specialisation leaves out is as here by default.
///
/// - `items(plan)`: the items, for `plan` and for `const plan`; any container that can lose elements from within. By
///   default the member `items`, or what a member function `items()` returns a reference to (and `mutable_items()` a
///   pointer to, as protobuf has it), or the plan itself, if it is a container of items. A smart pointer to a plan, and
///   a map's entry whose value is a plan, are read as the plan.
/// - `without_items(plan)`: optional; a copy of all but the items. With it, deduplicating an lvalue copies only the
///   items that stay. By default the member function of that name, if any.
///
///     template <> struct dcp::save_plan_traits<my_plan> {
///       static auto& items(auto& plan) { return plan.writes; }
///     };
template <class Plan>
struct save_plan_traits;

/// How the library reads a write item. What a specialisation leaves out is as here by default.
///
/// - `index(item)`: what names the item, by reference, or by value if that is cheap and owns nothing: a number, a
///   std::string_view, a std::tie of parts. By default the member `index`, or what a member function `index()` returns;
///   of a map's entry, the key. A smart pointer to an item is read as the item.
/// - `hash(index)`, `equal(a, b)`: by default std::hash, or a hash of all parts of a pair, tuple, optional or range
///   that can be hashed; and `==`.
/// - `storage_size(item)`: the bytes that this item writes, a `std::optional` where they may be unknown. By default the
///   member function or member of that name, if any. `writes_nothing(item)`: whether they are known to be 0, for types
///   that can tell so more cheaply.
/// - `same_data(a, b)`: whether two items of equal index describe the same data, for `check_replicas`. By default `==`.
/// - `chunk(item)`: which part of its tensor the item writes, for `check_coverage` (see coverage.hpp).
///
///     template <> struct dcp::write_item_traits<my_item> {
///       static auto index(const my_item& item) { return std::tie(item.name, item.offsets); }
///     };
///
/// | works as it is                            | with one line           | not at all                                |
/// |-------------------------------------------|-------------------------|-------------------------------------------|
/// | `items`, `index`: members or functions    | members of other names  | an index that is a `const char*`: it      |
/// | items in a std:: container, Abseil's,     | an index of parts:      | would be compared by address              |
/// | Boost's, protobuf's; behind pointers      | `std::tie`              | an index made anew at every look          |
/// | maps of items by index                    | a hash, an `==` of      | items or plans by value, as from a        |
/// | plans in any range that owns them         | one's own               | `views::transform` that makes them        |
template <class Item>
struct write_item_traits;

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
/// formatted. What the callable throws reaches the caller of the library, before any plan is changed. A ready-made one
/// is `console_logger()` in console_logger.hpp.
///
/// The message shows an index as Python shows a string, if it is one; else by its `operator<<` or in digits; a pair,
/// tuple, optional or range by its parts; what has none of these as `#` and its position in the plan, or in the index.
class logger {
 public:
  static constexpr std::size_t unlimited = ~std::size_t{0};

  logger() = default;
  logger(std::nullptr_t) noexcept {}

  /// `max_message`: no key is added to a message of that many bytes or more, only how many more there are.
  template <class Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, logger>)
  logger(Function&& function, std::size_t max_message = unlimited) : max_message_(max_message) {
    constexpr bool fits = std::is_copy_constructible_v<std::decay_t<Function>> &&
                          std::constructible_from<std::function<void(const log_record&)>, Function>;
    static_assert(fits, "dcp: a logger is a copyable callable that takes a `const dcp::log_record&`");
    if constexpr (fits) function_ = std::forward<Function>(function);
  }

  explicit operator bool() const noexcept { return static_cast<bool>(function_); }
  void operator()(const log_record& record) const { function_(record); }
  [[nodiscard]] std::size_t max_message() const noexcept { return max_message_; }

 private:
  std::function<void(const log_record&)> function_;
  std::size_t max_message_ = unlimited;
};

// ------------------------------------------------------------------------------------- which plan writes an index

/// What a policy chooses from: the indices that several plans have, in the order in which they first occur.
class shared_indices {
 public:
  /// `bytes_known`: whether the items tell their bytes at all. The library makes these; who tests a policy may too.
  explicit shared_indices(std::size_t plans, bool bytes_known = true) : own_bytes_(plans), bytes_known_(bytes_known) {}

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::size_t plans() const noexcept { return own_bytes_.size(); }

  /// What the index's first item that writes something writes; 0 where that is not known.
  [[nodiscard]] std::uint64_t bytes(std::size_t index) const { return bytes_[index]; }
  /// The plans that have the index, ascending; where some write something, or may, those alone.
  [[nodiscard]] std::span<const std::uint32_t> holders(std::size_t index) const {
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::span(holders_).subspan(begin, ends_[index] - begin);
  }
  /// The bytes that the plan writes in any case: of indices that no other plan has.
  [[nodiscard]] std::uint64_t own_bytes(std::size_t plan) const { return own_bytes_[plan]; }
  /// False where the items' type does not tell bytes: then all are 0.
  [[nodiscard]] bool bytes_known() const noexcept { return bytes_known_; }

  /// `holders`: ascending, at least two.
  void add(std::uint64_t bytes, std::span<const std::uint32_t> holders);
  /// Throws std::overflow_error for 2^64 bytes or more.
  void add_own_bytes(std::size_t plan, std::uint64_t bytes);

 private:
  std::vector<std::uint64_t> bytes_;
  std::vector<std::size_t> ends_;  // of each index's part of `holders_`
  std::vector<std::uint32_t> holders_;
  std::vector<std::uint64_t> own_bytes_;
  bool bytes_known_;
};

namespace keep {
/// The first plan that has an index writes it, as in PyTorch's `dedup_tensors`. Costs no list of holders.
struct first_policy {};
inline constexpr first_policy first{};
}  // namespace keep

/// The hook that chooses which plan writes an index: `keep::first` (the default), `keep::balanced` of balanced.hpp, or
/// any copyable callable with `const shared_indices&` that returns a std::vector<std::uint32_t>: of each shared index
/// the plan that writes it, one of its holders. What it throws reaches the caller, before any plan is changed.
class keep_policy {
 public:
  keep_policy() = default;
  keep_policy(keep::first_policy) noexcept {}

  template <class Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, keep_policy>)
  keep_policy(Function&& function) {
    constexpr bool fits =
        std::is_copy_constructible_v<std::decay_t<Function>> && std::constructible_from<choice, Function>;
    static_assert(fits,
                  "dcp: a keep policy is a copyable callable that takes a `const dcp::shared_indices&` and returns a "
                  "std::vector<std::uint32_t>");
    if constexpr (fits) function_ = std::forward<Function>(function);
  }

  /// Whether it is another than `keep::first`.
  explicit operator bool() const noexcept { return static_cast<bool>(function_); }
  [[nodiscard]] std::vector<std::uint32_t> operator()(const shared_indices& shared) const { return function_(shared); }

 private:
  using choice = std::function<std::vector<std::uint32_t>(const shared_indices&)>;
  choice function_;
};

// ------------------------------------------------------------------------------------------------- options

/// The settings of a call: `dedup_tensors(plans, {.log = console_logger(), .keep = keep::balanced})`.
struct options {
  logger log = {};              ///< told what is removed, before any plan is changed; not called where nothing is
  keep_policy keep = {};        ///< which plan writes an index
  bool check_replicas = false;  ///< throw conflict_error where an item and the one that stays describe different data
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
/// whichever item it keeps, in silence: pytorch PR 150862 and issue 120356.)
struct
#if defined(__GNUC__)  // or each shared library built with hidden visibility would have a type of its own to catch
    [[gnu::visibility("default")]]
#endif
    conflict_error : std::runtime_error,
                     conflict {
  conflict_error(std::size_t count, std::vector<conflict> first_conflicts);

  std::size_t count;                ///< all conflicts of the call
  std::vector<conflict> conflicts;  ///< the first 10 of them
};

// --------------------------------------------------------------------------------------------- the algorithm

/// An item that some other item makes redundant.
struct duplicate {
  std::uint32_t position;         ///< in the items of its plan, from 0
  std::uint32_t keeper;           ///< the plan that writes the index, from 0; its own, where that names an index twice
  std::uint32_t keeper_position;  ///< of the item that stays, in the items of `keeper`

  friend bool operator==(const duplicate&, const duplicate&) = default;
};

namespace detail {
template <class Items>
class duplicate_search;

// Allocates as std::allocator does, but leaves values without a constructor unset: a large array is not written twice.
template <class Value>
struct unset_allocator : std::allocator<Value> {
  template <class Other>
  struct rebind {
    using other = unset_allocator<Other>;
  };
  template <class Other>
  void construct(Other* at) {
    ::new (static_cast<void*>(at)) Other;
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
  [[nodiscard]] std::size_t plans() const noexcept { return items_.size(); }
  [[nodiscard]] std::size_t items(std::size_t plan) const;

  friend bool operator==(const duplicates&, const duplicates&) = default;

 private:
  template <class Items>
  friend class detail::duplicate_search;

  detail::unset_vector<duplicate> all_;  // plan by plan
  std::vector<std::uint32_t> ends_;      // of each plan's part of `all_`
  std::vector<std::uint32_t> items_;     // how many each plan has
};

/// Decides which items are redundant, so that each index stays exactly once, also where one plan names it several
/// times. (PyTorch's `dedup_tensors` then loses it altogether: pytorch/xla issue 7919.)
///
/// With `keep::first` the first occurrence stays, plans in order, items in order; with another policy the first item
/// of the plan that it names. But an item that is known to write nothing (`storage_size` 0) never stays where another
/// of its index writes something, or may. (PyTorch threw real shards away for empty ones: pytorch PR 150862.)
/// Otherwise the result of `keep::first` is PyTorch's.
///
/// Touches and copies no plan. Complexity: linear in the items, given a hash that tells the indices apart. Extra
/// memory, at most: 16 bytes an item, 24 more an index, 28 a plan (52 of a std::deque); 8 more an item if their
/// container has no random access; for a policy 12 more an item and 50 more an index, and what it takes itself.
/// Throws std::invalid_argument if two plans share one items object, if a policy names a plan that is no holder of an
/// index, or not as many plans as there are shared indices, and if a storage_size that is asked for is no number from
/// 0 up; std::length_error for 2^32 - 1 items or more; conflict_error (see options); and what allocations and the
/// user's hash, `==`, policy and logger throw.
template <class Plans>
[[nodiscard]] duplicates find_duplicates(const Plans& plans, const options& settings = {},
                                         source_location where = source_location::current());

/// Erases the items that `found` calls redundant, in place; `found` may have been made for an earlier save. Each is
/// compared with the item that is to stay: std::invalid_argument, and nothing changed, if the plans are not as many,
/// have not as many items, any index is not its keeper's, or that has nothing to write any more and the other has. So
/// whatever the plans, no index is lost. (What has become redundant since is not found: that wants a new decision.)
///
/// The plans may be any range, also one that does not own them: a span, a view, pointers. What stays keeps its order,
/// and every other member of a plan its value. A plan that loses all its items gives their memory back, where they are
/// in a std::vector. Nothing but the comparison throws, as long as moving and destroying an item do not.
/// Complexity: linear in the items. A container that is neither a plain sequence nor made of nodes (a flat map, a
/// tsl::ordered_map) closes up after each run of neighbours that go.
template <class Plans>
void erase_duplicates(Plans&& plans, const duplicates& found);

/// `find_duplicates`, then the redundant items are erased: every index that several plan to write stays in one item.
///
/// An lvalue is left as it was, whatever throws, and the result returned is a copy; a `std::vector` of plans that have
/// `without_items` (see save_plan_traits) is copied without the items that go. Throws std::invalid_argument if the copy
/// shares its items with the original, as pointers to plans do. An rvalue is worked on in place and returned, and no
/// item is copied; what throws does so before the first change, as long as moving an item does not.
template <class Plans>
[[nodiscard]] std::decay_t<Plans> dedup_tensors(Plans&& plans, const options& settings = {},
                                                source_location where = source_location::current());

// ============================================================================================= the machinery
//
// In the order in which data flows: what types must be; an index as text; reading the plans; the search for duplicates;
// the choice of keepers; checking; erasing; the log's text. Calls that name no object are qualified, so that no function
// of a caller's namespace is taken for one of ours.

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

template <class Optional>
concept optional_like = requires(const Optional& value) {
  { value.has_value() } -> std::same_as<bool>;
  *value;
};

// A pointer, plain or smart: what it points to is meant, unless its own trait says otherwise.
template <class Pointer>
concept points = std::is_pointer_v<Pointer> || requires(const Pointer& pointer) {
  static_cast<bool>(pointer);
  pointer.get();
  *pointer;
};

// An element of a map: std::pair<const Key, Value>, or protobuf's like of it.
template <class Entry>
concept map_entry = requires(Entry& entry) {
  entry.second;
  requires std::is_const_v<decltype(Entry::first)>;
};

constexpr auto& pointee(auto& pointer) {
  if (!pointer) detail::raise(std::invalid_argument("dcp: a plan or an item is a null pointer"));
  return *pointer;
}

// What the parts are of a type whose `==` rests on theirs; hash and text do too, where it `has_parts`.
template <class... Types>
struct type_list {};
type_list<> parts_in(...);
template <class First, class Second>
type_list<First, Second> parts_in(std::type_identity<std::pair<First, Second>>);
template <class... Parts>
type_list<Parts...> parts_in(std::type_identity<std::tuple<Parts...>>);
template <template <class...> class Variant, class... Parts>
  requires requires(const Variant<Parts...>& value) { value.valueless_by_exception(); }
type_list<Parts...> parts_in(std::type_identity<Variant<Parts...>>);
template <optional_like Optional>
auto parts_in(std::type_identity<Optional>) -> type_list<decltype(*std::declval<const Optional&>())>;
template <std::ranges::forward_range Range>
  requires(!std::is_array_v<Range> && !optional_like<Range> &&       // (a std::optional is a range too, in C++26)
           !std::same_as<std::ranges::range_value_t<Range>, Range>)  // (a std::filesystem::path has paths)
type_list<std::ranges::range_value_t<Range>> parts_in(std::type_identity<Range>);
template <class Whole>
using parts_of = decltype(detail::parts_in(std::type_identity<Whole>()));

// Not a variant: it has one of them, and to ask for it would want <variant>.
template <class Whole>
concept has_parts =
    !std::same_as<parts_of<Whole>, type_list<>> && !requires(const Whole& value) { value.valueless_by_exception(); };

template <class Whole, class Predicate>
consteval bool all_parts(Predicate predicate) {
  return [&]<class... Parts>(type_list<Parts...>) {
    return (predicate(type_list<std::remove_cvref_t<Parts>>{}) && ...);
  }(parts_of<Whole>());
}

// Whether `==` can be called. That of a pair, tuple, variant or container is there whatever its parts have.
template <class Type>
consteval bool has_equality() {
  if constexpr (!std::is_array_v<Type> && requires(const Type& a, const Type& b) {  // (arrays compare addresses)
                  { a == b } -> std::convertible_to<bool>;
                })
    return detail::all_parts<Type>([]<class Part>(type_list<Part>) { return detail::has_equality<Part>(); });
  else return false;
}

template <class Index>
concept has_std_hash = requires(const Index& index) {
  { std::hash<Index>{}(index) } -> std::convertible_to<std::size_t>;
};

template <class Index>
consteval bool has_hash() {
  if constexpr (has_std_hash<Index>) return true;
  else if constexpr (!has_parts<Index> || requires { typename Index::hasher; })
    return false;  // (of a set: in any order)
  else return detail::all_parts<Index>([]<class Part>(type_list<Part>) { return detail::has_hash<Part>(); });
}

// By `==`, or, where that is missing, part by part: a std::span has none.
template <class Index>
consteval bool is_comparable() {
  if constexpr (detail::has_equality<Index>()) return true;
  else if constexpr (!has_parts<Index> || requires { typename Index::hasher; }) return false;
  else return detail::all_parts<Index>([]<class Part>(type_list<Part>) { return detail::is_comparable<Part>(); });
}

// Text, or a list of numbers, would be compared by its address.
template <class Index>
consteval bool has_no_bare_text() {
  using decayed = std::decay_t<Index>;
  if constexpr (std::is_pointer_v<decayed>) return !std::is_integral_v<std::remove_pointer_t<decayed>>;
  else return detail::all_parts<Index>([]<class Part>(type_list<Part>) { return detail::has_no_bare_text<Part>(); });
}

// What a trait returns by value has to be a view of what the item holds: an owning key would be made at every look.
template <class Result>
constexpr bool outlives_call = std::is_lvalue_reference_v<Result> || std::is_trivially_copyable_v<Result>;
template <class First, class Second>
inline constexpr bool outlives_call<std::pair<First, Second>> = outlives_call<First> && outlives_call<Second>;
template <class... Parts>
inline constexpr bool outlives_call<std::tuple<Parts...>> = (outlives_call<Parts> && ...);

// Calls `visit` with each part.
template <class Whole, class Visit>
constexpr void for_each_part(const Whole& whole, const Visit& visit) {
  if constexpr (optional_like<Whole>) {
    if (whole.has_value()) visit(*whole);
  } else if constexpr (std::ranges::forward_range<const Whole>)
    for (const auto& part : whole) visit(part);
  else std::apply([&](const auto&... part) { (visit(part), ...); }, whole);
}

// What is called of a caller's types: what the trait has, or else the default; void, if a type has neither.
struct access {
  template <class Plan>
  static constexpr decltype(auto) default_items(Plan& plan) {
    if constexpr (requires { plan.items; }) return (plan.items);
    else if constexpr (requires { *plan.mutable_items(); }) return *plan.mutable_items();
    else if constexpr (requires { plan.items(); }) return plan.items();
    else if constexpr (points<std::remove_const_t<Plan>>) return access::items(detail::pointee(plan));
    else if constexpr (map_entry<Plan>) return access::items(plan.second);
    else if constexpr (std::ranges::forward_range<Plan>) return (plan);
  }
  template <class Plan>
  static constexpr decltype(auto) items(Plan& plan) {
    using traits = save_plan_traits<std::remove_const_t<Plan>>;
    if constexpr (requires { traits::items(plan); }) return traits::items(plan);
    else return access::default_items(plan);
  }

  template <class Plan>
  static constexpr auto without_items(const Plan& plan) {
    if constexpr (requires { save_plan_traits<Plan>::without_items(plan); })
      return save_plan_traits<Plan>::without_items(plan);
    else if constexpr (requires { plan.without_items(); }) return plan.without_items();
  }

  // An item, or what it points to.
  template <class Item>
  static constexpr const auto& target(const Item& item) {
    if constexpr (points<Item> && !requires { write_item_traits<Item>::index(item); })
      return access::target(detail::pointee(item));
    else return item;
  }

  template <class Item>
  static constexpr decltype(auto) default_index(const Item& item) {
    if constexpr (requires { item.index; }) return (item.index);
    else if constexpr (requires { item.index(); }) return item.index();
    else if constexpr (map_entry<const Item>) {
      // Unless the value has an index of another type: it could be either.
      using of_value = std::remove_cvref_t<decltype(access::index(access::target(item.second)))>;
      if constexpr (std::is_void_v<of_value> || std::same_as<const of_value, decltype(Item::first)>)
        return (item.first);
    }
  }
  template <class Item>
  static constexpr decltype(auto) index(const Item& item) {
    if constexpr (requires { write_item_traits<Item>::index(item); }) return write_item_traits<Item>::index(item);
    else return access::default_index(item);
  }

  template <class Item, class Index>
  static constexpr std::uint64_t hash(const Index& index) {
    if constexpr (requires { write_item_traits<Item>::hash(index); })
      return static_cast<std::uint64_t>(write_item_traits<Item>::hash(index));
    else if constexpr (has_std_hash<Index>) return std::hash<Index>{}(index);
    else {
      std::uint64_t hash = 0;
      detail::for_each_part(index, [&](const auto& part) {
        hash = (hash + 1 + access::hash<type_list<>>(part)) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
      });
      return hash;
    }
  }
  template <class Item, class Index>
  static constexpr bool equal(const Index& a, const Index& b) {
    if constexpr (requires { write_item_traits<Item>::equal(a, b); })
      return static_cast<bool>(write_item_traits<Item>::equal(a, b));
    else if constexpr (detail::has_equality<Index>()) return static_cast<bool>(a == b);
    else if constexpr (optional_like<Index>)
      return a.has_value() ? b.has_value() && access::equal<type_list<>>(*a, *b) : !b.has_value();
    else if constexpr (std::ranges::forward_range<const Index>) {
      auto other = std::ranges::begin(b);
      for (const auto& part : a)
        if (other == std::ranges::end(b) || !access::equal<type_list<>>(part, *other++)) return false;
      return other == std::ranges::end(b);
    } else
      return [&]<std::size_t... At>(std::index_sequence<At...>) {
        return (access::equal<type_list<>>(std::get<At>(a), std::get<At>(b)) && ...);
      }(std::make_index_sequence<std::tuple_size_v<Index>>());
  }

  template <class Item>
  static constexpr auto storage_size(const Item& item) {
    if constexpr (requires { write_item_traits<Item>::storage_size(item); })
      return write_item_traits<Item>::storage_size(item);
    else if constexpr (requires { item.storage_size(); }) return item.storage_size();
    else if constexpr (requires { item.storage_size; }) return item.storage_size;
    else if constexpr (map_entry<const Item>) return access::storage_size(access::target(item.second));
  }

  // The bytes that an item writes, if they are known.
  static constexpr std::optional<std::uint64_t> bytes(const auto& item) {
    if constexpr (!std::is_void_v<decltype(access::storage_size(item))>) {
      const auto checked = [](auto size) {
        if (!(size >= decltype(size){} && static_cast<long double>(size) < 0x1p64L))
          detail::raise(std::invalid_argument("dcp: an item's storage_size is no number of bytes from 0 up"));
        return static_cast<std::uint64_t>(size);
      };
      const auto size = access::storage_size(item);
      if constexpr (!optional_like<decltype(size)>) return checked(size);
      else if (size.has_value()) return checked(*size);
    }
    return {};
  }
  template <class Item>
  static constexpr bool writes_nothing(const Item& item) {
    if constexpr (requires { write_item_traits<Item>::writes_nothing(item); })
      return write_item_traits<Item>::writes_nothing(item);
    else if constexpr (
        !requires { write_item_traits<Item>::storage_size(item); } && requires { item.writes_nothing(); })
      return item.writes_nothing();
    else return access::bytes(item) == 0U;
  }

  template <class Item>
  static constexpr auto same_data(const Item& a, const Item& b) {
    if constexpr (requires { write_item_traits<Item>::same_data(a, b); })
      return static_cast<bool>(write_item_traits<Item>::same_data(a, b));
    else if constexpr (map_entry<const Item>)
      return access::same_data(access::target(a.second), access::target(b.second));
    else if constexpr (detail::has_equality<Item>()) return static_cast<bool>(a == b);
  }
};

template <class Range>
using element_of = std::remove_reference_t<std::ranges::range_reference_t<Range>>;  // const, where it cannot be changed
template <class Plans>
using plan_of = std::ranges::range_value_t<Plans>;
template <class Plan>
using items_result = decltype(access::items(std::declval<Plan&>()));
template <class Plan>
using items_of = std::remove_cvref_t<items_result<const Plan>>;
template <class Plan>
using entry_of = std::ranges::range_value_t<const items_of<Plan>>;  // an item, or a pointer to one
template <class Plan>
using item_of = std::remove_cvref_t<decltype(access::target(std::declval<const entry_of<Plan>&>()))>;
template <class Item>
using index_result = decltype(access::index(std::declval<const Item&>()));
template <class Item>
using index_of = std::remove_cvref_t<index_result<Item>>;

template <class Item>
concept tells_bytes = !std::is_void_v<decltype(access::storage_size(std::declval<const Item&>()))>;
template <class Item>
concept tells_data =
    !std::is_void_v<decltype(access::same_data(std::declval<const Item&>(), std::declval<const Item&>()))>;
template <class Item>
concept has_own_hash = requires(const index_of<Item>& index) { write_item_traits<Item>::hash(index); };
template <class Item>
concept has_own_equality = requires(const index_of<Item>& index) { write_item_traits<Item>::equal(index, index); };

// Elements that are there before and after they are looked at.
template <class Range>
concept holds_elements = std::is_lvalue_reference_v<std::ranges::range_reference_t<Range>>;
// A container that owns its elements passes its own constness on to them; a span or a handle does not.
template <class Range>
concept keeps_const = std::is_const_v<element_of<const Range>>;
template <class Range>
concept owns_elements = keeps_const<Range> && !std::is_const_v<element_of<Range>>;
template <class Result>
concept changeable_result = std::is_lvalue_reference_v<Result> && !std::is_const_v<std::remove_reference_t<Result>>;

template <class Items>
concept is_std_vector =
    std::same_as<Items, std::vector<std::ranges::range_value_t<Items>, typename Items::allocator_type>>;

// An array of JSON, or an object: which of them, is not in the type.
template <class Items>
concept json_value = requires(const Items& items) {
  { items.is_array() } -> std::same_as<bool>;
};

// Items that are stored as they are seen, one after the other: std::vector, std::deque. Not the entries of a flat or a
// dense map; nor objects of a class that may be derived from, which a container of pointers shows.
template <class Items, class Item = std::ranges::range_value_t<Items>>
concept plain_sequence =
    (std::ranges::random_access_range<Items> || json_value<Items>) &&
    std::same_as<std::ranges::range_reference_t<Items>, Item&> && !requires { typename Items::key_type; } &&
    (std::ranges::contiguous_range<Items> || !std::is_polymorphic_v<Item> || std::is_final_v<Item>) &&
    requires(Items& items) { items.erase(items.begin(), items.end()); };

// Singly linked: std::forward_list.
template <class Items>
concept erases_after = requires(Items& items) { items.erase_after(items.before_begin()); };

template <class Items>
concept erasable =
    (plain_sequence<Items> && std::is_move_assignable_v<std::ranges::range_value_t<Items>>) ||
    (!plain_sequence<Items> && requires(Items& items) { items.erase(items.begin()); }) || erases_after<Items>;

template <class Plans, class Plan = plan_of<Plans>>
concept copyable = std::is_copy_constructible_v<Plans> && std::is_copy_constructible_v<Plan> &&
                   std::is_copy_constructible_v<items_of<Plan>> && std::is_copy_constructible_v<entry_of<Plan>>;

template <class>
constexpr bool never = false;

template <class Item>
consteval bool check_item() {
  if constexpr (std::is_void_v<index_result<Item>>)
    static_assert(
        never<Item>,
        "dcp: a write item has no index: give it a member `index`, or specialise dcp::write_item_traits<Item> "
        "with `static const auto& index(const Item&)`, as a map's entry wants whose value has an index too");
  else if constexpr (!detail::has_no_bare_text<index_of<Item>>())
    static_assert(never<Item>,
                  "dcp: an index is a pointer to characters, which is compared by its address: let "
                  "write_item_traits<Item>::index return a std::string_view");
  else if constexpr (!outlives_call<index_result<Item>>)
    static_assert(never<Item>,
                  "dcp: write_item_traits<Item>::index returns by value an index that dies at once: return a reference "
                  "into the item, a trivially copyable view such as std::string_view, or a std::tie");
  else if constexpr (!has_own_hash<Item> && !detail::has_hash<index_of<Item>>())
    static_assert(never<Item>,
                  "dcp: the index of a write item has no hash: specialise std::hash<Index>, or give "
                  "write_item_traits<Item> a `hash`");
  else if constexpr (!has_own_equality<Item> && !detail::is_comparable<index_of<Item>>())
    static_assert(never<Item>,
                  "dcp: two indices of write items cannot be compared: give Index an operator==, or "
                  "write_item_traits<Item> an `equal`");
  else if constexpr (has_own_equality<Item> && !has_own_hash<Item>)
    static_assert(never<Item>,
                  "dcp: write_item_traits<Item> has an `equal` and no `hash`: give it one that is the same for indices "
                  "that are equal");
  else if constexpr (!tells_bytes<Item> && requires(Item& item) { item.storage_size(); })
    static_assert(never<Item>, "dcp: the member function storage_size() of a write item has to be const");
  else return true;
  return false;
}

template <class Plan>
consteval bool check_plan() {
  if constexpr (std::is_void_v<items_result<const Plan>>)
    static_assert(never<Plan>,
                  "dcp: a plan has no items: give it a member `items`, or specialise dcp::save_plan_traits<Plan> with "
                  "`static auto& items(auto& plan)`, which takes a const plan too");
  else if constexpr (!std::ranges::forward_range<const items_of<Plan>>)
    static_assert(never<Plan>, "dcp: the items of a plan are no forward range");
  else if constexpr (!std::is_lvalue_reference_v<items_result<const Plan>> &&
                     !(std::is_trivially_copyable_v<items_of<Plan>> && !owns_elements<items_of<Plan>>))
    static_assert(never<Plan>,
                  "dcp: the items of a plan are returned by value and die at once: let save_plan_traits<Plan>::items "
                  "return a reference, `auto&`");
  else if constexpr (!holds_elements<const items_of<Plan>>)
    static_assert(never<Plan>, "dcp: the items of a plan are made anew at every look: keep them in a container");
  else return detail::check_item<item_of<Plan>>();
  return false;
}

// For all functions: plans and items can be read.
template <class Plans>
consteval bool check_readable() {
  if constexpr (!std::ranges::forward_range<Plans>)
    static_assert(never<Plans>, "dcp: the plans are no forward range, such as std::vector<Plan>");
  else if constexpr (!holds_elements<Plans>)
    static_assert(never<Plans>, "dcp: the plans are made anew at every look, as by a view: keep them in a container");
  else return detail::check_plan<plan_of<Plans>>();
  return false;
}

// For those that change plans: what is redundant can be erased.
template <class Plans>
consteval bool check_changeable() {
  if constexpr (!detail::check_readable<Plans>()) return false;
  else if constexpr (!erasable<items_of<plan_of<Plans>>>)
    static_assert(never<Plans>,
                  "dcp: the items of a plan cannot be erased: keep them in a container with `erase`, and make them "
                  "assignable if it is a std::vector or std::deque");
  else if constexpr (!changeable_result<items_result<element_of<Plans>>>)
    static_assert(never<Plans>,
                  "dcp: the items of a plan cannot be changed or are not owned by it: save_plan_traits<Plan>::items "
                  "has to return a reference, to const items for a const plan alone");
  else return true;
  return false;
}

// For those that return plans, in place or as a copy, which has to leave the original's items alone.
template <class Plans, bool Copies>
consteval bool check_returnable() {
  if constexpr (!detail::check_readable<const Plans>()) return false;
  else if constexpr (!owns_elements<Plans> || std::is_array_v<Plans>)
    static_assert(never<Plans>,
                  "dcp: the plans cannot be changed or are not owned by their container: pass it a container that owns "
                  "them, such as std::vector<Plan>, and no span, view, array or initializer_list; or call "
                  "erase_duplicates");
  else if constexpr (detail::check_changeable<Plans>()) {
    using plan = plan_of<Plans>;
    if constexpr (Copies && (changeable_result<items_result<const plan>> || !keeps_const<items_of<plan>>))
      static_assert(never<Plans>,
                    "dcp: the items of a plan cannot be changed or are not owned by it, and a copy would share them: "
                    "pass the plans by std::move, or let save_plan_traits<Plan>::items return const items for a const "
                    "plan");
    else if constexpr (Copies && !copyable<Plans>)
      static_assert(never<Plans>, "dcp: plans that cannot be copied are passed by std::move");
    else return true;
  }
  return false;
}

// ----------------------------------------------------------------------------------------------- an index as text

// Converts to an enumeration alone: not to a number, which every plain one can be printed as.
template <class Enum>
struct exactly {
  template <class Type>
    requires std::same_as<Type, Enum>
  operator Type() const;
};

template <class Index>
concept prints_itself = (std::is_class_v<Index> && requires(std::ostream& out, const Index& index) { out << index; }) ||
                        (std::is_enum_v<Index> && requires(std::ostream& out) { out << exactly<Index>(); });

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

// `number` is shown for an index, or a part of one, that cannot be.
template <class Index, class Stream = std::ostream>
void append_index(std::string& text, const Index& index, std::size_t number) {
  if constexpr (std::convertible_to<const Index&, std::string_view>) detail::append_quoted(text, index);
  else if constexpr (prints_itself<Index>) {
    constexpr bool is_complete = requires { sizeof(Stream); };
    static_assert(is_complete, "dcp: the log prints an index by its operator<<: include <ostream>");
    if constexpr (is_complete) {
      text_buffer<std::basic_streambuf<typename Stream::char_type>> buffer(text);
      Stream out(&buffer);
      out.exceptions(Stream::badbit);  // or else it would swallow a failed allocation of the text's
      out << index;
    }
  } else if constexpr (requires { std::to_string(index); }) {
    text += std::to_string(index);  // (its operator<< would be there only for those who include <ostream>)
  } else if constexpr (has_parts<Index>) {
    text += '(';
    const char* between = "";
    std::size_t part_number = 0;
    detail::for_each_part(index, [&](const auto& part) {
      text += std::exchange(between, ", ");
      detail::append_index(text, part, part_number++);
    });
    text += ')';
  } else text += '#' + std::to_string(number);
}

// ------------------------------------------------------------------------------------------- reading the plans

constexpr std::uint64_t count_of(std::ranges::forward_range auto& range) {
  auto at = std::ranges::begin(range);
  const auto end = std::ranges::end(range);
  if constexpr (std::random_access_iterator<decltype(at)> &&  // (those of JSON have a `-` that throws)
                std::sized_sentinel_for<std::ranges::sentinel_t<decltype(range)>, decltype(at)>)
    return static_cast<std::uint64_t>(end - at);
  std::uint64_t count = 0;
  for (; at != end; ++at) ++count;
  return count;
}

// Where a plan's first item is; nothing, if it has none.
const void* first_item(auto& plan) {
  auto&& items = access::items(plan);
  const auto first = std::ranges::begin(items);
  return first == std::ranges::end(items) ? nullptr : static_cast<const void*>(std::addressof(*first));
}

// Where a plan's items are; nothing, if it has none. (Containers that copy when they are written to, as Qt's, may show
// the same elements and share nothing.)
template <class Plan>
const void* items_object(Plan& plan) {
  const void* const first = detail::first_item(plan);
  if constexpr (std::is_lvalue_reference_v<items_result<Plan>> && keeps_const<items_of<Plan>>)
    if (first != nullptr) return std::addressof(access::items(plan));
  return first;
}

inline void refuse_shared(std::vector<const void*>& objects, const char* message) {
  std::sort(objects.begin(), objects.end(), std::less<>());
  for (std::size_t i = 1; i < objects.size(); ++i)
    if (objects[i] != nullptr && objects[i] == objects[i - 1]) detail::raise(std::invalid_argument(message));
}

// The items of all plans, each found by plan and position in constant time.
template <class Plans>
class planned_items {
 public:
  using plan_type = plan_of<Plans>;
  using item_type = item_of<plan_type>;
  using index_type = index_of<item_type>;

  explicit planned_items(Plans& plans) {
    const auto count = static_cast<std::size_t>(detail::count_of(plans));
    std::vector<const void*> objects;
    objects.reserve(count);
    plans_.reserve(count);
    for (const plan_type& plan : plans) {
      const auto& items = access::items(plan);
      const std::uint64_t size = detail::count_of(items);
      if (size >= ~std::uint32_t{0} - size_)
        detail::raise(std::length_error("dcp: the plans have 2^32 - 1 items or more"));
      if constexpr (by_position) plans_.push_back({std::ranges::begin(items), static_cast<std::uint32_t>(size)});
      else plans_.push_back({size_, static_cast<std::uint32_t>(size)});
      size_ += plans_.back().size;
      objects.push_back(detail::items_object(plan));
    }
    detail::refuse_shared(objects,
                          "dcp: two plans have the same items object: each index would be lost in one of them");
    if constexpr (!by_position) {
      pointers_.reserve(size_);
      for (const plan_type& plan : plans)
        for (const auto& item : access::items(plan)) pointers_.push_back(std::addressof(item));
    }
  }

  [[nodiscard]] std::size_t plans() const { return plans_.size(); }
  [[nodiscard]] std::uint32_t size() const { return size_; }  // of all plans
  [[nodiscard]] std::uint32_t size(std::size_t plan) const { return plans_[plan].size; }

  [[nodiscard]] const item_type& item(std::size_t plan, std::uint32_t position) const {
    if constexpr (by_position)
      return access::target(plans_[plan].begin[static_cast<std::iter_difference_t<iterator>>(position)]);
    else return access::target(*pointers_[plans_[plan].begin + position]);
  }
  [[nodiscard]] decltype(auto) index(std::size_t plan, std::uint32_t position) const {
    return access::index(item(plan, position));
  }
  // Has an index that will be compared soon loaded, if there is such an item.
  void prefetch([[maybe_unused]] std::size_t plan, [[maybe_unused]] std::uint32_t position) const {
#if defined(__GNUC__)
    if constexpr (std::is_lvalue_reference_v<index_result<item_type>>) {
      if (position >= size(plan)) return;
      const auto* const at = reinterpret_cast<const char*>(std::addressof(index(plan, position)));
      __builtin_prefetch(at);
      if constexpr (sizeof(index_type) > 64) __builtin_prefetch(at + 64);  // a line of the cache
    }
#endif
  }
  [[nodiscard]] std::uint64_t hash(std::size_t plan, std::uint32_t position) const {
    return access::hash<item_type, index_type>(index(plan, position));
  }
  [[nodiscard]] bool same_index(std::size_t plan, std::uint32_t position, const duplicate& writer) const {
    return access::equal<item_type, index_type>(index(plan, position), index(writer.keeper, writer.position));
  }
  [[nodiscard]] bool writes_nothing(std::size_t plan, std::uint32_t position) const {
    return access::writes_nothing(item(plan, position));
  }
  // Whether any item of the plan writes nothing: asked one after the other, up to the first that does, once. Most plans
  // of a job without replicas are never asked, and to ask an item by itself is one more cache miss.
  [[nodiscard]] bool has_empty(std::size_t plan) const {
    const plan_part& part = plans_[plan];
    if (!part.has_empty.has_value()) {
      std::uint32_t position = 0;
      while (position != part.size && !writes_nothing(plan, position)) ++position;
      part.has_empty = position != part.size;
    }
    return *part.has_empty;
  }
  // Whether the item writes something, or may, and that which would stay instead nothing.
  [[nodiscard]] bool loses_bytes(std::size_t plan, std::uint32_t position, const duplicate& writer) const {
    return has_empty(writer.keeper) && writes_nothing(writer.keeper, writer.position) &&
           !writes_nothing(plan, position);
  }

 private:
  using iterator = std::ranges::iterator_t<const items_of<plan_type>>;
  static constexpr bool by_position = std::random_access_iterator<iterator>;

  struct plan_part {
    std::conditional_t<by_position, iterator, std::uint32_t> begin;
    std::uint32_t size;
    mutable std::optional<bool> has_empty = {};
  };
  std::vector<plan_part> plans_;
  std::vector<const entry_of<plan_type>*> pointers_;  // to all in order, without random access
  std::uint32_t size_ = 0;
};

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
// small in the cache. (A template, so that who includes this header and calls nothing does not wait for the compiler.)
template <class Number>
class number_table {
 public:
  // Has the slot for this hash loaded, so that it is there when it is looked at.
  void prefetch([[maybe_unused]] Number hash) const {
#if defined(__GNUC__)
    __builtin_prefetch(slots_.data() + (hash & mask_));
#endif
  }

  // The number of the index with this hash of which `same(number)` is true; if there is none, `next`, which it gets.
  Number find_or_enter(Number hash, Number next, const auto& same) {
    std::size_t at = hash & mask_;
    for (; slots_[at] != 0; at = (at + 1) & mask_) {
      if (((slots_[at] ^ hash) & ~mask_) != 0) continue;
      const Number number = (slots_[at] & mask_) - 1;
      if (same(number)) return number;
    }
    slots_[at] = (hash & ~mask_) | (next + 1);
    return next;
  }

  // To be called after each entry: grows if it is full, to what `left` more could need. Fourfold at most: whatever
  // follows, a number costs no more than 24 bytes here.
  void grow_past(Number count, std::size_t left, const auto& hash_of) {
    if (count <= room_in(slots_.size())) return;
    const std::size_t size = slots_.size() * (count + left <= room_in(slots_.size() * 2) ? 2 : 4);
    slots_ = std::vector<Number>();  // gives it back, as {} would not: at the peak there is one table
    slots_.resize(size);
    mask_ = static_cast<Number>(size - 1);
    for (Number number = 0; number != count; ++number) {
      constexpr Number ahead = 16;
      if (number + ahead < count) prefetch(hash_of(number + ahead));
      find_or_enter(hash_of(number), number, [](Number) { return false; });  // (they all differ)
    }
  }

 private:
  static constexpr std::size_t room_in(std::size_t slots) { return slots / 16 * 11; }

  std::vector<Number> slots_ = std::vector<Number>(64);  // 0, or a number + 1 and the upper bits of its hash
  Number mask_ = 63;
};

// Numbers the distinct indices in the order in which they first occur, and finds the items that are not the first of
// theirs.
template <class Items>
class duplicate_search {
 public:
  // `number_all`: for `number`, and what needs it.
  duplicate_search(const Items& items, bool number_all) : items_(items), number_all_(number_all) {
    found_.resize(items.size());
    numbers_.resize(items.size());
    starts_.reserve(items.plans());
    result_.ends_.reserve(items.plans());
    result_.items_.reserve(items.plans());
    for (std::uint32_t plan = 0; plan != items.plans(); ++plan) search(plan);
  }

  [[nodiscard]] std::size_t distinct() const { return distinct_; }

  // Whether an item that writes something, or may, is redundant to one that writes nothing.
  [[nodiscard]] bool keeps_empty() const { return keeps_empty_; }

  // The number of an item's index, if all were numbered.
  [[nodiscard]] std::uint32_t number(std::size_t plan, std::uint32_t position) const {
    return numbers_[starts_[plan] + position];
  }
  // Calls `visit(plan, position, number)` for all items, in order.
  void for_each_item(const auto& visit) const {
    for (std::uint32_t plan = 0; plan != items_.plans(); ++plan)
      for (std::uint32_t position = 0; position != items_.size(plan); ++position)
        visit(plan, position, number(plan, position));
  }

  // The item that writes the index of this number, as `keeper` and `position`. At first it is where the index first
  // occurs, and `keeper_position` is its hash: the table grows without reading a key. Every item is either that or
  // redundant: so one array has room for both, these from its end.
  [[nodiscard]] const duplicate& writer(std::size_t number) const { return found_[found_.size() - 1 - number]; }
  [[nodiscard]] bool is_writer(std::uint32_t plan, std::uint32_t position, std::uint32_t number) const {
    return writer(number).keeper == plan && writer(number).position == position;
  }

  // Lets the plan that `keepers` names for each index write it, with the first item there that `holders` lets write.
  void change_writers(const std::vector<std::uint32_t>& keepers, const auto& holders) {
    constexpr std::uint32_t not_met = ~std::uint32_t{0};
    for (std::size_t number = 0; number != distinct_; ++number) set_writer(number, {not_met, keepers[number], 0});
    for_each_item([&](std::uint32_t plan, std::uint32_t position, std::uint32_t number) {
      if (is_writer(plan, not_met, number) && holders.may_write(plan, position, number))
        set_writer(number, {position, plan, 0});
    });
    redundant_ = 0;
    for (std::uint32_t plan = 0; plan != items_.plans(); ++plan) {
      for (std::uint32_t position = 0; position != items_.size(plan); ++position)
        if (const auto each = number(plan, position); !is_writer(plan, position, each))
          add_redundant(position, writer(each));
      result_.ends_[plan] = static_cast<std::uint32_t>(redundant_);
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
    result_.ends_.push_back(static_cast<std::uint32_t>(redundant_));
    result_.items_.push_back(items_.size(plan));
  }

  // Replicas list the same items in the same order. So where an item had the index of an earlier one, the next item
  // will have the index of the one after that: a comparison decides, without a hash. A replica adds nothing to what is
  // known, so the items it was like are found again for the next replica, and stay in the cache.
  std::uint32_t follow_replica(std::uint32_t plan, std::uint32_t position) {
    if (like_ >= known_) return position;
    const std::uint32_t* like = numbers_.data() + like_;
    const std::uint32_t begin = position;
    const std::uint32_t end = items_.size(plan);
    constexpr std::uint32_t ahead = 8;
    // (Past what is known, `like` is at items of this plan, before `position`.)
    for (; position != end; ++position, ++like) {
      const duplicate first = writer(*like);
      items_.prefetch(plan, position + ahead);
      items_.prefetch(first.keeper, first.position + ahead);
      if (!items_.same_index(plan, position, first)) break;
      find_redundant(plan, position, first);
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
    const std::uint32_t count = (std::min)(block_size, items_.size(plan) - position);
    for (std::uint32_t i = 0; i != count; ++i) {
      hashes[i] = detail::mix(items_.hash(plan, position + i));
      table_.prefetch(hashes[i]);
    }
    for (std::uint32_t i = 0; i != count; ++i) look_up(plan, position + i, hashes[i]);
    return position + count;
  }

  void look_up(std::uint32_t plan, std::uint32_t position, std::uint32_t hash) {
    const auto next = static_cast<std::uint32_t>(distinct_);
    const std::uint32_t number = table_.find_or_enter(hash, next, [&](std::uint32_t other) {
      return writer(other).keeper_position == hash && items_.same_index(plan, position, writer(other));
    });
    numbers_[known_ + position] = number;
    if (number == next) {
      set_writer(distinct_++, {position, plan, hash});
      table_.grow_past(next + 1, items_.size() - redundant_ - distinct_,
                       [&](std::uint32_t each) { return writer(each).keeper_position; });
      ++like_;  // another chunk of the same tensor, it may be: the next item can be alike all the same
    } else {
      const duplicate first = writer(number);
      find_redundant(plan, position, first);
      like_ = starts_[first.keeper] + first.position + std::size_t{1};
    }
  }

  void find_redundant(std::uint32_t plan, std::uint32_t position, const duplicate& first) {
    if (items_.loses_bytes(plan, position, first)) keeps_empty_ = true;
    add_redundant(position, first);
  }
  void add_redundant(std::uint32_t position, const duplicate& writes) {
    found_[redundant_++] = {position, writes.keeper, writes.position};
  }
  void set_writer(std::size_t number, const duplicate& writes) { found_[found_.size() - 1 - number] = writes; }

  const Items& items_;
  const bool number_all_;
  number_table<std::uint32_t> table_;
  duplicates result_;
  unset_vector<duplicate> found_;  // the redundant items, and from the end the writers
  std::size_t redundant_ = 0;
  std::size_t distinct_ = 0;
  bool keeps_empty_ = false;
  unset_vector<std::uint32_t> numbers_;  // of the items in those plans that had a new index (or in all), in order
  std::size_t known_ = 0;                // how many there are, without the plan at hand
  std::vector<std::uint32_t> starts_;    // where a plan's begin
  std::size_t like_ = 0;                 // the item among them that the next one is expected to be like
};

// ------------------------------------------------------------------------------------------ the choice of keepers

// Which plans have each index, by its number.
template <class Items>
class holder_lists {
 public:
  holder_lists(const Items& items, const duplicate_search<Items>& search)
      : items_(items), begins_(search.distinct() + 1), is_written_(search.distinct()) {
    for (std::size_t plan = 0; plan != items.plans() && !has_empty_; ++plan) has_empty_ = items.has_empty(plan);
    bytes_.resize(search.distinct());
    search.for_each_item([&](std::uint32_t plan, std::uint32_t position, std::uint32_t number) {
      const bool is_new = begins_[number + 1]++ == 0;
      const bool is_written = has_empty_ && !is_written_[number] && !items.writes_nothing(plan, position);
      if (is_new || is_written) bytes_[number] = access::bytes(items.item(plan, position)).value_or(0);
      if (is_written) is_written_[number] = true;
    });
    for (std::size_t i = 1; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
    ends_.assign(begins_.begin(), begins_.end() - 1);
    plans_.resize(items.size());
    search.for_each_item([&](std::uint32_t plan, std::uint32_t position, std::uint32_t number) {
      std::uint32_t& end = ends_[number];
      const bool is_new = end == begins_[number] || plans_[end - 1] != plan;
      if (is_new && may_write(plan, position, number)) plans_[end++] = plan;
    });
  }

  // Ascending; where some write something, or may, those alone.
  [[nodiscard]] std::span<const std::uint32_t> of(std::size_t number) const {
    return std::span(plans_).subspan(begins_[number], ends_[number] - begins_[number]);
  }
  // Of the first item that writes something, or may; 0 where they are not known.
  [[nodiscard]] std::uint64_t bytes(std::size_t number) const { return bytes_[number]; }

  // Not, if an item writes nothing where another of its index does.
  [[nodiscard]] bool may_write(std::uint32_t plan, std::uint32_t position, std::uint32_t number) const {
    return !has_empty_ || !is_written_[number] || !items_.writes_nothing(plan, position);
  }

 private:
  const Items& items_;
  bool has_empty_ = false;             // if not, no item is asked again by itself
  std::vector<std::uint32_t> begins_;  // of each index's part of `plans_`
  std::vector<std::uint32_t> ends_;
  std::vector<std::uint32_t> plans_;
  std::vector<std::uint64_t> bytes_;
  std::vector<bool> is_written_;  // an item of the index writes something, or may
};

inline std::vector<std::uint32_t> keepers_by(const keep_policy& policy, const shared_indices& shared) {
  std::vector<std::uint32_t> keepers = policy(shared);
  if (keepers.size() != shared.size())
    detail::raise(std::invalid_argument("dcp: the keep policy names " + std::to_string(keepers.size()) + " plans for " +
                                        std::to_string(shared.size()) + " shared indices"));
  for (std::size_t i = 0; i != keepers.size(); ++i)
    if (const auto holders = shared.holders(i); !std::binary_search(holders.begin(), holders.end(), keepers[i]))
      detail::raise(std::invalid_argument("dcp: the keep policy names plan " + std::to_string(keepers[i]) +
                                          " for an index that it does not hold"));
  return keepers;
}

// By the policy; without one the first holder of each index.
template <class Items>
void choose_keepers(const Items& items, duplicate_search<Items>& search, const keep_policy& policy) {
  const holder_lists<Items> holders(items, search);
  std::vector<std::uint32_t> keepers;
  keepers.reserve(search.distinct());
  for (std::size_t number = 0; number != search.distinct(); ++number) keepers.push_back(holders.of(number).front());
  if (policy) {
    shared_indices shared(items.plans(), tells_bytes<typename Items::item_type>);
    for (std::size_t number = 0; number != search.distinct(); ++number) {
      if (holders.of(number).size() != 1) shared.add(holders.bytes(number), holders.of(number));
      else shared.add_own_bytes(keepers[number], holders.bytes(number));
    }
    std::size_t number = 0;
    for (const std::uint32_t chosen : detail::keepers_by(policy, shared)) {
      while (holders.of(number).size() == 1) ++number;
      keepers[number++] = chosen;
    }
  }
  search.change_writers(keepers, holders);
}

// ---------------------------------------------------------------------------------------------------- checking

// Throws if a replica differs from what would be written.
template <class Items>
void check_replicas(const Items& items, const duplicate_search<Items>& search) {
  if constexpr (!tells_data<typename Items::item_type>)
    detail::raise(
        std::invalid_argument("dcp: check_replicas wants write_item_traits<Item>::same_data, or an == of the items"));
  else {
    constexpr std::size_t most_listed = 10;
    std::size_t count = 0;
    std::vector<conflict> conflicts;
    search.for_each_item([&](std::uint32_t plan, std::uint32_t position, std::uint32_t number) {
      if (search.is_writer(plan, position, number)) return;
      const duplicate& writer = search.writer(number);
      if (access::same_data(items.item(plan, position), items.item(writer.keeper, writer.position))) return;
      if (++count > most_listed) return;
      conflicts.push_back({{}, plan, position, writer.keeper, writer.position});
      detail::append_index(conflicts.back().index, items.index(plan, position), position);
    });
    if (count != 0) detail::raise(conflict_error(count, std::move(conflicts)));
  }
}

// That what goes has, in these plans too, the index of what is to stay, and nothing to write that it has not.
void check_same_plans(const auto& items, const duplicates& found) {
  bool are_same = items.plans() == found.plans();
  for (std::size_t plan = 0; are_same && plan != items.plans(); ++plan)
    are_same = items.size(plan) == found.items(plan);
  for (std::size_t plan = 0; are_same && plan != items.plans(); ++plan)
    for (const auto& [position, keeper, keeper_position] : found.in(plan)) {
      const duplicate writer = {keeper_position, keeper, 0};
      are_same = are_same && items.same_index(plan, position, writer) && !items.loses_bytes(plan, position, writer);
    }
  if (!are_same) detail::raise(std::invalid_argument("dcp: the duplicates were found in other plans"));
}

// ----------------------------------------------------------------------------------------------------- erasing

// Calls `visit` with an iterator to each item that stays.
void for_each_that_stays(auto& items, std::span<const duplicate> redundant, const auto& visit) {
  std::uint32_t position = 0;
  for (auto item = std::ranges::begin(items); item != std::ranges::end(items); ++item) {
    if (!redundant.empty() && redundant.front().position == position) redundant = redundant.subspan(1);
    else visit(item);
    ++position;
  }
}

template <class Items>
void close_up(Items& items, std::span<const duplicate> redundant) {
  auto out = items.begin();
  detail::for_each_that_stays(items, redundant, [&](const auto& item) {
    if (out != item) *out = std::move(*item);
    ++out;
  });
  items.erase(out, items.end());
  // What replicas held is most of a job's plans. Given back plan by plan, it is still in the cache when the allocator
  // joins the small blocks of the items to larger ones: a quarter of the time of dedup_tensors, with glibc.
  if constexpr (is_std_vector<Items>)
    if (items.empty()) Items(items.get_allocator()).swap(items);
}

template <class Items>
void erase_items(Items& items, std::span<const duplicate> redundant) {
  if (redundant.empty()) return;
  if constexpr (plain_sequence<Items>) {
    bool is_sequence = true;
    if constexpr (json_value<Items>) is_sequence = items.is_array();
    if (is_sequence) return detail::close_up(items, redundant);
  }
  if constexpr (std::random_access_iterator<std::ranges::iterator_t<Items>>) {
    // From the end, a run of neighbours at a time: a dense hash map fills gaps with its last elements.
    const auto at = [&](std::uint32_t position) {
      return items.begin() + static_cast<std::iter_difference_t<std::ranges::iterator_t<Items>>>(position);
    };
    while (!redundant.empty()) {
      const std::uint32_t end = redundant.back().position + 1;
      std::uint32_t begin = end;
      for (; !redundant.empty() && redundant.back().position + 1 == begin; --begin)
        redundant = redundant.first(redundant.size() - 1);
      if constexpr (requires { items.erase(at(begin), at(end)); }) items.erase(at(begin), at(end));
      else
        for (std::uint32_t position = end; position != begin; --position) items.erase(at(position - 1));
    }
  } else {
    auto item = [&] {
      if constexpr (erases_after<Items>) return items.before_begin();
      else return items.begin();
    }();
    std::uint32_t position = 0;
    for (const duplicate& each : redundant) {
      for (; position != each.position; ++position) ++item;
      ++position;
      if constexpr (erases_after<Items>) items.erase_after(item);
      else if constexpr (std::is_void_v<decltype(items.erase(item))>) items.erase(item++);  // as Abseil's hash maps
      else item = items.erase(item);
    }
  }
}

void erase_from(auto& plans, const duplicates& found) {
  std::size_t plan_number = 0;
  for (auto& plan : plans) detail::erase_items(access::items(plan), found.in(plan_number++));
}

// Whether plans can be copied without the items that go.
template <class Plans, class Plan = plan_of<Plans>>
concept copies_what_stays =
    is_std_vector<Plans> && std::same_as<decltype(access::without_items(std::declval<const Plan&>())), Plan> &&
    requires(items_of<Plan>& items) { items.push_back(*std::ranges::begin(std::as_const(items))); };

template <class Plan>
Plan copy_what_stays(const Plan& plan, std::span<const duplicate> redundant) {
  Plan result = access::without_items(plan);
  auto& out = access::items(result);
  const auto& items = access::items(plan);
  const auto count = static_cast<std::size_t>(detail::count_of(items)) - redundant.size();
  if constexpr (requires { out.reserve(count); }) out.reserve(count);
  detail::for_each_that_stays(items, redundant, [&](const auto& item) { out.push_back(*item); });
  return result;
}

template <class Plans>
Plans copy_what_stays(const Plans& plans, const duplicates& found) {
  using allocation = std::allocator_traits<typename Plans::allocator_type>;
  Plans result(allocation::select_on_container_copy_construction(plans.get_allocator()));
  result.reserve(plans.size());
  for (const auto& plan : plans) result.push_back(detail::copy_what_stays(plan, found.in(result.size())));
  return result;
}

// ----------------------------------------------------------------------------------------------- the log's text

// What one plan loses. `left` counts what all plans lose and is not in the text yet.
void append_removed(std::string& text, std::size_t plan, std::span<const duplicate> redundant, const auto& index_at,
                    std::size_t max_message, std::size_t& left) {
  text += std::to_string(plan) + ": [";
  const char* between = "";
  for (const duplicate& each : redundant) {
    text += std::exchange(between, ", ");
    if (text.size() >= max_message) {
      text += std::to_string(std::exchange(left, 0)) + " more";
      break;
    }
    detail::append_index(text, index_at(each.position), each.position);
    --left;
  }
  text += ']';
}

std::string removal_message(const auto& items, const duplicates& found, std::size_t max_message) {
  std::string text = "Duplicate keys to remove: {";
  std::size_t left = found.size();
  const char* between = "";
  for (std::size_t plan = 0; plan != found.plans() && left != 0; ++plan) {
    if (found.in(plan).empty()) continue;
    text += std::exchange(between, ", ");
    const auto index_at = [&](std::uint32_t position) -> decltype(auto) { return items.index(plan, position); };
    detail::append_removed(text, plan, found.in(plan), index_at, max_message, left);
  }
  return text += '}';
}

inline std::string conflict_message(std::size_t count, const std::vector<conflict>& conflicts) {
  std::string text = "dcp: " + std::to_string(count) + " replicas differ from the item that would be written:";
  for (const conflict& each : conflicts)
    text += "\n  " + each.index + ": plan " + std::to_string(each.plan) + ", item " + std::to_string(each.position) +
            " and plan " + std::to_string(each.keeper) + ", item " + std::to_string(each.keeper_position);
  if (count > conflicts.size()) text += "\n  and " + std::to_string(count - conflicts.size()) + " more";
  return text;
}

// ------------------------------------------------------------------------------------------------ all of it, in turn

template <class Plans>
duplicates decide(Plans& plans, const options& settings, const source_location& where) {
  const planned_items<Plans> items(plans);
  bool number_all = settings.keep || settings.check_replicas;
  std::optional<duplicate_search<planned_items<Plans>>> search(std::in_place, items, number_all);
  if (search->keeps_empty() && !number_all) search.emplace(items, number_all = true);
  if (search->keeps_empty() || settings.keep) detail::choose_keepers(items, *search, settings.keep);
  if (settings.check_replicas) detail::check_replicas(items, *search);
  duplicates found = std::move(*search).take();
  if (settings.log && !found.empty())
    settings.log({log_level::info, detail::removal_message(items, found, settings.log.max_message()), where});
  return found;
}

// Moves before it erases, as to move a std::deque can throw.
template <class Plans>
Plans move_without_duplicates(Plans& plans, const options& settings, const source_location& where) {
  duplicates found = detail::decide(std::as_const(plans), settings, where);
  std::vector<const void*> first_items;
  for (const auto& plan : plans) first_items.push_back(detail::first_item(plan));
  Plans result(std::move(plans));
  auto before = first_items.begin();
  bool is_moved = true;
  for (const auto& plan : result) is_moved = detail::first_item(plan) == *before++ && is_moved;
  if (!is_moved)  // To move was to copy: the order can be another.
    found = detail::decide(std::as_const(result), {.keep = settings.keep}, where);
  detail::erase_from(result, found);
  return result;
}

template <class Plans>
Plans copy_without_duplicates(const Plans& plans, const options& settings, const source_location& where) {
  if constexpr (copies_what_stays<Plans>) return detail::copy_what_stays(plans, detail::decide(plans, settings, where));
  else {
    Plans result(plans);
    std::vector<const void*> objects;
    for (const auto& plan : plans) objects.push_back(detail::items_object(plan));
    for (const auto& plan : result) objects.push_back(detail::items_object(plan));
    detail::refuse_shared(objects, "dcp: a copy of the plans shares their items: pass the plans by std::move");
    // Decided in the copy: that of a hash map can have another order.
    detail::erase_from(result, detail::decide(std::as_const(result), settings, where));
    return result;
  }
}

}  // namespace detail

// --------------------------------------------------------------------------- the traits and the public functions

template <class Plan>
struct save_plan_traits {
  static constexpr decltype(auto) items(auto& plan)
    requires(!std::is_void_v<decltype(detail::access::default_items(plan))>)
  {
    return detail::access::default_items(plan);
  }
};
template <class Item>
struct write_item_traits {
  static constexpr decltype(auto) index(const Item& item)
    requires(!std::is_void_v<decltype(detail::access::default_index(item))>)
  {
    return detail::access::default_index(item);
  }
};

inline void shared_indices::add(std::uint64_t bytes, std::span<const std::uint32_t> holders) {
  holders_.insert(holders_.end(), holders.begin(), holders.end());
  bytes_.push_back(bytes);
  ends_.push_back(holders_.size());
}

inline void shared_indices::add_own_bytes(std::size_t plan, std::uint64_t bytes) {
  if (bytes > ~own_bytes_[plan]) detail::raise(std::overflow_error("dcp: a plan has 2^64 bytes or more"));
  own_bytes_[plan] += bytes;
}

inline conflict_error::conflict_error(std::size_t all, std::vector<conflict> first_conflicts)
    : std::runtime_error(detail::conflict_message(all, first_conflicts)),
      conflict(first_conflicts.front()),
      count(all),
      conflicts(std::move(first_conflicts)) {}

inline std::size_t duplicates::items(std::size_t plan) const {
  if (plan >= items_.size()) detail::raise(std::out_of_range("dcp: there is no such plan"));
  return items_[plan];
}

inline std::span<const duplicate> duplicates::in(std::size_t plan) const {
  if (plan >= ends_.size()) detail::raise(std::out_of_range("dcp: there is no such plan"));
  const std::size_t begin = plan == 0 ? 0 : ends_[plan - 1];
  return std::span(all_).subspan(begin, ends_[plan] - begin);
}

template <class Plans>
duplicates find_duplicates(const Plans& plans, const options& settings, source_location where) {
  if constexpr (detail::check_readable<const Plans>()) return detail::decide(plans, settings, where);
}

template <class Plans>
void erase_duplicates(Plans&& plans, const duplicates& found) {
  using Range = std::remove_reference_t<Plans>;
  if constexpr (detail::check_changeable<Range>()) {
    detail::check_same_plans(detail::planned_items<Range>(plans), found);
    detail::erase_from(plans, found);
  }
}

template <class Plans>
std::decay_t<Plans> dedup_tensors(Plans&& plans, const options& settings, source_location where) {
  using Value = std::remove_cvref_t<Plans>;
  constexpr bool in_place = !std::is_lvalue_reference_v<Plans> && !std::is_const_v<std::remove_reference_t<Plans>>;
  if constexpr (detail::check_returnable<Value, !in_place>()) {
    if constexpr (!in_place) return detail::copy_without_duplicates(plans, settings, where);
    else if constexpr (!std::is_nothrow_move_constructible_v<Value>)
      return detail::move_without_duplicates(plans, settings, where);
    else {
      detail::erase_from(plans, detail::decide(std::as_const(plans), settings, where));
      return std::move(plans);
    }
  }
}

}  // namespace v0
}  // namespace dcp

#endif  // C++20
#endif  // DCP_DEDUP_TENSORS_HPP
