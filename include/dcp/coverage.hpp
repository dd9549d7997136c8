// SPDX-License-Identifier: MIT
//
// dcp::check_coverage: do the plans, once deduplicated, write every element of every tensor, and none twice?
//
//     if (const dcp::coverage_report report = dcp::check_coverage(plans); !report.empty()) std::cerr << report.what();
//     dcp::require_coverage(plans);                          // or throws coverage_error
//
// To leave each index in one plan is half of losing no data. The other half is that the chunks make up their tensors: a
// rank that names its local part as if it were the whole, or a chunk past the end, makes a checkpoint that loads wrong.

#ifndef DCP_COVERAGE_HPP
#define DCP_COVERAGE_HPP

#include <dcp/dedup_tensors.hpp>

#include <algorithm>
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
  malformed,        ///< an item's offsets, sizes and size have not as many dimensions, or a negative number
  too_large,        ///< a number of an item, or of the tensor's elements, is 2^63 or more
  different_size,   ///< two items tell different sizes of the tensor
  different_dtype,  ///< two items tell different dtypes
  different_chunk,  ///< two items of one index tell different chunks
  outside,          ///< a chunk lies not within the tensor
  overlap,          ///< two indices have an element in common
  hole              ///< no chunk has an element
};

/// An item of the plans, both from 0.
struct item_place {
  std::uint32_t plan = 0;
  std::uint32_t position = 0;

  friend bool operator==(const item_place&, const item_place&) = default;
};

/// A tensor that the plans do not write exactly once, and the first thing that is wrong with it.
struct faulty_tensor {
  std::string fqn;
  coverage_fault fault = coverage_fault::hole;
  /// The items concerned: the one at fault first, then the one that it contradicts or overlaps, if any. A hole is
  /// nobody's; there it is the tensor's first item.
  std::vector<item_place> items = {};
  std::vector<std::int64_t> size = {};  ///< the tensor's, as its first item has it
  /// Of the overlap or hole that comes first in the order of rows, or else of the chunk of the first of `items`.
  std::vector<std::int64_t> offsets = {};
  std::vector<std::int64_t> sizes = {};

