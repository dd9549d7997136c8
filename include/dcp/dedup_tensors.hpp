// SPDX-License-Identifier: MIT
//
// dcp::dedup_tensors: before a distributed checkpoint is written, leave each piece of it in one plan.
//
// Every rank of a training job plans what it would write: a save plan, a list of write items, each named by an index
// (a tensor's name and the offset of the chunk). Replicated data is planned by many ranks. This header decides which
// plan writes each index, and erases the item from the others:
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
#define DCP_VERSION_MINOR 3
#define DCP_VERSION_PATCH 0

// Not <iterator>, <locale>, <memory> and <ranges>: they cost a fifth of the time to compile, and what is used of them comes
// with the others.
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <span>
#include <sstream>
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

/// How the library reads a plan. Specialise it where the defaults do not fit; what a specialisation leaves out is as by
/// default.
///
/// - `items(plan)`: the items, for `plan` and for `const plan`, in a container that can lose elements. By default the
///   member `items`, or what a member function `items()` returns (and `mutable_items()` points to, as in protobuf), or
///   the plan itself, if it is a container of items. A range that is returned by value has to be borrowed
///   (std::ranges::enable_borrowed_range), such as a span.
///
/// A pointer to a plan is read as the plan, and an element of a container with a `mapped_type` as its value.
///
///     template <> struct dcp::save_plan_traits<my_plan> {
///       static auto& items(auto& plan) { return plan.writes; }
///     };
template <class Plan>
struct save_plan_traits;

/// How the library reads a write item. Specialise it where the defaults do not fit; what a specialisation leaves out is
/// as by default: a member, or a const member function, of the same name.
///
/// - `index(item)`: what names the item. Returned by reference, or by value if it is cheap and owns nothing: a number, a
///   std::string_view, a std::tie of parts.
/// - `hash(index)`, `equal(a, b)`: by default `std::hash` and `==`, if the index has both; else a pair, tuple,
///   std::array, optional or range is hashed and compared part by part. `hash` alone goes with the index's own `==`.
/// - `storage_size(item)`: the bytes that the item writes, an integer, or a `std::optional` of one where they may be
///   unknown. `writes_nothing(item)`: whether they are known to be 0, for types that can tell that more cheaply. With
///   neither, no item is known to be empty.
/// - `same_data(a, b)`: whether two items of one index describe the same data, for `check_replicas`; by default `==`.
/// - `chunk(item)`: which part of its tensor the item writes, for `check_coverage` (see coverage.hpp).
/// - `append_key(index, bytes)`, `append_data(item, bytes)`: what travels between ranks (see mpi.hpp).
///
/// A pointer to an item is read as the item. An element of a container with a `mapped_type` is read as its value; if
/// that has no index, the key is the index. A function of one of these names that cannot be called with const arguments
/// is an error.
///
///     template <> struct dcp::write_item_traits<my_item> {
///       static auto index(const my_item& item) { return std::tie(item.name, item.offsets); }
///     };
template <class Item>
struct write_item_traits;

// -------------------------------------------------------------------------------------------------- the hooks

/// Holds a copyable callable, or nothing. What the callable throws reaches the caller of the library, before any plan is
/// changed. It may read the plans and call the library; it must not change the plans.
template <class Result, class Argument>
class hook {
 public:
  hook() = default;
  hook(std::nullptr_t) noexcept {}

  template <class Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, hook>)
  hook(Function&& function) {
    constexpr bool fits = std::is_copy_constructible_v<std::decay_t<Function>> &&
                          std::constructible_from<std::function<Result(const Argument&)>, Function>;
    static_assert(
        fits,
        "dcp: a hook is a copyable callable: a logger takes a `const dcp::log_record&`; a keep policy takes a "
        "`const dcp::shared_indices&` and returns a std::vector<std::uint32_t>");
    if constexpr (fits) function_ = std::forward<Function>(function);
  }

  explicit operator bool() const noexcept { return static_cast<bool>(function_); }
  Result operator()(const Argument& argument) const { return function_(argument); }

 private:
  std::function<Result(const Argument&)> function_;
};

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

/// The logger hook; empty by default: then nothing is formatted. Called at most once a call, if something is redundant,
/// with `Duplicate keys to remove: {1: ['a', 'b'], 2: ['a']}`: the redundant items by the number of their plan. An index
/// is shown in quotes as Python shows a string, if it is text; an integer in digits; a class or enumeration by its
/// `operator<<`; a pair, tuple, optional or range by its parts; anything else as `#` and its position, in the plan or
/// among the parts.
/// A ready-made logger is `console_logger()` in console_logger.hpp.
using logger = hook<void, log_record>;

/// An item by its place: plans are numbered from 0 in the order of iteration, whatever a map's keys.
struct item_place {
  std::uint32_t plan = 0;
  std::uint32_t position = 0;  ///< in the items of the plan, from 0

  friend bool operator==(const item_place&, const item_place&) = default;
};

/// What a policy chooses from: the indices with two holders or more, in the order in which they first occur. A holder is
/// a plan with an item of the index that is not empty; where all its items are empty, each plan that has one.
class shared_indices {
 public:
  /// `bytes_known`: whether the items' type tells bytes at all. The library makes these; a policy's test may too.
  explicit shared_indices(std::size_t plans, bool bytes_known = true) : own_bytes_(plans), bytes_known_(bytes_known) {}

  [[nodiscard]] std::size_t size() const noexcept { return indices_.size(); }
  [[nodiscard]] std::size_t plans() const noexcept { return own_bytes_.size(); }

  /// What the item at `first(index)` writes; 0 if that is not known.
  [[nodiscard]] std::uint64_t bytes(std::size_t index) const { return indices_[index].bytes; }
  /// The item that `keep::first` keeps. A policy that captures the plans can look at it there.
  [[nodiscard]] item_place first(std::size_t index) const { return indices_[index].first; }
  /// Ascending.
  [[nodiscard]] std::span<const std::uint32_t> holders(std::size_t index) const {
    const std::size_t begin = index == 0 ? 0 : indices_[index - 1].holders_end;
    return std::span(holders_).subspan(begin, indices_[index].holders_end - begin);
  }
  /// The bytes that the plan writes in any case: of indices with no other holder.
  [[nodiscard]] std::uint64_t own_bytes(std::size_t plan) const { return own_bytes_[plan]; }
  /// False where the items' type does not tell bytes: then all are 0.
  [[nodiscard]] bool bytes_known() const noexcept { return bytes_known_; }

  /// `holders`: ascending, at least two.
  void add(std::uint64_t bytes, std::span<const std::uint32_t> holders, item_place first);
  void add(std::uint64_t bytes, std::span<const std::uint32_t> holders) { add(bytes, holders, {holders.front(), 0}); }
  /// Throws std::overflow_error for 2^64 bytes or more.
  void add_own_bytes(std::size_t plan, std::uint64_t bytes);

 private:
  struct shared_index {
    std::uint64_t bytes;
    std::size_t holders_end;  // its holders end there, those of the next index begin
    item_place first;
  };
  std::vector<shared_index> indices_;
  std::vector<std::uint32_t> holders_;
  std::vector<std::uint64_t> own_bytes_;
  bool bytes_known_;
};

/// The hook that chooses the keepers: `keep::first` (the default), `keep::balanced` of balanced.hpp, or any copyable
/// callable that returns for each shared index one of its holders. Called once a call.
using keep_policy = hook<std::vector<std::uint32_t>, shared_indices>;

namespace keep {
/// The first holder of an index writes it, as in PyTorch's `dedup_tensors`. No list of holders is made.
inline constexpr std::nullptr_t first = nullptr;
}  // namespace keep

// ------------------------------------------------------------------------------------------------- options

/// The settings of a call: `dedup_tensors(plans, {.log = console_logger(), .keep = keep::balanced})`.
struct options {
  logger log = {};                      ///< called before any plan is changed
  keep_policy keep = {};                ///< which plan writes a shared index
  bool check_replicas = false;          ///< throw conflict_error if a redundant item and its kept item differ
  std::size_t max_message = 64 * 1024;  ///< bytes; to a longer message no key is added: `{1: ['a', 999998 more]}`
};

/// Two items of one index that describe different data: a mistake upstream, which would make a checkpoint that loads
/// wrong.
struct conflict {
  std::string index;  ///< as the log shows it
  std::size_t plan = 0;
  std::size_t position = 0;
  std::size_t keeper = 0;  ///< the plan that would write the index
  std::size_t keeper_position = 0;
};

/// Thrown with `.check_replicas`, before anything is changed or logged; itself the first conflict. (PyTorch writes
/// whichever item it keeps, in silence: pytorch PR 150862 and issue 120356.)
struct
#if defined(__GNUC__)  // or else each shared library built with hidden visibility would have a type of its own to catch
    [[gnu::visibility("default")]]
