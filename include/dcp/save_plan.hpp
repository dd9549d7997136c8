// SPDX-License-Identifier: MIT
//
// PyTorch's save plans as C++ value types, for whoever has none of their own: the names and fields of
// torch/distributed/checkpoint/planner.py and metadata.py, in their order (PyTorch 2.7; what 2.6 lacks is optional
// here).
//
//     dcp::SavePlan plan{.items = {{.index = {.fqn = "layer.weight", .offset = {{0, 0}}},
//                                   .type = dcp::WriteItemType::TENSOR,
//                                   .tensor_data = dcp::TensorWriteData{.chunk = {.offsets = {0, 0}, .sizes = {4, 8}},
//                                                                       .properties = {.dtype = dcp::Dtype::bfloat16},
//                                                                       .size = {4, 8}}}}};
//
// All are regular (copies, ==) and print themselves to a std::ostream as Python's repr shows them, and what is none of an
// enum's values as `<Dtype: 99>`. Standard library alone; works without the library's other headers, and they without it.

#ifndef DCP_SAVE_PLAN_HPP
#define DCP_SAVE_PLAN_HPP

#if __cplusplus < 202002L && (!defined(_MSVC_LANG) || _MSVC_LANG < 202002L)
#error "dcp needs C++20: compile with -std=c++20 (MSVC: /std:c++20)"
#else

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dcp {
inline namespace v0 {

// clang-format off
/// The type of a tensor's elements (torch.dtype). A value past these is a dtype that is not known here, whose name the one
/// who makes it keeps; from 2^16 up there will never be a known one.
enum class Dtype : std::uint32_t {
  float32, float64, float16, bfloat16, complex32, complex64, complex128,
  int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool_,
  float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu, float4_e2m1fn_x2,
  qint8, quint8, qint32, quint4x2, quint2x4, bits1x8, bits2x4, bits4x2, bits8, bits16,
  int1, int2, int3, int4, int5, int6, int7, uint1, uint2, uint3, uint4, uint5, uint6, uint7
};

namespace detail::values {

struct DtypeFacts { std::string_view name; std::int64_t element_size = 0; };
inline constexpr DtypeFacts dtype_facts[] = {
    {"float32", 4}, {"float64", 8}, {"float16", 2}, {"bfloat16", 2}, {"complex32", 4}, {"complex64", 8},
    {"complex128", 16}, {"int8", 1}, {"int16", 2}, {"int32", 4}, {"int64", 8}, {"uint8", 1}, {"uint16", 2},
    {"uint32", 4}, {"uint64", 8}, {"bool", 1}, {"float8_e4m3fn", 1}, {"float8_e4m3fnuz", 1}, {"float8_e5m2", 1},
    {"float8_e5m2fnuz", 1}, {"float8_e8m0fnu", 1}, {"float4_e2m1fn_x2", 1}, {"qint8", 1}, {"quint8", 1},
    {"qint32", 4}, {"quint4x2", 1}, {"quint2x4", 1}, {"bits1x8", 1}, {"bits2x4", 1}, {"bits4x2", 1}, {"bits8", 1},
    {"bits16", 2}, {"int1", 1}, {"int2", 1}, {"int3", 1}, {"int4", 1}, {"int5", 1}, {"int6", 1}, {"int7", 1},
    {"uint1", 1}, {"uint2", 1}, {"uint3", 1}, {"uint4", 1}, {"uint5", 1}, {"uint6", 1}, {"uint7", 1}};
// clang-format on

template <class Type, class... Types>
concept one_of = (std::same_as<Type, Types> || ...);

// No bool and no character: a string is no size.
template <class Range>
concept integer_range =
    std::ranges::input_range<const Range> && one_of<std::ranges::range_value_t<const Range>, short, unsigned short, int,
                                                    unsigned, long, unsigned long, long long, unsigned long long>;

template <class Exception>
[[noreturn]] void raise(const char* message) {
#if defined(__cpp_exceptions)
  throw Exception(message);
#else
  std::fprintf(stderr, "%s\n", message);
  std::abort();
#endif
}

// What the table has for the value of an enum, or nothing if that is none of its values.
template <class Entry, std::size_t length, class Enum>
constexpr Entry entry_of(const Entry (&table)[length], Enum value) {
  const auto number = static_cast<std::size_t>(value);
  return number < length ? table[number] : Entry();
}
constexpr DtypeFacts facts_of(Dtype dtype) { return detail::values::entry_of(dtype_facts, dtype); }

// Numbers of seven bits a byte, the lowest first: small ones are short, and machines of any byte order read the same.
inline void append(std::string& bytes, std::integral auto number) {
  auto left = static_cast<std::uint64_t>(number);
  for (; left >= 0x80; left >>= 7) bytes += static_cast<char>((left & 0x7F) | 0x80);
  bytes += static_cast<char>(left);
}

inline void append(std::string& bytes, std::span<const std::int64_t> size) {
  detail::values::append(bytes, size.size());
  for (const std::int64_t each : size) detail::values::append(bytes, each);
}

std::optional<std::int64_t> bytes_of(std::span<const std::int64_t> size, Dtype dtype);

}  // namespace detail::values

/// A tensor's shape, or a place in it: an extent or offset per dimension. Empty for a scalar. (torch.Size)
///
/// A contiguous range of std::int64_t, made from any range of integers: `Size size = shape;`. It holds four extents in
/// itself, and more on the heap: few tensors have more dimensions, and an item without memory of its own is copied and
/// destroyed faster. What throws changes nothing.
class Size {
 public:
  using value_type = std::int64_t;
  using size_type = std::size_t;
  using iterator = std::int64_t*;
  using const_iterator = const std::int64_t*;

  Size() noexcept = default;
  Size(std::initializer_list<std::int64_t> extents) : Size(std::span<const std::int64_t>(extents)) {}
  Size(std::size_t count, std::int64_t extent) : Size() {
    while (size_ != count) push_back(extent);
  }
  template <detail::values::integer_range Range>
  Size(const Range& range) : Size() {
    for (const auto extent : range) push_back(static_cast<std::int64_t>(extent));
  }
  template <std::input_iterator Iterator>
  Size(Iterator first, Iterator last) : Size() {
    for (; first != last; ++first) push_back(static_cast<std::int64_t>(*first));
  }

  Size(const Size& other) : extents_(other.extents_), size_(other.size_) {
    if (on_heap()) std::copy_n(other.data(), size_, extents_.there = new std::int64_t[std::bit_ceil(size_)]);
  }
  Size(Size&& other) noexcept : extents_(other.extents_), size_(std::exchange(other.size_, 0)) {}
  Size& operator=(Size other) noexcept {
    std::swap(extents_, other.extents_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Size() { delete[] (on_heap() ? extents_.there : nullptr); }  // NOLINT: clang-tidy 14 takes std::optional for two

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::int64_t* data() noexcept { return on_heap() ? extents_.there : extents_.here; }
  [[nodiscard]] const std::int64_t* data() const noexcept { return on_heap() ? extents_.there : extents_.here; }
  [[nodiscard]] iterator begin() noexcept { return data(); }
  [[nodiscard]] iterator end() noexcept { return data() + size_; }
  [[nodiscard]] const_iterator begin() const noexcept { return data(); }
  [[nodiscard]] const_iterator end() const noexcept { return data() + size_; }
  [[nodiscard]] std::int64_t& operator[](std::size_t dimension) noexcept { return data()[dimension]; }
  [[nodiscard]] std::int64_t operator[](std::size_t dimension) const noexcept { return data()[dimension]; }
  [[nodiscard]] std::int64_t front() const noexcept { return data()[0]; }
  [[nodiscard]] std::int64_t back() const noexcept { return data()[size_ - 1]; }

  void push_back(std::int64_t extent) {
    if (size_ >= std::size(extents_.here) && std::has_single_bit(size_)) {
      auto* const larger = new std::int64_t[2 * size_];
      std::copy(begin(), end(), larger);
      if (on_heap()) delete[] extents_.there;
      extents_.there = larger;
    }
    ++size_;
    data()[size_ - 1] = extent;
  }

  operator std::vector<std::int64_t>() const { return {begin(), end()}; }

  friend bool operator==(const Size& a, const Size& b) noexcept { return a.size_ == b.size_ && is_eq(a <=> b); }
  friend std::strong_ordering operator<=>(const Size& a, const Size& b) noexcept {
    for (std::size_t i = 0; i != a.size_ && i != b.size_; ++i)
      if (a[i] != b[i]) return a[i] <=> b[i];
    return a.size_ <=> b.size_;
  }

 private:
  [[nodiscard]] bool on_heap() const noexcept { return size_ > std::size(extents_.here); }

  union {
    std::int64_t here[4] = {};
    std::int64_t* there;  // has room for the next power of two
  } extents_;
  std::size_t size_ = 0;
};

/// What names a write item: the tensor and the chunk of it.
struct MetadataIndex {
  std::string fqn;                         ///< fully qualified name
  std::optional<Size> offset = {};         ///< of the chunk, if it is a tensor's; none, {} and {0} are three offsets
  std::optional<std::int64_t> index = {};  ///< a hint where to look first; takes no part in == and the hash

  /// Appends what `==` compares, for dcp::dedup_tensors across ranks (mpi.hpp).
  void append_key(std::string& bytes) const {
    detail::values::append(bytes, offset.has_value());
    if (offset) detail::values::append(bytes, *offset);
    detail::values::append(bytes, fqn.size());
    bytes += fqn;
  }

  friend bool operator==(const MetadataIndex& a, const MetadataIndex& b) {
    return a.offset == b.offset && a.fqn == b.fqn;
  }
};

enum class WriteItemType : std::uint8_t { TENSOR = 1, SHARD = 2, BYTE_IO = 3 };

/// An item that is written as bytes, such as a pickled object.
struct BytesIOWriteData {
  std::int64_t nbytes = 0;

  friend bool operator==(const BytesIOWriteData&, const BytesIOWriteData&) = default;
};

/// The part of a tensor that an item writes.
struct ChunkStorageMetadata {
  Size offsets;
  Size sizes;

  friend bool operator==(const ChunkStorageMetadata&, const ChunkStorageMetadata&) = default;
};

/// The dtype's name without `torch.`; empty for one that is not known here.
constexpr std::string_view to_string(Dtype dtype) { return detail::values::facts_of(dtype).name; }

/// The bytes of an element, as c10::elementSize has it; 0 for a dtype that is not known here.
constexpr std::int64_t element_size(Dtype dtype) { return detail::values::facts_of(dtype).element_size; }

/// The dtype of that name (`bfloat16`), or nothing if it is not known here.
constexpr std::optional<Dtype> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i != std::size(detail::values::dtype_facts); ++i)
    if (detail::values::dtype_facts[i].name == name) return static_cast<Dtype>(i);
  return {};
}

enum class Layout : std::uint8_t { strided, sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc, jagged };

enum class MemoryFormat : std::uint8_t { contiguous_format, preserve_format, channels_last, channels_last_3d };

struct TensorProperties {
  Dtype dtype = Dtype::float32;
  Layout layout = Layout::strided;
  bool requires_grad = false;
  MemoryFormat memory_format = MemoryFormat::contiguous_format;
  bool pin_memory = false;

  friend bool operator==(const TensorProperties&, const TensorProperties&) = default;
};

struct TensorWriteData {
  ChunkStorageMetadata chunk;
  TensorProperties properties;
  Size size;  ///< of the whole tensor

  friend bool operator==(const TensorWriteData&, const TensorWriteData&) = default;
};

/// Where an item's chunk lies in its tensor. Refers to the item.
struct TensorChunk {
  std::span<const std::int64_t> offsets;
  std::span<const std::int64_t> sizes;
  std::span<const std::int64_t> size;  ///< of the whole tensor
  Dtype dtype = Dtype::float32;
};

/// What is to be written under one index.
struct WriteItem {
  MetadataIndex index;
  WriteItemType type = WriteItemType::TENSOR;
  std::optional<BytesIOWriteData> bytes_io_data = {};
  std::optional<TensorWriteData> tensor_data = {};

  /// The bytes of the whole tensor, of which the item may write a chunk; nothing if it writes none, or the dtype is not
  /// known here (0 all the same where an extent is 0: who writes nothing must not displace who writes something).
  /// Throws std::overflow_error past 2^63 - 1, and std::invalid_argument for a negative extent.
  [[nodiscard]] std::optional<std::int64_t> tensor_storage_size() const {
    return tensor_data ? detail::values::bytes_of(tensor_data->size, tensor_data->properties.dtype) : std::nullopt;
  }

  /// The bytes that the item itself writes: the chunk's, as above, or `nbytes`; nothing where neither is known.
  [[nodiscard]] std::optional<std::int64_t> storage_size() const {
    if (tensor_data) return detail::values::bytes_of(tensor_data->chunk.sizes, tensor_data->properties.dtype);
    return bytes_io_data ? std::optional(bytes_io_data->nbytes) : std::nullopt;
  }

  /// Whether these are known to be 0; no other number is calculated.
  [[nodiscard]] bool writes_nothing() const noexcept {
    if (!tensor_data) return bytes_io_data && bytes_io_data->nbytes == 0;
    const Size& sizes = tensor_data->chunk.sizes;
    return std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
  }

  /// Where in a tensor the item's data belongs, or nothing if it has no `tensor_data`; dcp::check_coverage asks for it.
  [[nodiscard]] std::optional<TensorChunk> chunk() const& {
    if (!tensor_data) return {};
    const auto& [chunk, properties, size] = *tensor_data;
    return TensorChunk{chunk.offsets, chunk.sizes, size, properties.dtype};
  }
  [[nodiscard]] std::optional<TensorChunk> chunk() const&& = delete;

  /// True if both items write the same data: type, chunk, the tensor's size, dtype and `nbytes` are equal. The other
  /// properties may differ: PyTorch deprecates them, and does not compare them either. For `.check_replicas`.
  [[nodiscard]] bool same_data(const WriteItem& other) const {
    if (type != other.type || bytes_io_data != other.bytes_io_data) return false;
    if (!tensor_data || !other.tensor_data) return !tensor_data && !other.tensor_data;
    const auto& [chunk, properties, size] = *tensor_data;
    return chunk == other.tensor_data->chunk && size == other.tensor_data->size &&
           properties.dtype == other.tensor_data->properties.dtype;
  }

  /// Appends what `same_data` compares, for `.check_replicas` across ranks.
  void append_data(std::string& bytes) const {
    detail::values::append(bytes, static_cast<std::uint64_t>(type));
    detail::values::append(bytes, bytes_io_data.has_value());
    if (bytes_io_data) detail::values::append(bytes, bytes_io_data->nbytes);
    if (!tensor_data) return;
    const auto& [chunk, properties, size] = *tensor_data;
    detail::values::append(bytes, chunk.offsets);
    detail::values::append(bytes, chunk.sizes);
    detail::values::append(bytes, size);
    detail::values::append(bytes, static_cast<std::uint64_t>(properties.dtype));
  }

  friend bool operator==(const WriteItem&, const WriteItem&) = default;
};

/// What one rank would write.
struct SavePlan {
  std::vector<WriteItem> items = {};
  /// What the storage writer and the planner attach (Python's Any). Compared by identity, copied by reference.
  std::shared_ptr<const void> storage_data = {};
  std::shared_ptr<const void> planner_data = {};
  bool usable = true;

  friend bool operator==(const SavePlan&, const SavePlan&) = default;
};

// ============================================================================================= how it is done

namespace detail::values {

// Multiplies to 128 bits and folds them: every bit of the result depends on all of both factors.
inline std::uint64_t multiply_fold(std::uint64_t a, std::uint64_t b) {
#if defined(__SIZEOF_INT128__)
  __extension__ typedef unsigned __int128 uint128;
  const uint128 product = static_cast<uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
  // By halves of 32 bits.
  const std::uint64_t low = (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
  const std::uint64_t left = (a >> 32) * (b & 0xFFFFFFFFu) + (low >> 32);
  const std::uint64_t right = (a & 0xFFFFFFFFu) * (b >> 32) + (left & 0xFFFFFFFFu);
  const std::uint64_t high = (a >> 32) * (b >> 32) + (left >> 32) + (right >> 32);
  return a * b ^ high;
#endif
}

inline std::uint64_t load(const char* from, std::size_t size) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, size);
  return word;
}

// Two odd constants without a pattern: the fractions of the square roots of 2 and 3.
inline constexpr std::uint64_t hash_a = 0x6A09E667F3BCC909u;
inline constexpr std::uint64_t hash_b = 0xBB67AE8584CAA73Bu;

inline std::uint64_t hash_bytes(std::string_view bytes) {
  std::uint64_t hash = hash_b ^ (bytes.size() * hash_a);
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left > 16; at += 16, left -= 16) hash = multiply_fold(load(at, 8) ^ hash_a, load(at + 8, 8) ^ hash);
  // The last 1 to 16 bytes as two words, which overlap where there are less than 16.
  const auto last = [&](std::uint64_t low, std::uint64_t high) { return multiply_fold(low ^ hash_b, high ^ hash); };
  if (left >= 8) return last(load(at, 8), load(at + left - 8, 8));
  if (left >= 4) return last(load(at, 4), load(at + left - 4, 4));
  if (left >= 2) return last(load(at, 2), load(at + left - 2, 2));
  return last(left == 1 ? load(at, 1) : 0, 0);
}

inline std::optional<std::int64_t> bytes_of(std::span<const std::int64_t> size, Dtype dtype) {
  auto bytes = static_cast<std::uint64_t>(element_size(dtype));
  const bool known = bytes != 0;
  bool empty = false;
  bool too_large = false;
  for (const std::int64_t extent : size) {
    if (extent < 0) detail::values::raise<std::invalid_argument>("dcp: a tensor's extent is negative");
    empty |= extent == 0;
    // No division for numbers below 2^31, as nearly all are: their product fits.
    const auto factor = static_cast<std::uint64_t>(extent);
    if ((bytes | factor) >> 31 != 0 && factor != 0) too_large |= bytes > (~std::uint64_t{0} >> 1) / factor;
    bytes *= factor;
  }
  if (empty) return 0;  // whatever the other extents are
  if (!known) return {};
  if (too_large) detail::values::raise<std::overflow_error>("dcp: a tensor has 2^63 bytes or more");
  return static_cast<std::int64_t>(bytes);
}

// As Python's repr shows a str. Bytes above 127 are taken for UTF-8 that can be printed.
inline std::ostream& print_str(std::ostream& out, std::string_view value) {
  const char quote = value.find('\'') != value.npos && value.find('"') == value.npos ? '"' : '\'';
  constexpr char hex[] = "0123456789abcdef";
  out << quote;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    const std::size_t named = std::string_view("\n\r\t").find(c);
    if (c == quote || c == '\\') out << '\\' << c;
    else if (named != value.npos) out << '\\' << "nrt"[named];
    else if (byte < 0x20 || byte == 0x7F) out << "\\x" << hex[byte >> 4] << hex[byte & 15];
    else out << c;
  }
  return out << quote;
}