  /// One line: `'w': (2, 8) at (2, 0) is written by nobody; the tensor is (4, 8), as plan 0, item 3 tells`.
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
    [[gnu::visibility("default")]]  // so that it is caught across libraries that hide what is theirs
#endif
    coverage_error : std::runtime_error {
  explicit coverage_error(coverage_report found) : std::runtime_error(found.what()), report(std::move(found)) {}

  coverage_report report;
};

/// Checks that the plans write each tensor whole: all its items tell one size and dtype, the chunks lie within it, no two
/// indices overlap, and together they have all its elements. An index counts once, in however many plans it is: the
/// plans may be deduplicated already or not. Empty chunks may lie anywhere. A scalar is one element.
///
/// An item tells its chunk by `write_item_traits<Item>::chunk(item)`, by default its member function `chunk()`: a value
/// or reference with `offsets`, `sizes` and `size` (the whole tensor's), which are ranges of integers, and, if it likes,
/// `dtype` (anything with ==) and `fqn`; or such a thing in a `std::optional` or behind a pointer. An item whose chunk is
/// nothing (it writes no tensor) is not looked at. The tensor's name is `fqn` of the chunk, or else of the index, or else
/// the first part of an index that is a pair or tuple, or else the index itself.
///
/// Complexity, for the n chunks of a tensor of d dimensions: that of sorting them, once for each dimension, where they
/// share whole faces with their neighbours, as in the grids of parallel trainers. Whatever the chunks, O(n log n) for a
/// given d, and never more than O(n min(n, 2^d) d^2 log n). A tensor that is not whole takes up to d + 1 times as long.
/// Extra memory: about 150 bytes an item, and 16 more a dimension.
/// Throws what find_duplicates throws.
template <class Plans>
[[nodiscard]] coverage_report check_coverage(const Plans& plans);

/// Throws coverage_error if check_coverage finds a tensor that is not whole.
template <class Plans>
void require_coverage(const Plans& plans);

// ============================================================================================= the machinery
//
// In this order: what is asked of a caller's types; reading an item; whether boxes tile a tensor; tensor by tensor; the
// text.

namespace detail {

// ------------------------------------------------------------------------------------------- what types must be

template <class Item>
concept trait_tells_chunk = requires(const Item& item) { write_item_traits<Item>::chunk(item); };

template <class Item>
concept tells_chunk = trait_tells_chunk<Item> || requires(const Item& item) { item.chunk(); };

template <tells_chunk Item>
constexpr decltype(auto) told_chunk(const Item& item) {
  if constexpr (trait_tells_chunk<Item>) return write_item_traits<Item>::chunk(item);
  else return item.chunk();
}

template <class Range>
concept integers = std::ranges::forward_range<const Range> && std::integral<std::ranges::range_value_t<const Range>> &&
                   sizeof(std::ranges::range_value_t<const Range>) <= sizeof(std::int64_t);

template <class Chunk>
concept has_numbers = requires(const Chunk& chunk) {
  requires integers<std::remove_cvref_t<decltype(chunk.offsets)>>;
  requires integers<std::remove_cvref_t<decltype(chunk.sizes)>>;
  requires integers<std::remove_cvref_t<decltype(chunk.size)>>;
};

// A std::optional, a pointer.
template <class Told>
concept may_be_nothing = requires(const Told& told) { static_cast<bool>(told), *told; };

template <class Told>
constexpr decltype(auto) chunk_in(const Told& told) {
  if constexpr (may_be_nothing<Told>) return *told;
  else return (told);
}

template <tells_chunk Item>
using chunk_of = std::remove_cvref_t<decltype(detail::chunk_in(detail::told_chunk(std::declval<const Item&>())))>;

template <class Type>
concept text = std::convertible_to<const Type&, std::string_view>;

template <class Type>
concept has_fqn = requires(const Type& value) { requires text<std::remove_cvref_t<decltype(value.fqn)>>; };

template <class Index>
concept begins_with_text = requires(const Index& index) {
  std::tuple_size<Index>::value;  // no variant
  requires text<std::remove_cvref_t<decltype(std::get<0>(index))>>;
};

template <class Chunk, class Index>
concept names_tensor = has_fqn<Chunk> || has_fqn<Index> || begins_with_text<Index> || text<Index>;

// A view of the chunk or the index.
template <class Chunk, class Index>
std::string_view tensor_name(const Chunk& chunk, const Index& index) {
  if constexpr (has_fqn<Chunk>) return chunk.fqn;
  else if constexpr (has_fqn<Index>) return index.fqn;
  else if constexpr (begins_with_text<Index>) return std::get<0>(index);
  else return index;
}

template <class Item>
consteval bool check_chunk() {
  static_assert(tells_chunk<Item>,
                "dcp: a write item tells no chunk: give it a member function `chunk() const`, or specialise "
                "dcp::write_item_traits<Item> with `static auto chunk(const Item&)`");
  if constexpr (tells_chunk<Item>) {
    static_assert(
        has_numbers<chunk_of<Item>>,
        "dcp: the chunk of a write item is no value with `offsets`, `sizes` and `size`, ranges of integers of "
        "up to 64 bits, nor a std::optional of one");
    static_assert(!has_numbers<chunk_of<Item>> || names_tensor<chunk_of<Item>, index_of<Item>>,
                  "dcp: a write item does not name its tensor: give its chunk a member `fqn` that converts to "
                  "std::string_view");
    return has_numbers<chunk_of<Item>> && names_tensor<chunk_of<Item>, index_of<Item>>;
  }
  return false;
}

// --------------------------------------------------------------------------------------------- reading an item

using numbers = std::vector<std::int64_t>;

struct chunk_numbers {
  numbers offsets;
  numbers sizes;
  numbers size;
};

constexpr std::int64_t largest_number = (std::numeric_limits<std::int64_t>::max)();

// Nothing if there are more than `largest_number`.
inline std::optional<std::int64_t> elements_of(const numbers& sizes) {
  std::optional<std::int64_t> elements = 1;
  for (const std::int64_t extent : sizes) {
    if (extent == 0) return 0;
    if (elements && *elements > largest_number / extent) elements.reset();
    if (elements) *elements *= extent;
  }
  return elements;
}

template <integers Range>
std::optional<coverage_fault> read_numbers(const Range& range, numbers& out) {
  using number = std::ranges::range_value_t<const Range>;
  for (const number each : range) {
    if constexpr (std::signed_integral<number>)
      if (each < 0) return coverage_fault::malformed;
    if (static_cast<std::uint64_t>(each) > static_cast<std::uint64_t>(largest_number)) return coverage_fault::too_large;
    out.push_back(static_cast<std::int64_t>(each));
  }
  return {};
}

// Leaves numbers that can be calculated with, or tells why not.
template <has_numbers Chunk>
std::optional<coverage_fault> read_chunk(const Chunk& chunk, chunk_numbers& out) {
  for (numbers* each : {&out.offsets, &out.sizes, &out.size}) each->clear();
  if (const auto fault = detail::read_numbers(chunk.offsets, out.offsets)) return fault;
  if (const auto fault = detail::read_numbers(chunk.sizes, out.sizes)) return fault;
  if (const auto fault = detail::read_numbers(chunk.size, out.size)) return fault;
  if (out.offsets.size() != out.size.size() || out.sizes.size() != out.size.size()) return coverage_fault::malformed;
  if (!detail::elements_of(out.size)) return coverage_fault::too_large;
  return {};
}

inline bool lies_within(const chunk_numbers& chunk) {
  for (std::size_t i = 0; i != chunk.size.size(); ++i)
    if (chunk.sizes[i] > chunk.size[i] || chunk.offsets[i] > chunk.size[i] - chunk.sizes[i]) return false;
  return true;
}

// ------------------------------------------------------------------------------- whether boxes tile a tensor
//
// Take for each element how many boxes have it, less one: the tensor is tiled if that is 0 everywhere. Such a sum of
// boxes with weights is known by its differences. Along a dimension each box begins at one place (its weight) and ends
// at another (its weight taken away), and the sum is 0 if at each place what begins and ends adds up to 0: again a sum of
// boxes, with one dimension less. Where neighbours share a whole face they cancel out at once, in a grid all of them.
// As no box is searched for among others, no arrangement (thin slabs, stairs) is bad for it.

class tiling {
 public:
  struct fault {
    numbers offsets;
    numbers sizes;
    std::vector<std::size_t> boxes;  // the first two that overlap there; none if it is a hole
  };