#endif
    conflict_error : std::runtime_error,
                     conflict {
  conflict_error(std::size_t count, std::vector<conflict> first_conflicts);

  std::size_t count;                ///< all conflicts of the call
  std::vector<conflict> conflicts;  ///< the first 10 of them
};

// --------------------------------------------------------------------------------------------- the algorithm

/// A redundant item of a plan.
struct duplicate {
  std::uint32_t position = 0;         ///< in the items of its plan, from 0
  std::uint32_t keeper = 0;           ///< the plan that writes the index; its own, where that names an index twice
  std::uint32_t keeper_position = 0;  ///< of the kept item, in the items of `keeper`

  friend bool operator==(const duplicate&, const duplicate&) = default;
};

namespace detail {
template <class Items>
class duplicate_search;
template <class Exception>
[[noreturn]] void raise(Exception exception);
}  // namespace detail

/// A decision: which items are redundant, and which item is kept instead. A value, which refers to no plan; by default
/// the decision for no plans. Takes 8 bytes an index, 12 a plan, and 4 an item, except in plans that repeat one stretch
/// of an earlier plan; where nothing is redundant, only the bytes a plan.
class duplicates {
 public:
  class redundant_items;

  /// How many items are redundant, in all plans.
  [[nodiscard]] std::size_t size() const noexcept { return redundant_; }
  [[nodiscard]] bool empty() const noexcept { return redundant_ == 0; }

  /// How many plans the decision was made for, and how many items one of them had. This and what follows throws
  /// std::out_of_range for a plan or position that does not exist.
  [[nodiscard]] std::size_t plans() const noexcept { return plans_.size(); }
  [[nodiscard]] std::size_t items(std::size_t plan) const { return part(plan).items; }

  /// The item that writes this item's index: itself, if it is kept. Constant time.
  [[nodiscard]] item_place kept_item(std::size_t plan, std::size_t position) const;
  [[nodiscard]] bool is_redundant(std::size_t plan, std::size_t position) const;

  /// The redundant items of one plan, ascending: a forward range of `duplicate`, by value, with `size()` and `empty()` in
  /// constant time. Valid until the decision is changed, moved or destroyed.
  [[nodiscard]] redundant_items in(std::size_t plan) const&;
  [[nodiscard]] redundant_items in(std::size_t plan) const&& = delete;

  /// Whether the plans have as many items and every item the same kept item. Linear in the items.
  friend bool operator==(const duplicates& a, const duplicates& b) { return a.is_equal(b); }

 private:
  template <class Items>
  friend class detail::duplicate_search;

  // An id numbers a distinct index, in the order in which the indices first occur.
  struct plan_part {
    std::uint32_t begin;  // where the ids of its items begin in `ids_`
    std::uint32_t items;
    std::uint32_t kept;  // how many of its items are kept
  };

  [[nodiscard]] const plan_part& part(std::size_t plan) const;
  [[nodiscard]] item_place kept_of(std::uint32_t plan, std::uint32_t position) const {
    return redundant_ == 0 ? item_place{plan, position} : kept_[ids_[plans_[plan].begin + std::size_t{position}]];
  }
  [[nodiscard]] bool is_equal(const duplicates& other) const;

  std::vector<plan_part> plans_;
  std::vector<std::uint32_t> ids_;  // of the items; plans that repeat one stretch of an earlier plan share it
  std::vector<item_place> kept_;    // the kept item of each id
  std::size_t redundant_ = 0;
};

/// Decides which items are redundant, so that each index is kept exactly once, also where one plan names it several
/// times. (PyTorch's `dedup_tensors` then loses it altogether: pytorch/xla issue 7919.)
///
/// With `keep::first` the first occurrence is kept, plans in order, items in order; with another policy the first item
/// of the plan that it names. But an empty item is never kept where another item of its index is not empty, or may not
/// be. (PyTorch threw real shards away for empty ones: pytorch PR 150862.) Otherwise the result of `keep::first` is
/// PyTorch's. Plans are numbered in the order of iteration: a map's keys do not count, and an unordered map has no first
/// plan that is the same in every run.
///
/// Touches and copies no plan, which may lie in any forward range that can be read while const. Complexity: linear in
/// the items, given a hash that tells the indices apart. Extra memory at its peak: 16 bytes an item, of which replicas
/// that are listed in order touch none, 24 an index, 48 a plan; 8 more an item if their container has no random access;
/// for a policy 4 more an item and 60 more an index, and what it takes itself.
/// Throws std::invalid_argument for a null pointer, if a policy names a plan that is no holder of an index, or not as
/// many plans as there are shared indices, and if a storage_size is negative; std::length_error for 2^32 - 1 plans or
/// items or more; with a policy std::overflow_error for 2^64 bytes or more in a plan; conflict_error (see options); and
/// what allocations and the user's hash, `==`, policy and logger throw.
template <class Plans>
[[nodiscard]] duplicates find_duplicates(const Plans& plans, const options& settings = {},
                                         source_location where = source_location::current());

/// Erases the redundant items of a decision, in place; the decision may have been made for an earlier save. Each
/// redundant item is compared with its kept item first. Throws std::invalid_argument, and changes nothing, if the plans
/// are not as many or have not as many items, if an index is not that of its kept item, if a kept item is empty now and
/// a redundant one is not, or if two plans share their items. So no index is lost, whatever the plans. Duplicates that
/// are new since the decision are not found.
///
/// The plans may lie in any range, also one that does not own them: a span, a view, pointers. Kept items keep their
/// order, and every other member of a plan its value. Only the comparison throws, as long as moving and destroying an
/// item and the container's `erase` do not.
/// Complexity: linear in the items, if their container erases in constant time or is a sequence. Any other closes up
/// after each run of neighbours (a flat map).
template <class Plans>
void erase_duplicates(Plans&& plans, const duplicates& found);

/// `find_duplicates`, then the redundant items are erased: every index is left in one item.
///
/// An lvalue is left as it was, whatever throws, and the result is a copy. An rvalue is worked on in place and returned,
/// and no item is copied; what throws does so before the first change, as long as moving an item, a plan or the plans'
/// container does not throw. Throws, besides what `find_duplicates` throws, std::invalid_argument if two plans share
/// their items, or the copy and the original do.
template <class Plans>
[[nodiscard]] std::decay_t<Plans> dedup_tensors(Plans&& plans, const options& settings = {},
                                                source_location where = source_location::current());

// ============================================================================================= the machinery
//
// In the order in which data flows. Calls that name no object are qualified, so that no function of a caller's namespace
// is taken for one of ours.

class duplicates::redundant_items {
 public:
  class iterator {
   public:
    using value_type = duplicate;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;

    iterator() = default;
    duplicate operator*() const {
      const item_place kept = all_->kept_of(place_.plan, place_.position);
      return {place_.position, kept.plan, kept.position};
    }
    iterator& operator++() {
      ++place_.position;
      skip_kept();
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const iterator&, const iterator&) = default;

   private:
    friend redundant_items;
    iterator(const duplicates* all, item_place place) : all_(all), place_(place) { skip_kept(); }
    void skip_kept() {
      const std::uint32_t end = all_->plans_[place_.plan].items;
      while (place_.position != end && all_->kept_of(place_.plan, place_.position) == place_) ++place_.position;
    }

    const duplicates* all_ = nullptr;
    item_place place_;
  };

  [[nodiscard]] iterator begin() const { return {all_, {plan_, empty() ? part().items : 0}}; }
  [[nodiscard]] iterator end() const { return {all_, {plan_, part().items}}; }
  [[nodiscard]] std::size_t size() const noexcept { return part().items - part().kept; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

 private:
  friend duplicates;
  redundant_items(const duplicates* all, std::uint32_t plan) : all_(all), plan_(plan) {}
  [[nodiscard]] const plan_part& part() const noexcept { return all_->plans_[plan_]; }

  const duplicates* all_;
  std::uint32_t plan_;
};

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

// --------------------------------------------------------------------------------------------- what an index is
//
// Whole, if it has `==` and std::hash, both of which are then used. Else its parts are hashed and compared in order. What
// an index shows in the log, and what of it travels between ranks, follows the same division.

template <class Optional>
concept optional_like = !requires(const Optional& value) { value.error(); } && requires(const Optional& value) {
  { value.has_value() } -> std::same_as<bool>;
  *value;
};  // (not a std::expected, of which an error is a part)

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
           !requires { typename Range::hasher; } &&                  // (it lists its elements in any order)
           !std::same_as<std::ranges::range_value_t<Range>, Range>)  // (a std::filesystem::path has paths)