// As Python shows a str, an int, a bool, what may be None, and a list (given as a span). Other types have a << already.
template <class Value>
std::ostream& print(std::ostream& out, const Value& value) {
  if constexpr (std::same_as<Value, std::string>) return detail::values::print_str(out, value);
  else if constexpr (std::same_as<Value, std::int64_t>) return out << std::to_string(value);
  else if constexpr (std::same_as<Value, bool>) return out << (value ? "True" : "False");
  else if constexpr (requires { value.has_value(); }) return value ? detail::values::print(out, *value) : out << "None";
  else if constexpr (requires { value.subspan(0); }) {
    const char* between = "[";
    for (const auto& each : value) detail::values::print(out << std::exchange(between, ", "), each);
    return out << (value.empty() ? "[]" : "]");
  } else return out << value;
}

// Prints `Type(a, b)` and the fields' values as `Type(a=1, b=2)`.
template <class... Fields>
std::ostream& print_fields(std::ostream& out, std::string_view names, const Fields&... fields) {
  const auto print_next = [&](const auto& field) {
    const std::size_t end = names.find_first_of(",)", 1);
    detail::values::print(out << names.substr(0, end) << '=', field);
    names.remove_prefix(end);
  };
  (print_next(fields), ...);
  return out << names;
}

// `name` is empty if none of PyTorch's values is that.
template <class Enum>
std::ostream& print_enum(std::ostream& out, const char* type, std::string_view name, Enum value) {
  if (!name.empty()) return out << "torch." << name;
  return out << '<' << type << ": " << std::to_string(static_cast<std::int64_t>(value)) << '>';
}

}  // namespace detail::values