  // Box 0 is the tensor itself. A scalar is taken for the only element of one dimension.
  explicit tiling(const numbers& size) : dimensions_((std::max)(size.size(), std::size_t{1})) {
    add(numbers(size.size()), size);
  }

  void add(const numbers& offsets, const numbers& sizes) {
    for (std::size_t i = 0; i != sizes.size(); ++i) bounds_.insert(bounds_.end(), {offsets[i], offsets[i] + sizes[i]});
    if (sizes.empty()) bounds_.insert(bounds_.end(), {0, 1});
  }

  // The first overlap or hole in the order of rows. What is before it in every dimension adds up to 0, so the weight that
  // is left over there tells how many boxes have the element.
  [[nodiscard]] std::optional<fault> first_fault() const {
    const auto first_box = bounds_.begin() + static_cast<std::ptrdiff_t>(2 * dimensions_);
    if (boxes() == 2 && std::equal(bounds_.begin(), first_box, first_box)) return {};  // as most tensors are
    sum rest;
    for (std::size_t box = 0; box != boxes(); ++box) rest.push_back({0, box == 0 ? -1 : 1, box});
    if (is_zero(rest, 0)) return {};
    numbers element;
    for (std::size_t dimension = 0; dimension != dimensions_; ++dimension) {
      const sum edges = edges_of(rest, dimension);
      for (const part_of_sum place : places_of(edges)) {
        rest.assign(place.begin(), place.end());
        if (!is_zero(rest, dimension + 1)) break;
      }
      element.push_back(rest.front().place);
    }
    return rest.front().weight > 0 ? overlap_at(element) : hole_at(element);
  }

 private:
  // A box so many times, or rather what it is in the dimensions that are left; and where it begins or ends in the
  // dimension before those.
  struct weighted_box {
    std::int64_t place;
    std::int64_t weight;
    std::size_t box;
  };
  using sum = std::vector<weighted_box>;
  using part_of_sum = std::span<const weighted_box>;