type_list<std::ranges::range_value_t<Range>> parts_in(std::type_identity<Range>);
template <class Whole>
using parts_of = decltype(detail::parts_in(std::type_identity<Whole>()));
// Not a variant, which has one of them: to ask for it would need <variant>.
template <class Whole>
concept has_parts =
    !std::same_as<parts_of<Whole>, type_list<>> && !requires(const Whole& value) { value.valueless_by_exception(); };

template <class Whole, class Predicate>
consteval bool all_parts(Predicate predicate) {
  return [&]<class... Parts>(type_list<Parts...>) {
    return (predicate(type_list<std::remove_cvref_t<Parts>>{}) && ...);
  }(parts_of<Whole>());
}

template <class Whole, class Visit>
constexpr void for_each_part(const Whole& whole, const Visit& visit) {
  if constexpr (optional_like<Whole>) {
    if (whole.has_value()) visit(*whole);
  } else if constexpr (std::ranges::forward_range<const Whole>)
    for (const auto& part : whole) visit(part);
  else std::apply([&](const auto&... part) { (visit(part), ...); }, whole);
}

// The `==` of a pair, tuple or container is there whatever its parts have; that of an array compares addresses.
template <class Type>
consteval bool has_equality() {
  if constexpr (!std::is_array_v<Type> && requires(const Type& a, const Type& b) {
                  { a == b } -> std::convertible_to<bool>;
                })
    return detail::all_parts<Type>([]<class Part>(type_list<Part>) { return detail::has_equality<Part>(); });
  else return false;
}

template <class Index>
concept whole_index = !std::is_array_v<Index> && requires(const Index& a, const Index& b) {
  { std::hash<Index>{}(a) } -> std::convertible_to<std::size_t>;
  { a == b } -> std::convertible_to<bool>;
};

template <class Index>
consteval bool is_index() {
  if constexpr (whole_index<Index>) return true;
  else if constexpr (has_parts<Index>)
    return detail::all_parts<Index>([]<class Part>(type_list<Part>) { return detail::is_index<Part>(); });
  else return false;
}

template <class Index>
constexpr std::uint64_t hash_of_index(const Index& index) {
  if constexpr (whole_index<Index>) return std::hash<Index>{}(index);
  else {
    std::uint64_t hash = 0;
    detail::for_each_part(index, [&](const auto& part) {
      hash = (hash + 1 + detail::hash_of_index(part)) * 0x9E3779B97F4A7C15u;
      hash ^= hash >> 32;
    });
    return hash;
  }
}

template <class Index>
constexpr bool equal_indices(const Index& a, const Index& b) {
  if constexpr (whole_index<Index>) return static_cast<bool>(a == b);
  else if constexpr (optional_like<Index>)
    return a.has_value() == b.has_value() && (!a.has_value() || detail::equal_indices(*a, *b));
  else if constexpr (std::ranges::forward_range<const Index>) {
    auto other = std::ranges::begin(b);
    for (const auto& part : a)
      if (other == std::ranges::end(b) || !detail::equal_indices(part, *other++)) return false;
    return other == std::ranges::end(b);
  } else
    return [&]<std::size_t... At>(std::index_sequence<At...>) {
      return (detail::equal_indices(std::get<At>(a), std::get<At>(b)) && ...);
    }(std::make_index_sequence<std::tuple_size_v<Index>>());
}

// ------------------------------------------------------------------------------------------ reading your types
//
// A question is what is asked of a plan or an item. The trait's function of its name answers; or else a pointer's target
// or the value of a map's entry is asked, in the same way; in the end a member function or a member of its name answers.

template <class Pointer>
concept pointer_like = std::is_pointer_v<Pointer> || requires(const Pointer& pointer) {
  static_cast<bool>(pointer);
  pointer.get();
  *pointer;
};

// Its elements are entries: a key and a value each.
template <class Container>
concept map_like = requires { typename Container::mapped_type; };

template <template <class> class Traits>
struct question_to {
  template <class Object>
  using traits = Traits<Object>;
};
struct items_question : question_to<save_plan_traits> {
  static constexpr auto call(auto& on) -> decltype(*on.mutable_items()) { return *on.mutable_items(); }
  template <class On>
    requires(!requires(On& on) { on.mutable_items(); })
  static constexpr auto call(On& on, auto&... of) -> decltype(on.items(of...)) {
    return on.items(of...);
  }
  static constexpr auto member(auto& of) -> decltype((of.items)) { return (of.items); }
};
struct index_question : question_to<write_item_traits> {
  static constexpr auto call(auto& on, auto&... of) -> decltype(on.index(of...)) { return on.index(of...); }
  static constexpr auto member(auto& of) -> decltype((of.index)) { return (of.index); }
};
struct hash_question : question_to<write_item_traits> {
  static constexpr auto call(auto& on, auto& of) -> decltype(static_cast<std::uint64_t>(on.hash(of))) {
    return static_cast<std::uint64_t>(on.hash(of));
  }
  static constexpr auto member(auto& of) -> decltype((of.hash)) { return (of.hash); }
};
struct equal_question : question_to<write_item_traits> {
  static constexpr auto call(auto& on, auto& a, auto& b) -> decltype(on.equal(a, b)) { return on.equal(a, b); }
  static constexpr auto member(auto& of) -> decltype((of.equal)) { return (of.equal); }
};
struct storage_size_question : question_to<write_item_traits> {
  static constexpr auto call(auto& on, auto&... of) -> decltype(on.storage_size(of...)) {
    return on.storage_size(of...);
  }
  static constexpr auto member(auto& of) -> decltype((of.storage_size)) { return (of.storage_size); }
};
struct writes_nothing_question : question_to<write_item_traits> {
  static constexpr auto call(auto& on, auto&... of) -> decltype(bool(on.writes_nothing(of...))) {
    return bool(on.writes_nothing(of...));
  }
  static constexpr auto member(auto& of) -> decltype((of.writes_nothing)) { return (of.writes_nothing); }
};
struct same_data_question : question_to<write_item_traits> {
  static constexpr auto call(auto& on, auto&... of) -> decltype(bool(on.same_data(of...))) {
    return bool(on.same_data(of...));
  }
  static constexpr auto member(auto& of) -> decltype((of.same_data)) { return (of.same_data); }
};

// A name that a trait has, callable or not, is ambiguous in what inherits it twice.
struct all_names {
  int items, index, hash, equal, storage_size, writes_nothing, same_data, chunk, append_key, append_data;
};
template <class Traits>
struct with_all_names : Traits, all_names {};
// (The traits as they are by default answer as the members do.)
template <class Traits>
concept default_traits = std::same_as<typename Traits::is_default, Traits>;
template <class Question, class Object, class Traits = typename Question::template traits<Object>>
concept answered_by_trait =
    !default_traits<Traits> && !requires(with_all_names<Traits>& both) { Question::member(both); };

// What answers the question about the object.
template <class Question, bool is_entry = false, class Object>
constexpr auto& answering(Object& object) {
  using type = std::remove_const_t<Object>;
  constexpr bool has_trait = answered_by_trait<Question, type>;
  if constexpr (is_entry && !has_trait) return detail::answering<Question>(object.second);
  else if constexpr (pointer_like<type> && !has_trait) return detail::answering<Question>(*object);
  else return object;
}
template <class Question, bool is_entry, class Object>
using answering_type = std::remove_cvref_t<decltype(detail::answering<Question, is_entry>(std::declval<Object&>()))>;

// (A static member function is no data member, though it can be named like one.)
template <class Question, class Object>
concept names_function = requires(const Object& object) {
  requires std::is_function_v<std::remove_reference_t<decltype(Question::member(object))>>;
};

// The answer; void if there is none.
template <class Question, bool is_entry = false, class Object>
constexpr decltype(auto) ask(Object& object, auto&... more) {
  auto& answers = detail::answering<Question, is_entry>(object);
  using type = answering_type<Question, is_entry, Object>;
  if constexpr (answered_by_trait<Question, type>) {
    const typename Question::template traits<type> trait{};
    if constexpr (requires { Question::call(trait, answers, more...); }) return Question::call(trait, answers, more...);
  } else if constexpr (requires { Question::call(answers, more...); }) return Question::call(answers, more...);
  else if constexpr (requires { Question::member(answers, more...); } && !names_function<Question, type>)
    return Question::member(answers, more...);
}
template <class Question, bool is_entry, class... Objects>
using answer_to = decltype(detail::ask<Question, is_entry>(std::declval<Objects&>()...));