inline std::ostream& operator<<(std::ostream& out, WriteItemType value) {
  constexpr std::string_view names[] = {"", ".TENSOR", ".SHARD", ".BYTE_IO"};
  return out << "<WriteItemType" << detail::values::entry_of(names, value) << ": "
             << std::to_string(static_cast<int>(value)) << '>';
}
inline std::ostream& operator<<(std::ostream& out, Dtype value) {
  return detail::values::print_enum(out, "Dtype", to_string(value), value);
}
inline std::ostream& operator<<(std::ostream& out, Layout value) {
  constexpr std::string_view names[] = {"strided",    "sparse_coo", "sparse_csr", "sparse_csc",
                                        "sparse_bsr", "sparse_bsc", "jagged"};
  return detail::values::print_enum(out, "Layout", detail::values::entry_of(names, value), value);
}
inline std::ostream& operator<<(std::ostream& out, MemoryFormat value) {
  constexpr std::string_view names[] = {"contiguous_format", "preserve_format", "channels_last", "channels_last_3d"};
  return detail::values::print_enum(out, "MemoryFormat", detail::values::entry_of(names, value), value);
}

inline std::ostream& operator<<(std::ostream& out, const Size& value) {
  return detail::values::print(out << "torch.Size(", std::span(value)) << ')';
}
inline std::ostream& operator<<(std::ostream& out, const MetadataIndex& value) {
  return detail::values::print_fields(out, "MetadataIndex(fqn, offset, index)", value.fqn, value.offset, value.index);
}
inline std::ostream& operator<<(std::ostream& out, const BytesIOWriteData& value) {
  return detail::values::print_fields(out, "BytesIOWriteData(nbytes)", value.nbytes);
}
inline std::ostream& operator<<(std::ostream& out, const ChunkStorageMetadata& value) {
  return detail::values::print_fields(out, "ChunkStorageMetadata(offsets, sizes)", value.offsets, value.sizes);
}
inline std::ostream& operator<<(std::ostream& out, const TensorProperties& value) {
  return detail::values::print_fields(out, "TensorProperties(dtype, layout, requires_grad, memory_format, pin_memory)",
                                      value.dtype, value.layout, value.requires_grad, value.memory_format,
                                      value.pin_memory);
}
inline std::ostream& operator<<(std::ostream& out, const TensorWriteData& value) {
  return detail::values::print_fields(out, "TensorWriteData(chunk, properties, size)", value.chunk, value.properties,
                                      value.size);
}
inline std::ostream& operator<<(std::ostream& out, const WriteItem& value) {
  return detail::values::print_fields(out, "WriteItem(index, type, bytes_io_data, tensor_data)", value.index,
                                      value.type, value.bytes_io_data, value.tensor_data);
}
inline std::ostream& operator<<(std::ostream& out, const SavePlan& value) {
  return detail::values::print_fields(out, "SavePlan(items, storage_data, planner_data, usable)",
                                      std::span(value.items), value.storage_data ? "..." : "None",
                                      value.planner_data ? "..." : "None", value.usable);
}

}  // namespace v0
}  // namespace dcp

/// Equal indices have equal hashes. It reads 16 bytes of the name at a time and mixes well in all bits. The value is
/// meant for hash tables: it may change with the version and is not the same on every machine.
template <>
struct std::hash<dcp::MetadataIndex> {
  std::size_t operator()(const dcp::MetadataIndex& index) const noexcept {
    using namespace dcp::detail::values;
    std::uint64_t mixed = hash_bytes(index.fqn);
    if (index.offset) {
      mixed ^= index.offset->size() + 1;
      for (const std::int64_t each : *index.offset)
        mixed = multiply_fold(mixed ^ hash_a, static_cast<std::uint64_t>(each) ^ hash_b);
    }
    return mixed & ~std::size_t{0};
  }
};

#endif  // C++20
#endif  // DCP_SAVE_PLAN_HPP