  // What begins and ends along a dimension, by place; equal boxes of a place are added up, and gone if they cancel out.
  [[nodiscard]] sum edges_of(part_of_sum boxes, std::size_t dimension) const {
    sum edges;
    edges.reserve(2 * boxes.size());
    for (const weighted_box& each : boxes) {
      edges.push_back({low(each.box, dimension), each.weight, each.box});
      edges.push_back({high(each.box, dimension), -each.weight, each.box});
    }
    const auto left = [&](const weighted_box& each) {
      return std::span(bounds_).subspan(2 * (each.box * dimensions_ + dimension + 1),
                                        2 * (dimensions_ - dimension - 1));
    };
    std::sort(edges.begin(), edges.end(), [&](const weighted_box& a, const weighted_box& b) {
      if (a.place != b.place) return a.place < b.place;
      return std::lexicographical_compare(left(a).begin(), left(a).end(), left(b).begin(), left(b).end());
    });
    auto out = edges.begin();
    for (auto at = edges.begin(); at != edges.end();) {
      weighted_box all = *at++;
      for (; at != edges.end() && at->place == all.place; ++at) {
        if (!std::equal(left(all).begin(), left(all).end(), left(*at).begin())) break;
        all.weight += at->weight;
      }
      if (all.weight != 0) *out++ = all;
    }
    edges.erase(out, edges.end());
    return edges;
  }

  static std::vector<part_of_sum> places_of(const sum& edges) {
    std::vector<part_of_sum> places;
    for (auto begin = edges.begin(); begin != edges.end();) {
      const auto end = std::find_if(begin, edges.end(), [&](const auto& each) { return each.place != begin->place; });
      places.emplace_back(begin, end);
      begin = end;
    }
    return places;
  }

  // Whether the boxes, from this dimension on, add up to 0 everywhere.
  [[nodiscard]] bool is_zero(sum boxes, std::size_t dimension) const {
    struct part {
      std::size_t begin;
      std::size_t dimension;
    };
    std::vector<part> parts = {{0, dimension}};  // of `boxes`, each to its end when its turn comes
    while (!parts.empty()) {
      const part last = parts.back();
      parts.pop_back();
      if (boxes.size() == last.begin + 1) return false;
      const sum edges = edges_of(part_of_sum(boxes).subspan(last.begin), last.dimension);
      boxes.resize(last.begin);
      std::vector<part_of_sum> places = places_of(edges);
      // What begins ends: all places together add up to 0, and one need not be looked at. As that is the largest, the
      // squares of the others' sizes add up to no more than the square of the whole: that bounds what there is to do.
      const auto smaller = [](part_of_sum a, part_of_sum b) { return a.size() < b.size(); };
      if (!places.empty()) places.erase(std::max_element(places.begin(), places.end(), smaller));
      for (const part_of_sum place : places) {
        parts.push_back({boxes.size(), last.dimension + 1});
        boxes.insert(boxes.end(), place.begin(), place.end());
      }
    }
    return true;
  }

  [[nodiscard]] fault overlap_at(const numbers& element) const {
    fault found = {element, {}, {}};
    for (std::size_t box = 1; found.boxes.size() != 2; ++box)
      if (meets(box, element, behind(element))) found.boxes.push_back(box);
    for (std::size_t i = 0; i != dimensions_; ++i)
      found.sizes.push_back((std::min)(high(found.boxes[0], i), high(found.boxes[1], i)) - element[i]);
    return found;
  }

  // As long as can be in the last dimension, then in the one before it, and so on.
  [[nodiscard]] fault hole_at(const numbers& element) const {
    numbers end = behind(element);
    for (std::size_t dimension = dimensions_; dimension-- != 0;) {
      end[dimension] = high(0, dimension);
      for (std::size_t box = 1; box != boxes(); ++box)
        if (meets(box, element, end)) end[dimension] = low(box, dimension);
    }
    for (std::size_t i = 0; i != dimensions_; ++i) end[i] -= element[i];
    return {element, std::move(end), {}};
  }

  static numbers behind(numbers element) {
    for (std::int64_t& each : element) ++each;
    return element;
  }

  [[nodiscard]] bool meets(std::size_t box, const numbers& begin, const numbers& end) const {
    for (std::size_t i = 0; i != dimensions_; ++i)
      if (high(box, i) <= begin[i] || low(box, i) >= end[i]) return false;
    return true;
  }