// Whether a trait's function cannot be called with what it is given, or a member function only lacks `const`.
template <class Question, bool is_entry, class Object, class... More>
consteval bool is_near_miss() {
  using type = answering_type<Question, is_entry, const Object>;
  return std::is_void_v<answer_to<Question, is_entry, const Object, More...>> &&
         (answered_by_trait<Question, type> || requires(type& object, std::remove_const_t<More>&... more) {
           Question::call(object, more...);
         } || names_function<Question, type>);
}

// A plan's items.
template <bool is_entry = false, class Plan>
constexpr decltype(auto) items_in(Plan& plan) {
  if constexpr (!std::is_void_v<answer_to<items_question, is_entry, Plan>>)
    return detail::ask<items_question, is_entry>(plan);
  else if constexpr (std::ranges::forward_range<answering_type<items_question, is_entry, Plan>>)
    return (detail::answering<items_question, is_entry>(plan));
}

// Reads the elements of a container of items: items, pointers to them, or a map's entries.
template <class Items>
struct item_reader {
  using entry = std::ranges::range_value_t<const Items>;
  static constexpr bool is_entry = map_like<Items>;

  template <class Question>
  using asked_type = answering_type<Question, is_entry, const entry>;
  template <class Question>
  static constexpr typename Question::template traits<asked_type<Question>> trait{};
  template <class Question>
  static constexpr bool has_trait = answered_by_trait<Question, asked_type<Question>>;
  template <class Question>
  using answer = answer_to<Question, is_entry, const entry>;
  template <class Question, class... More>
  static constexpr bool is_near_miss = detail::is_near_miss<Question, is_entry, entry, More...>();

  static constexpr decltype(auto) index(const entry& item) {
    if constexpr (!std::is_void_v<answer<index_question>>) return detail::ask<index_question, is_entry>(item);
    else if constexpr (is_entry) return (item.first);
  }
  using index_result = decltype(index(std::declval<const entry&>()));
  using index_type = std::remove_cvref_t<index_result>;

  static constexpr std::uint64_t hash(const auto& index) {
    if constexpr (has_trait<hash_question>) return hash_question::call(trait<hash_question>, index);
    else return detail::hash_of_index(index);
  }
  static constexpr bool equal(const auto& a, const auto& b) {
    if constexpr (has_trait<equal_question>) return bool(equal_question::call(trait<equal_question>, a, b));
    else if constexpr (has_trait<hash_question>) return bool(a == b);
    else return detail::equal_indices(a, b);
  }

  // The bytes that an item writes, if they are known.
  static constexpr std::optional<std::uint64_t> bytes(const entry& item) {
    if constexpr (!std::is_void_v<answer<storage_size_question>>) {
      const auto size = detail::ask<storage_size_question, is_entry>(item);
      if constexpr (!optional_like<decltype(size)>) return checked(size);
      else if (size.has_value()) return checked(*size);
    }
    return {};
  }
  static constexpr bool is_empty(const entry& item) {
    if constexpr (!std::is_void_v<answer<writes_nothing_question>> &&
                  (has_trait<writes_nothing_question> || !has_trait<storage_size_question>))
      return detail::ask<writes_nothing_question, is_entry>(item);
    else return bytes(item) == 0U;
  }

  using data = asked_type<same_data_question>;
  static constexpr bool has_same_data =
      !std::is_void_v<answer_to<same_data_question, is_entry, const entry, const data>>;
  static constexpr bool compares_data = has_same_data || detail::has_equality<data>();
  static constexpr bool same_data(const entry& a, const entry& b) {
    const data& other = detail::answering<same_data_question, is_entry>(b);
    if constexpr (has_same_data) return detail::ask<same_data_question, is_entry>(a, other);
    else return bool(detail::answering<same_data_question, is_entry>(a) == other);
  }

 private:
  static constexpr std::uint64_t checked(std::integral auto size) {
    if constexpr (std::is_signed_v<decltype(size)>)
      if (size < 0) detail::raise(std::invalid_argument("dcp: an item's storage_size is negative"));
    return static_cast<std::uint64_t>(size);
  }
};

template <class Range>
using element_of = std::remove_reference_t<std::ranges::range_reference_t<Range>>;  // const, if it cannot be changed
template <class Plans>
using plan_of = std::ranges::range_value_t<Plans>;
template <class Plans, class Plan = const plan_of<Plans>>
using items_result = decltype(detail::items_in<map_like<Plans>>(std::declval<Plan&>()));
template <class Plans>
using items_of = std::remove_cvref_t<items_result<Plans>>;
template <class Plans>
using reader_of = item_reader<items_of<Plans>>;

// ------------------------------------------------------------------------------------------- what types must be

// Elements that are there before and after they are looked at.
template <class Range>
concept holds_elements =
    std::ranges::forward_range<Range> && std::is_lvalue_reference_v<std::ranges::range_reference_t<Range>> &&
    std::same_as<std::remove_cvref_t<std::ranges::range_reference_t<Range>>, std::ranges::range_value_t<Range>>;
template <class Result>
concept lasting_elements =
    (std::is_lvalue_reference_v<Result> || std::ranges::enable_borrowed_range<std::remove_cvref_t<Result>>) &&
    holds_elements<const std::remove_cvref_t<Result>>;
// A container that owns its elements passes its own constness on to them; a span or a handle does not.
template <class Range>
concept owns_elements =
    !std::is_array_v<Range> && std::is_const_v<element_of<const Range>> && !std::is_const_v<element_of<Range>>;
template <class Result>
concept changeable = std::is_lvalue_reference_v<Result> && !std::is_const_v<std::remove_reference_t<Result>>;

// Items that are stored as they are seen, one after the other: std::vector, std::deque. Not the entries of a flat or a
// dense map; nor objects of a class that may be derived from, which a container of pointers shows.
template <class Items, class Item = std::ranges::range_value_t<Items>>
concept plain_sequence =
    std::ranges::random_access_range<Items> && std::same_as<std::ranges::range_reference_t<Items>, Item&> &&
    !requires { typename Items::key_type; } &&
    (std::ranges::contiguous_range<Items> || !std::is_polymorphic_v<Item> || std::is_final_v<Item>) &&
    requires(Items& items) { items.erase(items.begin(), items.end()); };
template <class Items>
concept erasable = (plain_sequence<Items> && std::is_move_assignable_v<std::ranges::range_value_t<Items>>) ||
                   (!plain_sequence<Items> && requires(Items& items) { items.erase(items.begin()); });
template <class Plans, class Items = items_of<Plans>>
concept copyable =
    std::is_copy_constructible_v<Plans> && std::is_copy_constructible_v<plan_of<Plans>> &&
    std::is_copy_constructible_v<Items> && std::is_copy_constructible_v<std::ranges::range_value_t<Items>>;
// False if a copy of a plan may refer to the items of the original.
template <class Plans>
concept copies_items = !changeable<items_result<Plans>> && std::is_const_v<element_of<const items_of<Plans>>>;

// A pointer to characters or numbers is text or a list, and would be compared by its address.
template <class Index>
consteval bool has_bare_text() {
  using decayed = std::decay_t<Index>;
  if constexpr (std::is_pointer_v<decayed>) return std::is_integral_v<std::remove_pointer_t<decayed>>;
  else return !detail::all_parts<Index>([]<class Part>(type_list<Part>) { return !detail::has_bare_text<Part>(); });
}
// An index that is returned by value is made anew each time it is looked at, so it must own nothing.
template <class Result>
constexpr bool owns_nothing = std::is_lvalue_reference_v<Result> || std::is_trivially_destructible_v<Result>;

// True for a map's entry whose key and value both could be the index, and whose trait does not say which.
template <class Reader, class Entry = typename Reader::entry>
concept ambiguous_index = Reader::is_entry && !answered_by_trait<index_question, Entry> && !requires(Entry& entry) {
  requires std::same_as<std::remove_cvref_t<decltype(entry.first)>, typename Reader::index_type>;
};

// Hash and equality come from one source, or the trait has a hash alone.
template <class Reader>
consteval bool tells_indices_apart() {
  using index = typename Reader::index_type;
  constexpr bool has_equal = Reader::template has_trait<equal_question>;
  if constexpr (!Reader::template has_trait<hash_question>) return !has_equal && detail::is_index<index>();
  else if constexpr (!requires(const index& a) { hash_question::call(Reader::template trait<hash_question>, a); })
    return false;
  else if constexpr (!has_equal) return detail::has_equality<index>();
  else return requires(const index& a) { equal_question::call(Reader::template trait<equal_question>, a, a); };
}

