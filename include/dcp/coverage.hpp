// SPDX-License-Identifier: MIT
//
// dcp::check_coverage: do the plans, once deduplicated, write every element of every tensor exactly once?
//
//     if (const dcp::coverage_report report = dcp::check_coverage(plans); !report.empty()) std::cerr << report.what();
//     dcp::require_coverage(plans);                          // or throws coverage_error
//
// If a rank names its local part as if it were the whole, or a chunk lies past the end, the checkpoint loads wrong.

#ifndef DCP_COVERAGE_HPP
#define DCP_COVERAGE_HPP

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "dcp needs C++20: compile with -std=c++20 (MSVC: /std:c++20)"
#else

#include "dedup_tensors.hpp"

#include <algorithm>
#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dcp {
inline namespace v0 {

/// What is wrong with a tensor.
enum class coverage_fault : std::uint8_t {
  malformed,          ///< an item's numbers make no chunk: see the text of `faulty_tensor::what`
  different_size,     ///< two items give different sizes of the tensor
  different_dtype,    ///< two items give different dtypes
  outside,            ///< a chunk does not lie within the tensor
  overlap,            ///< two indices have an element in common
  hole,               ///< no chunk has an element
  tensor_and_object,  ///< one item of the name has a chunk and another has none; PyTorch fails with a bare assertion
};

/// A tensor that the plans do not write exactly once, and the first thing that is wrong with it.
struct faulty_tensor {
  std::string fqn;
  coverage_fault fault = coverage_fault::hole;
  /// The item at fault, then the item that it contradicts or overlaps, if any. For a hole: the tensor's first item.
  std::vector<item_place> items = {};
  std::vector<std::int64_t> size = {};  ///< of the tensor, as its first item gives it
  /// Of the overlap or hole that comes first in row-major order, or else of the chunk of the first of `items`.
  std::vector<std::int64_t> offsets = {};
  std::vector<std::int64_t> sizes = {};

  /// One line: `'w': (2, 8) at (2, 0) of (4, 8) is written by nobody (plan 0, item 3)`.
  [[nodiscard]] std::string what() const;

  friend bool operator==(const faulty_tensor&, const faulty_tensor&) = default;
};

/// The tensors that the plans do not write exactly once, in the order in which they first occur.
struct coverage_report {
  std::vector<faulty_tensor> tensors = {};

  [[nodiscard]] bool empty() const noexcept { return tensors.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return tensors.size(); }
  [[nodiscard]] std::string what() const;  ///< the first ten of them, a line each

  friend bool operator==(const coverage_report&, const coverage_report&) = default;
};

/// Thrown by `require_coverage`.
struct
#if defined(__GNUC__)
    [[gnu::visibility("default")]]  // as for conflict_error
#endif
    coverage_error : std::runtime_error {
  explicit coverage_error(coverage_report found) : std::runtime_error(found.what()), report(std::move(found)) {}

  coverage_report report;
};

/// Checks that the plans write each tensor whole: all its items give one size and dtype, the chunks lie within it, no two
/// indices overlap, and together they have all its elements. Of an index with several items, the chunk of the kept item
/// counts: the plans may be deduplicated already or not. Empty chunks may lie anywhere. A scalar is one element. No name
/// is a tensor in one place and an object in another; an empty item counts, too.
///
/// An item gives its chunk by `write_item_traits<Item>::chunk(item)`, by default its member function `chunk()`: a value
/// or reference with `offsets`, `sizes` and `size` (of the whole tensor), which are ranges of integers, and optionally
/// `dtype` (anything to copy and compare) and `fqn`; or a std::optional of one, empty if the item writes an object. The
/// tensor's name is `fqn` of the chunk, or else of the index, or else the first part of an index that is a pair or tuple,
/// or else the index itself. If chunks have an `fqn`, objects have no name.
///
/// Complexity, for the n chunks of a tensor of d dimensions (at most 64): sorting them once for each dimension, if they
/// share whole faces with their neighbours, as in the grids of parallel trainers. For any chunks O(n log n) for a given
/// d, and at most O(n min(n, 2^d) d^2 log n); up to d + 1 times as long if the tensor is not whole. Extra memory: about
/// 200 bytes an item, and 16 more a dimension, or 80 if few faces are shared; some 300 bytes of stack a dimension.
/// Throws what find_duplicates throws.
template <class Plans>
[[nodiscard]] coverage_report check_coverage(const Plans& plans);

/// Throws coverage_error if check_coverage finds a tensor that is not whole.
template <class Plans>
void require_coverage(const Plans& plans);

// ============================================================================================= the machinery

namespace detail {

// -------------------------------------------------------------------------------- whether boxes tile a tensor
//
// Count for each element the boxes that have it, less one: the tensor is tiled if that is 0 everywhere. A sum of boxes
// with weights is known by its differences: along a dimension each box begins at one place (plus its weight) and ends at
// another (minus its weight). The sum is 0 if at each place all that begins and ends adds up to 0: again a sum of boxes,
// with one dimension less. Neighbours that share a whole face cancel out at once; in a grid all of them do. No box is
// looked up among the others, so no arrangement (thin slabs, stairs) is bad.

struct extent {
  std::int64_t offset;
  std::int64_t size;

  [[nodiscard]] std::int64_t end() const { return offset + size; }
  [[nodiscard]] bool meets(const extent& other) const { return offset < other.end() && other.offset < end(); }
  [[nodiscard]] bool lies_within(const extent& all) const { return size <= all.size && offset <= all.size - size; }
  friend auto operator<=>(const extent&, const extent&) = default;  // NOLINT(modernize-use-nullptr): has no pointer
};
using box = std::vector<extent>;  // of each dimension

// A box with its weight, in the dimensions that are left, and the place where it begins or ends in the dimension before.
struct weighted_box {
  std::int64_t place;
  std::int64_t weight;
  std::span<const extent> left;

  friend bool operator<(const weighted_box& a, const weighted_box& b) {
    if (a.place != b.place) return a.place < b.place;
    return std::lexicographical_compare(a.left.begin(), a.left.end(), b.left.begin(), b.left.end());
  }
};
using weighted_boxes = std::vector<weighted_box>;

// What begins and ends along a dimension, place by place. Equal boxes are added up, and left out if they cancel out.
inline std::vector<weighted_boxes> edges_of(const weighted_boxes& boxes) {
  weighted_boxes edges;
  edges.reserve(2 * boxes.size());
  for (const auto& [place, weight, left] : boxes) {
    edges.push_back({left.front().offset, weight, left.subspan(1)});
    edges.push_back({left.front().end(), -weight, left.subspan(1)});
  }
  std::sort(edges.begin(), edges.end());
  std::vector<weighted_boxes> places;
  for (auto edge = edges.begin(); edge != edges.end();) {
    weighted_box all = *edge++;
    for (; edge != edges.end() && !(all < *edge); ++edge) all.weight += edge->weight;
    if (all.weight == 0) continue;
    if (places.empty() || places.back().front().place != all.place) places.emplace_back();
    places.back().push_back(all);
  }
  return places;
}

// Whether the boxes add up to 0 everywhere. Recurses once a dimension, of which there are at most `most_dimensions`.
inline bool is_zero(const weighted_boxes& boxes) {
  if (boxes.size() == 1) return false;
  std::vector<weighted_boxes> places = detail::edges_of(boxes);
  // All places together add up to 0, so one need not be checked. Leaving out the largest bounds the work: the squares of
  // the other sizes add up to no more than the square of the whole.
  const auto smaller = [](const weighted_boxes& a, const weighted_boxes& b) { return a.size() < b.size(); };
  if (!places.empty()) places.erase(std::max_element(places.begin(), places.end(), smaller));
  return std::all_of(places.begin(), places.end(), detail::is_zero);
}

// Whether the relation holds in every dimension.
inline bool everywhere(const box& a, bool (extent::*is)(const extent&) const, const box& b) {
  return std::equal(a.begin(), a.end(), b.begin(), std::mem_fn(is));
}

inline bool is_empty(const box& part) {
  return std::any_of(part.begin(), part.end(), [](const extent& each) { return each.size == 0; });
}

// ------------------------------------------------------------------------------------------- what an item gives

inline constexpr std::size_t most_dimensions = 64;  // as in PyTorch; this bounds the depth of the recursion, too

struct chunk_question : question_to<write_item_traits> {
  static constexpr auto call(auto& on, auto&... of) -> decltype(on.chunk(of...)) { return on.chunk(of...); }
  static constexpr auto member(auto& of) -> decltype((of.chunk)) { return (of.chunk); }
};

// Null if the item has no chunk.
template <class Given>
constexpr const auto* chunk_in(const Given& given) {
  if constexpr (optional_like<Given>) return given.has_value() ? &*given : nullptr;
  else return &given;
}

template <class Reader, class Given = typename Reader::template answer<chunk_question>>
using chunk_of = std::remove_cvref_t<decltype(*detail::chunk_in(std::declval<const Given&>()))>;

template <class Chunk, class Index>
auto tensor_name(const Chunk* chunk, const Index& index) {
  using text = std::string_view;
  if constexpr (requires { text(chunk->fqn); }) return text(chunk->fqn);
  else if constexpr (requires { text(index.fqn); }) return text(index.fqn);
  else if constexpr (requires { std::tuple_size<Index>::value, text(std::get<0>(index)); })  // no variant
    return text(std::get<0>(index));
  else if constexpr (requires { text(index); }) return text(index);
}

// None without a chunk, and a null pointer for chunks without a dtype.
template <class Chunk>
auto dtype_of(const Chunk* chunk) {
  if constexpr (requires { chunk->dtype; }) return chunk ? std::make_optional(chunk->dtype) : std::nullopt;
  else return chunk ? std::make_optional(nullptr) : std::nullopt;
}

// Numbers of 2^63 or more become negative.
template <std::ranges::common_range... Ranges>
  requires(std::integral<std::ranges::range_value_t<Ranges>> && ...)
std::array<std::vector<std::int64_t>, sizeof...(Ranges)> numbers_of(const Ranges&... ranges) {
  return {std::vector<std::int64_t>(std::ranges::begin(ranges), std::ranges::end(ranges))...};
}

template <class Reader>
consteval bool check_chunk() {
  if constexpr (Reader::template is_near_miss<chunk_question>)
    static_assert(always_false<Reader>,
                  "dcp: `chunk` cannot be called: write_item_traits<Item>::chunk has to take `const Item&`, and a "
                  "member function chunk() to be const");
  else if constexpr (std::is_void_v<typename Reader::template answer<chunk_question>>)
    static_assert(always_false<Reader>,
                  "dcp: a write item tells no chunk: give it, or its dcp::write_item_traits, a function `chunk`");
  else if constexpr (!requires(chunk_of<Reader> chunk) { detail::numbers_of(chunk.offsets, chunk.sizes, chunk.size); })
    static_assert(always_false<Reader>,
                  "dcp: the chunk of a write item is no value with `offsets`, `sizes` and `size`, ranges of integers");
  else if constexpr (!requires(chunk_of<Reader> its, typename Reader::index_type index) {
                       detail::tensor_name(std::addressof(its), index).size();
                     })
    static_assert(always_false<Reader>,
                  "dcp: a write item does not name its tensor: give its chunk a string as member `fqn`");
  else return true;
  return false;
}

// Reads the chunk's numbers. Returns false if they make no chunk to calculate with.
template <class Chunk>
bool read_boxes(const Chunk& chunk, box& part, box& tensor) {
  const auto [offsets, sizes, size] = detail::numbers_of(chunk.offsets, chunk.sizes, chunk.size);
  if (offsets.size() != size.size() || sizes.size() != size.size() || size.size() > most_dimensions) return false;
  std::int64_t room = (std::numeric_limits<std::int64_t>::max)();
  for (std::size_t i = 0; i != size.size(); ++i) {
    if (offsets[i] < 0 || sizes[i] < 0 || size[i] < 0) return false;
    part.push_back({offsets[i], sizes[i]});
    tensor.push_back({0, size[i]});
    room /= (std::max)(size[i], std::int64_t{1});
  }
  return room != 0 || detail::is_empty(tensor);
}

// ---------------------------------------------------------------------------------------------- tensor by tensor

struct planned_box {
  box part;
  item_place item;
};

template <class Dtype>
struct planned_tensor {
  std::string fqn;
  item_place first;
  box whole;    // as the first item gives it
  Dtype dtype;  // likewise; none if that item writes an object
  std::vector<planned_box> boxes = {};
  std::optional<faulty_tensor> fault = {};

  void fail(coverage_fault what, std::vector<item_place> items, const box& part) {
    fault = {fqn, what, std::move(items)};
    for (const extent& each : whole) fault->size.push_back(each.size);
    for (const extent& each : part) fault->offsets.push_back(each.offset);
    for (const extent& each : part) fault->sizes.push_back(each.size);
  }

  void add(box part, const box& its_whole, const Dtype& its_dtype, item_place at, bool is_redundant) {
    if (its_whole != whole) fail(coverage_fault::different_size, {at, first}, part);
    else if (!(its_dtype == dtype)) fail(coverage_fault::different_dtype, {at, first}, part);
    else if (detail::is_empty(part)) return;
    else if (!detail::everywhere(part, &extent::lies_within, whole)) fail(coverage_fault::outside, {at}, part);
    else if (!is_redundant) boxes.push_back({std::move(part), at});
  }

  void check_whole() {  // once all boxes are there
    // Most tensors have one chunk, and so has each scalar that is whole.
    if (!dtype || detail::is_empty(whole) || (boxes.size() == 1 && boxes.front().part == whole)) return;
    weighted_boxes rest = {{0, -1, whole}};
    for (const planned_box& each : boxes) rest.push_back({0, 1, each.part});
    if (!whole.empty() && detail::is_zero(rest)) return;
    // The first element at fault, in row-major order: what is before it in every dimension adds up to 0.
    box part;
    while (part.size() != whole.size()) {
      std::vector<weighted_boxes> places = detail::edges_of(rest);
      rest = std::move(*std::find_if_not(places.begin(), places.end(), detail::is_zero));
      part.push_back({rest.front().place, 1});
    }
    std::vector<planned_box> writers;  // the first two
    for (const planned_box& each : boxes)
      if (writers.size() != 2 && detail::everywhere(each.part, &extent::meets, part)) writers.push_back(each);
    const bool is_hole = writers.empty();
    // A hole is as long as possible in the last dimension, then in the dimension before it, and so on.
    for (std::size_t i = part.size(); i-- != 0;) {
      extent& at = part[i];
      at.size = whole[i].size - at.offset;
      for (const auto& [its, item] : is_hole ? boxes : writers)
        if (detail::everywhere(its, &extent::meets, part))
          at.size = (std::min)(at.end(), is_hole ? its[i].offset : its[i].end()) - at.offset;
    }
    if (is_hole) fail(coverage_fault::hole, {first}, part);
    else fail(coverage_fault::overlap, {writers[1].item, writers[0].item}, part);
  }
};

template <class Plans>
coverage_report report_on(const Plans& plans) {
  using reader = reader_of<const Plans>;
  using chunk_type = chunk_of<reader>;
  using dtype = decltype(detail::dtype_of(std::declval<const chunk_type*>()));
  const planned_items<const Plans> items(plans);
  const duplicates found = dcp::find_duplicates(plans);
  std::vector<planned_tensor<dtype>> tensors;            // and objects, in the order in which their names first occur
  std::unordered_map<std::string, std::size_t> numbers;  // of these, by name
  for (item_place at; at.plan != items.plans(); ++at.plan)
    for (at.position = 0; at.position != items.size(at.plan); ++at.position) {
      const auto& given = detail::ask<chunk_question, reader::is_entry>(items.item(at));
      const chunk_type* const chunk = detail::chunk_in(given);
      if constexpr (requires { std::string_view(chunk->fqn); })
        if (chunk == nullptr) continue;
      box part, whole;
      const bool is_well_formed = chunk != nullptr && detail::read_boxes(*chunk, part, whole);
      std::string fqn(detail::tensor_name(chunk, items.index(at)));
      const std::size_t number = numbers.try_emplace(fqn, tensors.size()).first->second;
      const dtype its_dtype = detail::dtype_of(chunk);
      if (number == tensors.size()) tensors.push_back({std::move(fqn), at, whole, its_dtype});
      auto& tensor = tensors[number];
      if (tensor.fault) continue;
      if (its_dtype.has_value() != tensor.dtype.has_value())
        tensor.fail(coverage_fault::tensor_and_object, {at, tensor.first}, part);
      else if (chunk == nullptr) continue;
      else if (!is_well_formed) tensor.fail(coverage_fault::malformed, {at}, part);
      else tensor.add(std::move(part), whole, its_dtype, at, found.is_redundant(at.plan, at.position));
    }
  coverage_report report;
  for (auto& tensor : tensors) {
    if (!tensor.fault) tensor.check_whole();
    if (tensor.fault) report.tensors.push_back(std::move(*tensor.fault));
  }
  return report;
}

}  // namespace detail

// ------------------------------------------------------------------------------------------ the public functions

inline std::string faulty_tensor::what() const {
  constexpr const char* faults[] = {
      "an item's numbers make no chunk: negative, too large (2^63), of different or of more than 64 dimensions",
      " gives the tensor another size",
      " has another dtype",
      " is not within the tensor",
      " is written twice",
      " is written by nobody",
      "a tensor in one place and an object in another"};
  std::string text;
  detail::append_quoted(text, fqn);
  text += ": ";
  if (fault != coverage_fault::malformed && fault != coverage_fault::tensor_and_object) {
    detail::append_index(text, sizes, 0);
    detail::append_index(text += " at ", offsets, 0);
    detail::append_index(text += " of ", size, 0);
  }
  text += faults[static_cast<std::size_t>(fault)];
  for (const item_place& each : items)
    text += (&each == &items.front() ? " (plan " : "; plan ") + std::to_string(each.plan) + ", item " +
            std::to_string(each.position);
  return text += items.empty() ? "" : ")";
}

inline std::string coverage_report::what() const {
  constexpr std::size_t most_listed = 10;
  std::string text = "dcp: " + std::to_string(size()) + (size() == 1 ? " tensor is" : " tensors are") +
                     " not written exactly once, element by element:";
  for (std::size_t i = 0; i != (std::min)(size(), most_listed); ++i) text += "\n  " + tensors[i].what();
  if (size() > most_listed) text += "\n  and " + std::to_string(size() - most_listed) + " more";
  return text;
}

template <class Plans>
coverage_report check_coverage(const Plans& plans) {
  if constexpr (detail::check_readable<const Plans>())
    if constexpr (detail::check_chunk<detail::reader_of<const Plans>>()) return detail::report_on(plans);
  return {};
}

template <class Plans>
void require_coverage(const Plans& plans) {
  if (coverage_report report = dcp::check_coverage(plans); !report.empty())
    detail::raise(coverage_error(std::move(report)));
}

}  // namespace v0
}  // namespace dcp

#endif  // C++20
#endif  // DCP_COVERAGE_HPP