  [[nodiscard]] std::size_t boxes() const { return bounds_.size() / (2 * dimensions_); }
  [[nodiscard]] std::int64_t low(std::size_t box, std::size_t dimension) const {
    return bounds_[2 * (box * dimensions_ + dimension)];
  }
  [[nodiscard]] std::int64_t high(std::size_t box, std::size_t dimension) const {
    return bounds_[2 * (box * dimensions_ + dimension) + 1];
  }

  std::size_t dimensions_;
  numbers bounds_;  // of each box, in each dimension, where it begins and where it ends
};

// ---------------------------------------------------------------------------------------------- tensor by tensor

// The items that tell a chunk, by their tensors. Only here are plans read.
template <class Plans>
class planned_tensors {
 public:
  explicit planned_tensors(const Plans& plans) : items_(plans) {
    const duplicates found = dcp::find_duplicates(plans);
    for (std::uint32_t plan = 0; plan != items_.plans(); ++plan) {
      auto redundant = found.in(plan);
      for (std::uint32_t position = 0; position != items_.size(plan); ++position) {
        planned item = {{plan, position}, {plan, position}};
        if (!redundant.empty() && redundant.front().position == position) {
          item.keeper = {redundant.front().keeper, redundant.front().keeper_position};
          redundant = redundant.subspan(1);
        }
        see_chunk(item.at, [&](const auto&, std::string_view fqn) {
          auto of_tensor = tensors_.find(fqn);
          if (of_tensor == tensors_.end()) {
            of_tensor = tensors_.try_emplace(std::string(fqn)).first;
            in_order_.push_back(&*of_tensor);
          }
          of_tensor->second.push_back(item);
        });
      }
    }
  }

  [[nodiscard]] coverage_report check() const {
    coverage_report report;
    for (const auto* tensor : in_order_)
      if (auto found = check(tensor->first, tensor->second)) report.tensors.push_back(std::move(*found));
    return report;
  }

 private:
  struct planned {
    item_place at;
    item_place keeper;  // what writes the index: the item itself, or the one that makes it redundant
  };
  struct text_hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using tensor_map = std::unordered_map<std::string, std::vector<planned>, text_hash, std::equal_to<>>;

  // Calls `see` with the chunk that an item tells and the tensor's name, if it tells one.
  template <class See>
  void see_chunk(item_place at, const See& see) const {
    const auto& told = detail::told_chunk(items_.item(at.plan, at.position));
    if constexpr (may_be_nothing<std::remove_cvref_t<decltype(told)>>)
      if (!static_cast<bool>(told)) return;
    const auto& chunk = detail::chunk_in(told);
    const auto& index = items_.index(at.plan, at.position);
    see(chunk, detail::tensor_name(chunk, index));
  }

  [[nodiscard]] std::optional<faulty_tensor> check(const std::string& fqn, const std::vector<planned>& items) const {
    const item_place first = items.front().at;
    chunk_numbers told;
    static_cast<void>(read(first, told));
    const numbers size = told.size;
    tiling boxes(size);
    std::vector<item_place> box_items = {first};  // box 0 is the tensor itself
    const auto faulty = [&](coverage_fault fault, std::vector<item_place> concerned) {
      return faulty_tensor{fqn, fault, std::move(concerned), size, told.offsets, told.sizes};
    };
    for (const planned& item : items) {
      if (const auto fault = read(item.at, told)) return faulty(*fault, {item.at});
      if (told.size != size) return faulty(coverage_fault::different_size, {item.at, first});
      if (!same_dtype(item.at, first)) return faulty(coverage_fault::different_dtype, {item.at, first});
      if (detail::elements_of(told.sizes) == 0) continue;
      if (!detail::lies_within(told)) return faulty(coverage_fault::outside, {item.at});
      if (item.at == item.keeper) {
        boxes.add(told.offsets, told.sizes);
        box_items.push_back(item.at);
      } else if (!tells(item.keeper, fqn, told)) {
        return faulty(coverage_fault::different_chunk, {item.at, item.keeper});
      }
    }
    if (detail::elements_of(size) == 0) return {};
    auto fault = boxes.first_fault();
    if (!fault) return {};
    if (size.empty()) fault->offsets = fault->sizes = {};
    told.offsets = std::move(fault->offsets);
    told.sizes = std::move(fault->sizes);
    if (fault->boxes.empty()) return faulty(coverage_fault::hole, {first});
    return faulty(coverage_fault::overlap, {box_items[fault->boxes[1]], box_items[fault->boxes[0]]});
  }