// (Of 64 bits at most: an `unsigned __int128` is an integer in GNU's dialect.)
template <class Size>
concept integral_size = std::integral<Size> && sizeof(Size) <= sizeof(std::uint64_t);
template <class Size>
concept size_or_void =
    std::is_void_v<Size> || integral_size<Size> || (optional_like<Size> && requires(const Size& size) {
      requires integral_size<std::remove_cvref_t<decltype(*size)>>;
    });

template <class Reader, class... Questions>
concept has_near_miss = (Reader::template is_near_miss<Questions> || ...) ||
                        Reader::template is_near_miss<same_data_question, const typename Reader::data>;

// What does not fit gets one sentence. The caller of these functions then does nothing, so that no other error follows.

template <class>
constexpr bool always_false = false;

template <class Reader>
consteval bool check_items() {
  if constexpr (has_near_miss<Reader, index_question, storage_size_question, writes_nothing_question>)
    static_assert(always_false<Reader>,
                  "dcp: a function that write_item_traits or a write item has for dcp cannot be called: it has to take "
                  "`const Item&`, or as a member function to be const; see the comment of write_item_traits");
  else if constexpr (std::is_void_v<typename Reader::index_result>)
    static_assert(
        always_false<Reader>,
        "dcp: a write item has no index: give it a member `index`, or specialise dcp::write_item_traits<Item> "
        "with `static const auto& index(const Item&)`; or, if a plan was taken for a range of items, "
        "specialise dcp::save_plan_traits<Plan> with its `items`");
  else if constexpr (ambiguous_index<Reader>)
    static_assert(always_false<Reader>,
                  "dcp: the value of a map's entry has an index of another type than the key: specialise "
                  "dcp::write_item_traits<Entry> with `static const auto& index(const Entry&)`, to say which is meant");
  else if constexpr (!owns_nothing<typename Reader::index_result>)
    static_assert(always_false<Reader>,
                  "dcp: an index that owns memory is returned by value, and made anew at every look: return a "
                  "reference into the item, a view such as std::string_view, or a std::tie of parts");
  else if constexpr (!Reader::template has_trait<equal_question> &&
                     detail::has_bare_text<typename Reader::index_type>())
    static_assert(always_false<Reader>,
                  "dcp: an index is a pointer to characters, which is compared by its address: return a "
                  "std::string_view");
  else if constexpr (!detail::tells_indices_apart<Reader>())
    static_assert(always_false<Reader>,
                  "dcp: an index cannot be hashed and compared: give it `==` and std::hash, or make it a pair, tuple, "
                  "std::array, optional or range of what has both, or give write_item_traits<Item> a `hash` and an "
                  "`equal` that take `const Index&` (without the `equal`, the index needs an `==`)");
  else if constexpr (!size_or_void<std::remove_cvref_t<typename Reader::template answer<storage_size_question>>>)
    static_assert(always_false<Reader>, "dcp: storage_size is no integer, nor a std::optional of one");
  else return true;
  return false;
}

// For all functions: plans and items can be read.
template <class Plans>
consteval bool check_readable() {
  if constexpr (!holds_elements<Plans>)
    static_assert(
        always_false<Plans>,
        "dcp: the plans are no forward range of lvalues: keep them in a container, such as std::vector<Plan>");
  else if constexpr (detail::is_near_miss<items_question, map_like<Plans>, plan_of<Plans>>())
    static_assert(always_false<Plans>,
                  "dcp: `items` cannot be called with a const plan: save_plan_traits<Plan>::items has to take `const "
                  "Plan&` too (`auto& plan` takes both), and a member function items() to be const");
  else if constexpr (std::is_void_v<items_result<Plans>>)
    static_assert(always_false<Plans>,
                  "dcp: a plan has no items: give it a member `items`, or specialise dcp::save_plan_traits<Plan> with "
                  "`static auto& items(auto& plan)`");
  else if constexpr (!lasting_elements<items_result<Plans>>)
    static_assert(always_false<Plans>,
                  "dcp: the items of a plan are no forward range of lvalues that outlives the call of `items`: let it "
                  "return a reference to a container, `auto&`, or a handle whose items stay valid and that "
                  "std::ranges::enable_borrowed_range is specialised for");
  else return detail::check_items<reader_of<Plans>>();
  return false;
}

// For those that change plans: redundant items can be erased.
template <class Plans>
consteval bool check_changeable() {
  if constexpr (!detail::check_readable<Plans>()) return false;
  else if constexpr (!changeable<items_result<Plans, element_of<Plans>>>)
    static_assert(always_false<Plans>,
                  "dcp: the plan's items are const or not owned by the plan: `items` must return a non-const "
                  "reference for a non-const plan (is the plan, or its member `items`, const?)");
  else if constexpr (!erasable<items_of<Plans>>)
    static_assert(always_false<Plans>,
                  "dcp: the items of a plan cannot be erased: keep them in a container with `erase`, and make them "
                  "assignable if it is a std::vector or std::deque");
  else return true;
  return false;
}

// For those that return plans, in place or as a copy.
template <class Plans, bool copies>
consteval bool check_returnable() {
  if constexpr (!detail::check_readable<const Plans>()) return false;
  else if constexpr (!owns_elements<Plans>)
    static_assert(always_false<Plans>,
                  "dcp: the plans are const or not owned by their container: pass a container that owns them, such as "
                  "std::vector<Plan>, and no span, view, array or initializer_list; or call erase_duplicates");
  else if constexpr (detail::check_changeable<Plans>()) {
    if constexpr (copies && !(copyable<Plans> && copies_items<Plans>))
      static_assert(
          always_false<Plans>,
          "dcp: the plans or their items cannot be copied, or a copy would share the items: pass the plans by "
          "std::move, or let `items` return a const reference, to const items, for a const plan");
    else return true;
  }
  return false;
}

// ----------------------------------------------------------------------------------------------- an index as text

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

// Converts to the enumeration alone, and not to a number, which every unscoped one can be printed as.
template <class Enum>
struct exactly {
  template <std::same_as<Enum> Type>
  operator Type() const;
};
template <class Index>
concept prints_itself = (std::is_class_v<Index> && requires(std::ostream& out, const Index& index) { out << index; }) ||
                        (std::is_enum_v<Index> && requires(std::ostream& out) { out << exactly<Index>(); });

template <class Index>
void append_index(std::string& text, const Index& index, std::size_t position) {
  if constexpr (std::convertible_to<const Index&, std::string_view>) detail::append_quoted(text, index);
  else if constexpr (prints_itself<Index>) {
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out << index;
    if (out.bad()) detail::raise(std::bad_alloc());  // a stream keeps what its buffer throws to itself
    text += out.str();
  } else if constexpr (!std::floating_point<Index> && requires { std::to_string(index); })
    text += std::to_string(index);
  else if constexpr (has_parts<Index>) {
    text += '(';
    const char* between = "";
    std::size_t part_position = 0;
    detail::for_each_part(index, [&](const auto& part) {
      text += std::exchange(between, ", ");
      detail::append_index(text, part, part_position++);
    });
    text += ')';
  } else text += '#' + std::to_string(position);
}

// ------------------------------------------------------------------------------------------- the plans' items

// How many elements the range has; past `most` it is not counted further.
constexpr std::uint64_t count_of(std::ranges::forward_range auto& range, std::uint64_t most = ~std::uint64_t{0}) {
  auto at = std::ranges::begin(range);
  auto end = std::ranges::end(range);
  if constexpr (std::random_access_iterator<decltype(at)> && std::sized_sentinel_for<decltype(end), decltype(at)>)
    return static_cast<std::uint64_t>(end - at);
  std::uint64_t count = 0;
  for (; at != end && count <= most; ++at) ++count;
  return count;
}

// Of all plans together; and as many plans.
inline constexpr std::uint64_t most_items = ~std::uint32_t{0} - 1;

std::size_t count_plans(auto& plans) {
  const std::uint64_t count = detail::count_of(plans, most_items);
  if (count > most_items) detail::raise(std::length_error("dcp: there are 2^32 - 1 plans or more"));
  return static_cast<std::size_t>(count);
}

template <bool is_entry = false, class Object>
constexpr bool is_null(const Object& object) {
  if constexpr (is_entry) return detail::is_null(object.second);
  else if constexpr (pointer_like<Object>) return !object || detail::is_null(*object);
  else return false;
}

// Where a plan's first item is, or nothing.
template <bool is_entry>
const void* first_item(auto& plan) {
  if (detail::is_null<is_entry>(plan)) return nullptr;  // refused when it is read
  auto&& items = detail::items_in<is_entry>(plan);
  const auto first = std::ranges::begin(items);
  return first == std::ranges::end(items) ? nullptr : static_cast<const void*>(std::addressof(*first));
}