  // Reads what an item tells, which has a chunk.
  [[nodiscard]] std::optional<coverage_fault> read(item_place at, chunk_numbers& told) const {
    std::optional<coverage_fault> fault;
    see_chunk(at, [&](const auto& chunk, std::string_view) { fault = detail::read_chunk(chunk, told); });
    return fault;
  }

  [[nodiscard]] bool same_dtype(item_place a, item_place b) const {
    bool same = true;
    see_chunk(a, [&](const auto& chunk, std::string_view) {
      if constexpr (requires { chunk.dtype; })
        see_chunk(b,
                  [&](const auto& other, std::string_view) { same = static_cast<bool>(chunk.dtype == other.dtype); });
    });
    return same;
  }

  // Whether an item tells this chunk of this tensor.
  [[nodiscard]] bool tells(item_place at, const std::string& fqn, const chunk_numbers& told) const {
    bool same = false;
    see_chunk(at, [&](const auto& chunk, std::string_view its_fqn) {
      chunk_numbers its;
      same =
          !detail::read_chunk(chunk, its) && its.offsets == told.offsets && its.sizes == told.sizes && its_fqn == fqn;
    });
    return same;
  }

  planned_items<const Plans> items_;
  tensor_map tensors_;
  std::vector<const typename tensor_map::value_type*> in_order_;
};

// ------------------------------------------------------------------------------------------------------ the text

inline std::string numbers_text(const numbers& values) {
  std::string text = "(";
  for (const std::int64_t each : values) {
    if (text.size() != 1) text += ", ";
    text += std::to_string(each);
  }
  return text += ')';
}

}  // namespace detail

// ------------------------------------------------------------------------------------------ the public functions

inline std::string faulty_tensor::what() const {
  const auto item = [&](std::size_t number) {
    if (number >= items.size()) return std::string("an item");
    return "plan " + std::to_string(items[number].plan) + ", item " + std::to_string(items[number].position);
  };
  const std::string part = detail::numbers_text(sizes) + " at " + detail::numbers_text(offsets);
  const std::string whole = detail::numbers_text(size);
  std::string text;
  detail::append_quoted(text, fqn);
  text += ": ";
  switch (fault) {
    case coverage_fault::malformed:
      return text + item(0) + " has a negative number, or offsets, sizes and a size of different dimensions";
    case coverage_fault::too_large: return text + item(0) + " has a number, or a count of elements, of 2^63 or more";
    case coverage_fault::different_size:
      return text + item(0) + " tells another size of the tensor than " + item(1) + ", which tells " + whole;
    case coverage_fault::different_dtype: return text + item(0) + " tells another dtype than " + item(1);
    case coverage_fault::different_chunk:
      return text + item(0) + " is " + part + "; of the same index, " + item(1) + " is another chunk";
    case coverage_fault::outside: return text + item(0) + " is " + part + ", not within the tensor of " + whole;
    case coverage_fault::overlap: return text + part + " is written by both " + item(1) + " and " + item(0);
    case coverage_fault::hole:
      return text + part + " is written by nobody; the tensor is " + whole + ", as " + item(0) + " tells";
  }
  return text;  // not reached: the enumeration has no other values
}

inline std::string coverage_report::what() const {
  constexpr std::size_t most_listed = 10;
  std::string text = "dcp: " + std::to_string(size()) + (size() == 1 ? " tensor is" : " tensors are") +
                     " not written exactly once, element by element";
  for (std::size_t i = 0; i != (std::min)(size(), most_listed); ++i)
    (text += i == 0 ? ":\n  " : "\n  ") += tensors[i].what();
  if (size() > most_listed) text += "\n  and " + std::to_string(size() - most_listed) + " more";
  return text;
}

template <class Plans>
coverage_report check_coverage(const Plans& plans) {
  if constexpr (detail::check_readable<const Plans>()) {
    if constexpr (detail::check_chunk<detail::item_of<detail::plan_of<Plans>>>())
      return detail::planned_tensors<Plans>(plans).check();
  }
  return {};
}

template <class Plans>
void require_coverage(const Plans& plans) {
  if (coverage_report report = dcp::check_coverage(plans); !report.empty())
    detail::raise(coverage_error(std::move(report)));
}

}  // namespace v0
}  // namespace dcp

#endif  // DCP_COVERAGE_HPP