// Throws if two of these plans share their items, so that an item erased in one would be lost in the other; or if one
// shares them with its original. The address of the first item tells: taken as mutable, it makes containers that copy
// when they are written to own their items.
template <class Plans, class Originals = Plans>
void refuse_shared_items(Plans& plans, const Originals* originals = nullptr) {
  std::vector<const void*> first_items;
  first_items.reserve(detail::count_plans(plans));
  for (auto& plan : plans)
    if (const void* const first = detail::first_item<map_like<Plans>>(plan)) first_items.push_back(first);
  std::sort(first_items.begin(), first_items.end(), std::less<>());
  if (std::adjacent_find(first_items.begin(), first_items.end()) != first_items.end())
    detail::raise(std::invalid_argument("dcp: two plans share their items: each index would be lost in one of them"));
  if (originals == nullptr) return;
  for (const auto& plan : *originals)
    if (const void* const first = detail::first_item<map_like<Plans>>(plan);
        first != nullptr && std::binary_search(first_items.begin(), first_items.end(), first, std::less<>()))
      detail::raise(std::invalid_argument("dcp: a copy of the plans shares their items: pass the plans by std::move"));
}

// The items of all plans, each found by its place in constant time.
template <class Plans>
class planned_items {
 public:
  using items_type = items_of<Plans>;
  using reader = item_reader<items_type>;
  using entry = typename reader::entry;

  explicit planned_items(Plans& plans) {
    plans_.reserve(detail::count_plans(plans));
    for (auto& plan : plans) {
      if (detail::is_null<map_like<Plans>>(plan))
        detail::raise(std::invalid_argument("dcp: plan " + std::to_string(plans_.size()) + " is a null pointer"));
      const auto& items = detail::items_in<map_like<Plans>>(plan);
      const std::uint64_t size = detail::count_of(items, most_items);
      if (size > most_items - size_) detail::raise(std::length_error("dcp: the plans have 2^32 - 1 items or more"));
      refuse_null(items);
      if constexpr (by_position) plans_.push_back({std::ranges::begin(items), static_cast<std::uint32_t>(size)});
      else plans_.push_back({size_, static_cast<std::uint32_t>(size)});
      size_ += static_cast<std::uint32_t>(size);
    }
    if constexpr (!by_position) {
      pointers_.reserve(size_);
      for (auto& plan : plans)
        for (const entry& item : detail::items_in<map_like<Plans>>(plan)) pointers_.push_back(std::addressof(item));
    }
  }

  [[nodiscard]] std::uint32_t plans() const { return static_cast<std::uint32_t>(plans_.size()); }
  [[nodiscard]] std::uint32_t size() const { return size_; }  // of all plans
  [[nodiscard]] std::uint32_t size(std::size_t plan) const { return plans_[plan].size; }

  [[nodiscard]] const entry& item(item_place place) const {
    if constexpr (by_position)
      return plans_[place.plan].begin[static_cast<std::iter_difference_t<iterator>>(place.position)];
    else return *pointers_[plans_[place.plan].begin + place.position];
  }
  [[nodiscard]] decltype(auto) index(item_place place) const { return reader::index(item(place)); }
  [[nodiscard]] std::uint64_t hash(item_place place) const { return reader::hash(index(place)); }
  [[nodiscard]] bool same_index(item_place a, item_place b) const { return reader::equal(index(a), index(b)); }
  [[nodiscard]] std::uint64_t bytes(item_place place) const { return reader::bytes(item(place)).value_or(0); }

  // Most plans have no empty item. So a plan is asked for all its items once, one after the other, and most items never
  // again by themselves, which would be a cache miss each.
  [[nodiscard]] bool is_empty(item_place place) const {
    std::optional<bool>& has_empty = plans_[place.plan].has_empty;
    if (!has_empty.has_value()) {
      has_empty = false;
      for (std::uint32_t position = 0; position != size(place.plan) && !*has_empty; ++position)
        has_empty = reader::is_empty(item({place.plan, position}));
    }
    return *has_empty && reader::is_empty(item(place));
  }

 private:
  using iterator = std::ranges::iterator_t<const items_type>;
  static constexpr bool by_position = std::random_access_iterator<iterator>;

  void refuse_null(const auto& items) const {
    std::size_t position = 0;
    if constexpr (reader::is_entry || pointer_like<entry>)
      for (const entry& item : items) {
        if (detail::is_null<reader::is_entry>(item))
          detail::raise(std::invalid_argument("dcp: item " + std::to_string(position) + " of plan " +
                                              std::to_string(plans_.size()) + " is a null pointer"));
        ++position;
      }
  }

  struct plan_part {
    std::conditional_t<by_position, iterator, std::uint32_t> begin;
    std::uint32_t size;
    mutable std::optional<bool> has_empty = {};
  };
  std::vector<plan_part> plans_;
  std::vector<const entry*> pointers_;  // to all in order, without random access
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

// Finds the id of an index by its hash. Open addressing with linear probing. A slot of four bytes holds the id, and above
// it what of the hash the slot's place does not tell: few other keys are ever looked at, and the table stays small in the
// cache. (A template, so that who includes this header and calls nothing does not wait for the compiler.)
template <class Id>
class id_table {
 public:
  // `most`: how many ids there can be.
  explicit id_table(std::size_t most) : most_(most) {}

  // Has the slot for this hash loaded, so that it is there when it is looked at.
  void prefetch([[maybe_unused]] Id hash) const {
#if defined(__GNUC__)
    __builtin_prefetch(slots_.data() + (hash & mask_));
#endif
  }

  // The id of the index with this hash for which `is_same(id)` is true; if there is none, `next`, which it gets.
  Id find_or_enter(Id hash, Id next, const auto& is_same) {
    std::size_t at = hash & mask_;
    for (; slots_[at] != 0; at = (at + 1) & mask_) {
      if (((slots_[at] ^ hash) & ~mask_) != 0) continue;
      const Id id = (slots_[at] & mask_) - 1;
      if (is_same(id)) return id;
    }
    slots_[at] = (hash & ~mask_) | (next + 1);
    return next;
  }

  // To be called after each entry: grows the table if it is full, by the hashes of all ids.
  void grow_past(const std::vector<Id>& hashes) {
    if (hashes.size() <= room_in(slots_.size())) return;
    const std::size_t size = slots_.size() * (most_ <= room_in(slots_.size() * 2) ? 2 : 4);
    slots_ = std::vector<Id>();  // gives it back, as {} would not: at the peak there is one table
    slots_.resize(size);
    mask_ = static_cast<Id>(size - 1);
    for (std::size_t id = 0; id != hashes.size(); ++id) {
      constexpr std::size_t ahead = 16;
      if (id + ahead < hashes.size()) prefetch(hashes[id + ahead]);
      find_or_enter(hashes[id], static_cast<Id>(id), [](Id) { return false; });  // (they all differ)
    }
  }

 private:
  static constexpr std::size_t room_in(std::size_t slots) { return slots / 16 * 11; }

  std::size_t most_;
  std::vector<Id> slots_ = std::vector<Id>(64);  // 0, or an id + 1 and the upper bits of its hash
  Id mask_ = 63;
};

// What the policy chooses. Throws if that cannot be.
inline std::vector<std::uint32_t> keepers_by(const keep_policy& policy, const shared_indices& shared) {
  std::vector<std::uint32_t> keepers = policy(shared);
  if (keepers.size() != shared.size())
    detail::raise(std::invalid_argument("dcp: the keep policy names " + std::to_string(keepers.size()) + " plans for " +
                                        std::to_string(shared.size()) + " shared indices"));
  for (std::size_t i = 0; i != keepers.size(); ++i)
    if (const auto holders = shared.holders(i); !std::binary_search(holders.begin(), holders.end(), keepers[i]))
      detail::raise(std::invalid_argument("dcp: the keep policy names plan " + std::to_string(keepers[i]) +
                                          " for an index that it does not hold"));
  shared_indices written(shared.plans());
  for (std::size_t plan = 0; plan != shared.plans(); ++plan) written.add_own_bytes(plan, shared.own_bytes(plan));
  for (std::size_t i = 0; i != keepers.size(); ++i) written.add_own_bytes(keepers[i], shared.bytes(i));
  return keepers;
}

// Makes the decision: the id of every item's index, and the kept item of every id.
template <class Items>
class duplicate_search {
 public:
  // By `keep::first`. An array is only reserved: what replicas do not need of it is never touched.
  explicit duplicate_search(const Items& items) : items_(items), table_(items.size()) {
    found_.plans_.reserve(items.plans());
    found_.ids_.reserve(items.size());
    found_.kept_.reserve(items.size());
    hashes_.reserve(items.size());
    for (std::uint32_t plan = 0; plan != items.plans(); ++plan) search(plan);
  }

  // Lets the plan that the policy names for each shared index write it.
  void choose_keepers(const keep_policy& policy) {
    const std::vector<std::uint32_t> chosen = chosen_by(policy);
    for_each_item([&](item_place place, std::uint32_t id) {
      if (chosen[id] == place.plan && found_.kept_[id].plan != place.plan && may_write(place, id)) keep(id, place);
    });
  }

  duplicates take() && {
    hashes_ = std::vector<std::uint32_t>();  // makes room for the smaller copies
    found_.redundant_ = items_.size() - found_.kept_.size();
    if (found_.redundant_ == 0) {
      found_.ids_ = std::vector<std::uint32_t>();
      found_.kept_ = std::vector<item_place>();
    }
    found_.ids_.shrink_to_fit();
    found_.kept_.shrink_to_fit();
    return std::move(found_);
  }

 private:
  void search(std::uint32_t plan) {
    const std::size_t begin = found_.ids_.size();
    const std::uint32_t size = items_.size(plan);
    found_.plans_.push_back({static_cast<std::uint32_t>(begin), size, 0});
    if (expected_ >= begin) expected_ = 0;
    for (item_place place{plan, 0}; place.position != size;) {
      follow_replica(place, begin);
      look_up_block(place);
    }
    // A plan that repeats one stretch of the ids refers to it.
    if (expected_ < size || expected_ > begin) return;
    const auto ids = found_.ids_.begin();
    const auto stretch = static_cast<std::ptrdiff_t>(expected_ - size);
    if (!std::equal(ids + static_cast<std::ptrdiff_t>(begin), found_.ids_.end(), ids + stretch)) return;
    found_.plans_.back().begin = static_cast<std::uint32_t>(stretch);
    found_.ids_.resize(begin);
  }

  // Replicas list the same items in the same order. So where an item had an earlier id, the next item is expected to have
  // the id after that: a comparison decides, without a hash. `place` is moved past the items that have.
  void follow_replica(item_place& place, std::size_t end) {
    if (expected_ >= end) return;
    const std::size_t most = (std::min)(std::size_t{items_.size(place.plan) - place.position}, end - expected_);
    const std::uint32_t* const ids = found_.ids_.data() + expected_;
    item_place next = place;
    for (std::size_t i = 0; i != most && items_.same_index(next, found_.kept_[ids[i]]); ++i) ++next.position;
    for (; place.position != next.position; ++place.position) record_known(place, found_.ids_[expected_++]);
  }

  // Where that fails, a block of items is hashed before the first of them is looked up: the loads of the keys overlap,
  // and so do those of the table's slots.
  void look_up_block(item_place& place) {
    constexpr std::uint32_t block_size = 16;
    std::uint32_t hashes[block_size];
    const std::uint32_t count = (std::min)(block_size, items_.size(place.plan) - place.position);
    if (count == 0) return;
    for (std::uint32_t i = 0; i != count; ++i) {
      hashes[i] = detail::mix(items_.hash({place.plan, place.position + i}));
      table_.prefetch(hashes[i]);
    }
    for (std::uint32_t i = 0; i != count; ++i, ++place.position) look_up(place, hashes[i]);
    // The highest id is the most particular one: a scalar that all plans have tells nothing of whose replica this is.
    const auto end = found_.ids_.end();
    const auto highest = std::max_element(end - static_cast<std::ptrdiff_t>(count), end);
    const item_place first = found_.kept_[*highest];
    expected_ = found_.plans_[first.plan].begin + std::size_t{first.position} + static_cast<std::size_t>(end - highest);
  }

  void look_up(item_place place, std::uint32_t hash) {
    const auto next = static_cast<std::uint32_t>(found_.kept_.size());
    const std::uint32_t id = table_.find_or_enter(hash, next, [&](std::uint32_t other) {
      return hashes_[other] == hash && items_.same_index(place, found_.kept_[other]);
    });
    if (id != next) return record_known(place, id);
    found_.ids_.push_back(id);
    found_.kept_.push_back(place);
    ++found_.plans_[place.plan].kept;
    hashes_.push_back(hash);
    table_.grow_past(hashes_);
  }

  void record_known(item_place place, std::uint32_t id) {
    found_.ids_.push_back(id);
    if (items_.is_empty(found_.kept_[id]) && !items_.is_empty(place)) keep(id, place);
  }

  void keep(std::uint32_t id, item_place place) {
    --found_.plans_[found_.kept_[id].plan].kept;
    ++found_.plans_[place.plan].kept;
    found_.kept_[id] = place;
  }

  // -------------------------------------------------------------------------------------- the choice of keepers

  // Calls `visit(place, id)` for all items, in order.
  void for_each_item(const auto& visit) const {
    for (item_place place; place.plan != items_.plans(); ++place.plan)
      for (place.position = 0; place.position != items_.size(place.plan); ++place.position)
        visit(place, found_.ids_[found_.plans_[place.plan].begin + std::size_t{place.position}]);
  }

  // Not, if the item is empty and another of its index is not.
  [[nodiscard]] bool may_write(item_place place, std::uint32_t id) const {
    return !items_.is_empty(place) || items_.is_empty(found_.kept_[id]);
  }

  // The keeper of each id.
  [[nodiscard]] std::vector<std::uint32_t> chosen_by(const keep_policy& policy) const {
    // Each id has a part of `holders` with room for all its items, of which several can be in one plan.
    const std::size_t ids = found_.kept_.size();
    std::vector<std::uint32_t> counts(ids);
    for_each_item([&](item_place, std::uint32_t id) { ++counts[id]; });
    std::vector<std::uint32_t> begins(ids);
    for (std::size_t id = 1; id < ids; ++id) begins[id] = begins[id - 1] + counts[id - 1];
    std::vector<std::uint32_t> holders(items_.size());
    std::vector<std::uint32_t> ends = begins;
    for_each_item([&](item_place place, std::uint32_t id) {
      const bool is_new = ends[id] == begins[id] || holders[ends[id] - 1] != place.plan;
      if (is_new && may_write(place, id)) holders[ends[id]++] = place.plan;
    });

    shared_indices shared(items_.plans(),
                          !std::is_void_v<typename Items::reader::template answer<storage_size_question>>);
    for (std::size_t id = 0; id != ids; ++id) {
      const std::span of = std::span(holders).subspan(begins[id], ends[id] - begins[id]);
      const item_place first = found_.kept_[id];
      if (of.size() != 1) shared.add(items_.bytes(first), of, first);
      else shared.add_own_bytes(first.plan, items_.bytes(first));
    }
    const std::vector<std::uint32_t> keepers = detail::keepers_by(policy, shared);
    std::vector<std::uint32_t> chosen(ids);
    auto keeper = keepers.begin();
    for (std::size_t id = 0; id != ids; ++id)
      chosen[id] = ends[id] - begins[id] != 1 ? *keeper++ : found_.kept_[id].plan;
    return chosen;
  }

  const Items& items_;
  duplicates found_;
  std::vector<std::uint32_t> hashes_;  // of the ids: the table grows without reading a key
  id_table<std::uint32_t> table_;
  std::size_t expected_ = 0;  // where in `ids_` the next item's id is expected to be found
};

// ---------------------------------------------------------------------------------------------------- checking

// Throws if a redundant item that is not empty describes other data than its kept item.
template <class Items>
void check_replicas(const Items& items, const duplicates& found) {
  if constexpr (!Items::reader::compares_data)
    detail::raise(
        std::invalid_argument("dcp: check_replicas needs write_item_traits<Item>::same_data, or an == of items"));
  else {
    constexpr std::size_t most_listed = 10;
    std::size_t count = 0;
    std::vector<conflict> conflicts;
    for (std::uint32_t plan = 0; plan != items.plans(); ++plan)
      for (const auto [position, keeper, keeper_position] : found.in(plan)) {
        const item_place place{plan, position};
        if (items.is_empty(place)) continue;
        if (Items::reader::same_data(items.item(place), items.item({keeper, keeper_position}))) continue;
        if (++count > most_listed) continue;
        conflicts.push_back({{}, plan, position, keeper, keeper_position});
        detail::append_index(conflicts.back().index, items.index(place), position);
      }
    if (count != 0) detail::raise(conflict_error(count, std::move(conflicts)));
  }
}

// Throws unless every redundant item still has the index of its kept item, and no bytes that the kept item lacks.
void check_decision(const auto& items, const duplicates& found) {
  bool is_for_these = items.plans() == found.plans();
  for (std::uint32_t plan = 0; is_for_these && plan != items.plans(); ++plan)
    is_for_these = items.size(plan) == found.items(plan);
  for (std::uint32_t plan = 0; is_for_these && plan != items.plans(); ++plan)
    for (const auto [position, keeper, keeper_position] : found.in(plan)) {
      const item_place place{plan, position};
      const item_place kept{keeper, keeper_position};
      is_for_these = is_for_these && items.same_index(place, kept) && (!items.is_empty(kept) || items.is_empty(place));
    }
  if (!is_for_these) detail::raise(std::invalid_argument("dcp: the duplicates were found in other plans"));
}

// ----------------------------------------------------------------------------------------------------- erasing

template <class Items>
void close_up(Items& items, const auto& is_redundant) {
  auto out = items.begin();
  std::uint32_t position = 0;
  for (auto item = items.begin(); item != items.end(); ++item) {
    if (is_redundant(position++)) continue;
    if (out != item) *out = std::move(*item);
    ++out;
  }
  items.erase(out, items.end());
  // What replicas held is most of a job's plans. Given back plan by plan, it is still in the cache when the allocator
  // joins the small blocks of the items to larger ones: a quarter of the time of dedup_tensors, with glibc.
  if constexpr (requires { items.shrink_to_fit(); })
    if (items.empty()) items.shrink_to_fit();
}

// From the end, a run of neighbours at a time: a dense hash map fills gaps with its last elements.
template <class Items>
void erase_runs(Items& items, const auto& is_redundant) {
  const auto at = [&](std::uint32_t position) {
    return items.begin() + static_cast<std::iter_difference_t<std::ranges::iterator_t<Items>>>(position);
  };
  for (auto end = static_cast<std::uint32_t>(detail::count_of(items)); end != 0; --end) {
    if (!is_redundant(end - 1)) continue;
    std::uint32_t begin = end - 1;
    while (begin != 0 && is_redundant(begin - 1)) --begin;
    if constexpr (requires { items.erase(at(begin), at(end)); }) items.erase(at(begin), at(end));
    else
      for (std::uint32_t position = end; position != begin; --position) items.erase(at(position - 1));
    end = begin + 1;
  }
}

template <class Items>
void erase_items(Items& items, const auto& is_redundant) {
  if constexpr (plain_sequence<Items>) detail::close_up(items, is_redundant);
  else if constexpr (std::ranges::random_access_range<Items>) detail::erase_runs(items, is_redundant);
  else {
    std::uint32_t position = 0;
    for (auto item = items.begin(); item != items.end(); ++position) {
      if (!is_redundant(position)) ++item;
      else if constexpr (std::is_void_v<decltype(items.erase(item))>) items.erase(item++);  // as Abseil's hash maps
      else item = items.erase(item);
    }
  }
}

template <class Plans>
void erase_from(Plans& plans, const duplicates& found) {
  std::size_t number = 0;
  for (auto& plan : plans) {
    if (!found.in(number).empty())
      detail::erase_items(detail::items_in<map_like<std::remove_const_t<Plans>>>(plan),
                          [&](std::uint32_t position) { return found.is_redundant(number, position); });
    ++number;
  }
}

// ----------------------------------------------------------------------------------------------- the log's text

// The redundant items of one plan. `left` counts those of all plans that are not in the text yet.
void append_removed(std::string& text, std::size_t plan, const auto& redundant, const auto& index_at,
                    std::size_t max_message, std::size_t& left) {
  text += std::to_string(plan) + ": [";
  const char* between = "";
  for (const duplicate each : redundant) {
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
  for (std::uint32_t plan = 0; plan != found.plans() && left != 0; ++plan) {
    if (found.in(plan).empty()) continue;
    text += std::exchange(between, ", ");
    const auto index_at = [&](std::uint32_t position) -> decltype(auto) { return items.index({plan, position}); };
    detail::append_removed(text, plan, found.in(plan), index_at, max_message, left);
  }
  return text += '}';
}

inline std::string conflict_message(std::size_t count, const std::vector<conflict>& conflicts) {
  std::string text = "dcp: " + std::to_string(count) +
                     (count == 1 ? " replica differs from its kept item:" : " replicas differ from their kept items:");
  for (const conflict& each : conflicts)
    text += "\n  " + each.index + ": plan " + std::to_string(each.plan) + ", item " + std::to_string(each.position) +
            " and plan " + std::to_string(each.keeper) + ", item " + std::to_string(each.keeper_position);
  if (count > conflicts.size()) text += "\n  and " + std::to_string(count - conflicts.size()) + " more";
  return text;
}

// ------------------------------------------------------------------------------------------------ all in turn

template <class Plans>
duplicates decide(Plans& plans, const options& settings, const source_location& where) {
  const planned_items<Plans> items(plans);
  duplicate_search<planned_items<Plans>> search(items);
  if (settings.keep) search.choose_keepers(settings.keep);
  duplicates found = std::move(search).take();
  if (settings.check_replicas) detail::check_replicas(items, found);
  if (settings.log && !found.empty())
    settings.log({log_level::info, detail::removal_message(items, found, settings.max_message), where});
  return found;
}

}  // namespace detail

// --------------------------------------------------------------------------- the traits and the public functions

template <class Plan>
struct save_plan_traits {
  using is_default = save_plan_traits;
  static constexpr decltype(auto) items(Plan& plan) { return detail::items_in(plan); }
  static constexpr decltype(auto) items(const Plan& plan) { return detail::items_in(plan); }
};
template <class Item>
struct write_item_traits {
  using is_default = write_item_traits;
  static constexpr decltype(auto) index(const Item& item) { return detail::ask<detail::index_question>(item); }
};

inline void shared_indices::add(std::uint64_t bytes, std::span<const std::uint32_t> holders, item_place first) {
  holders_.insert(holders_.end(), holders.begin(), holders.end());
  indices_.push_back({bytes, holders_.size(), first});
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

inline const duplicates::plan_part& duplicates::part(std::size_t plan) const {
  if (plan >= plans_.size()) detail::raise(std::out_of_range("dcp: there is no such plan"));
  return plans_[plan];
}

inline item_place duplicates::kept_item(std::size_t plan, std::size_t position) const {
  if (position >= part(plan).items) detail::raise(std::out_of_range("dcp: the plan has no such item"));
  return kept_of(static_cast<std::uint32_t>(plan), static_cast<std::uint32_t>(position));
}

inline bool duplicates::is_redundant(std::size_t plan, std::size_t position) const {
  const item_place kept = kept_item(plan, position);
  return kept.plan != plan || kept.position != position;
}

inline duplicates::redundant_items duplicates::in(std::size_t plan) const& {
  static_cast<void>(part(plan));
  return {this, static_cast<std::uint32_t>(plan)};
}

inline bool duplicates::is_equal(const duplicates& other) const {
  bool result = redundant_ == other.redundant_ && plans() == other.plans();
  for (std::uint32_t plan = 0; result && plan != plans_.size(); ++plan) {
    result = plans_[plan].items == other.plans_[plan].items;
    for (std::uint32_t position = 0; result && position != plans_[plan].items; ++position)
      result = kept_of(plan, position) == other.kept_of(plan, position);
  }
  return result;
}

template <class Plans>
duplicates find_duplicates(const Plans& plans, const options& settings, source_location where) {
  if constexpr (detail::check_readable<const Plans>()) return detail::decide(plans, settings, where);
  else detail::raise(std::logic_error(""));
}

template <class Plans>
void erase_duplicates(Plans&& plans, const duplicates& found) {
  using range = std::remove_reference_t<Plans>;
  if constexpr (detail::check_changeable<range>()) {
    detail::refuse_shared_items(plans);
    detail::check_decision(detail::planned_items<range>(plans), found);
    detail::erase_from(plans, found);
  }
}

template <class Plans>
std::decay_t<Plans> dedup_tensors(Plans&& plans, const options& settings, source_location where) {
  using value = std::remove_cvref_t<Plans>;
  constexpr bool in_place = !std::is_lvalue_reference_v<Plans> && !std::is_const_v<std::remove_reference_t<Plans>>;
  if constexpr (!detail::check_returnable<value, !in_place>()) detail::raise(std::logic_error(""));
  else if constexpr (in_place) {
    detail::refuse_shared_items(plans);
    detail::erase_from(plans, detail::decide(std::as_const(plans), settings, where));
    return std::move(plans);
  } else {
    value result(plans);
    detail::refuse_shared_items(result, std::addressof(plans));
    // Decided in the copy: that of a hash map can have another order.
    detail::erase_from(result, detail::decide(std::as_const(result), settings, where));
    return result;
  }
}

}  // namespace v0
}  // namespace dcp

#endif  // C++20
#endif  // DCP_DEDUP_TENSORS_HPP
