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
// All are regular (copies, ==) and print themselves to a std::ostream as Python's repr shows them. Standard library
// alone; works without the library's other headers, and they without it.

#ifndef DCP_SAVE_PLAN_HPP
#define DCP_SAVE_PLAN_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dcp {
inline namespace v0 {

/// A tensor's shape, or a place in it: an extent or offset per dimension. Empty for a scalar. (torch.Size)
using Size = std::vector<std::int64_t>;

/// What names a write item: the tensor and the chunk of it.
struct MetadataIndex {
  std::string fqn;                         ///< fully qualified name
  std::optional<Size> offset = {};         ///< of the chunk, if it is a tensor's; none, {} and {0} are three offsets
  std::optional<std::int64_t> index = {};  ///< a hint where to look first; takes no part in == and the hash

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

// clang-format off
/// The type of a tensor's elements (torch.dtype).
enum class Dtype : std::uint8_t {
  float32, float64, float16, bfloat16, complex32, complex64, complex128,
  int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool_,
  float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu, float4_e2m1fn_x2,
  qint8, quint8, qint32, quint4x2, quint2x4, bits1x8, bits2x4, bits4x2, bits8, bits16,
  int1, int2, int3, int4, int5, int6, int7, uint1, uint2, uint3, uint4, uint5, uint6, uint7
};

namespace detail {

struct DtypeFacts {
  std::string_view name;
  std::int64_t element_size;  // bytes
};

inline constexpr DtypeFacts dtype_facts[] = {
    {"float32", 4}, {"float64", 8}, {"float16", 2}, {"bfloat16", 2}, {"complex32", 4}, {"complex64", 8},
    {"complex128", 16}, {"int8", 1}, {"int16", 2}, {"int32", 4}, {"int64", 8}, {"uint8", 1}, {"uint16", 2},
    {"uint32", 4}, {"uint64", 8}, {"bool", 1}, {"float8_e4m3fn", 1}, {"float8_e4m3fnuz", 1}, {"float8_e5m2", 1},
    {"float8_e5m2fnuz", 1}, {"float8_e8m0fnu", 1}, {"float4_e2m1fn_x2", 1}, {"qint8", 1}, {"quint8", 1},
    {"qint32", 4}, {"quint4x2", 1}, {"quint2x4", 1}, {"bits1x8", 1}, {"bits2x4", 1}, {"bits4x2", 1}, {"bits8", 1},
    {"bits16", 2}, {"int1", 1}, {"int2", 1}, {"int3", 1}, {"int4", 1}, {"int5", 1}, {"int6", 1}, {"int7", 1},
    {"uint1", 1}, {"uint2", 1}, {"uint3", 1}, {"uint4", 1}, {"uint5", 1}, {"uint6", 1}, {"uint7", 1}};
// clang-format on

}  // namespace detail

/// The dtype's name without `torch.`.
constexpr std::string_view to_string(Dtype dtype) { return detail::dtype_facts[static_cast<std::size_t>(dtype)].name; }

/// The bytes of an element, as c10::elementSize has it.
constexpr std::int64_t element_size(Dtype dtype) {
  return detail::dtype_facts[static_cast<std::size_t>(dtype)].element_size;
}

/// The dtype of that name (`bfloat16`), or nothing if PyTorch has no such dtype.
constexpr std::optional<Dtype> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i != std::size(detail::dtype_facts); ++i)
    if (detail::dtype_facts[i].name == name) return static_cast<Dtype>(i);
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

/// What is to be written under one index.
struct WriteItem {
  MetadataIndex index;
  WriteItemType type = WriteItemType::TENSOR;
  std::optional<BytesIOWriteData> bytes_io_data = {};
  std::optional<TensorWriteData> tensor_data = {};

  /// The bytes of the whole tensor, of which the item may write a chunk; nothing if it writes none.
  /// Throws std::overflow_error past 2^63 - 1, and std::invalid_argument for a negative extent.
  [[nodiscard]] std::optional<std::int64_t> tensor_storage_size() const;

  /// The bytes that the item itself writes: the chunk's, or `nbytes`; nothing where neither is known.
  /// Throws as `tensor_storage_size`.
  [[nodiscard]] std::optional<std::int64_t> storage_size() const;

  friend bool operator==(const WriteItem&, const WriteItem&) = default;
};

/// What one rank would write.
struct SavePlan {
  std::vector<WriteItem> items = {};
  /// What the storage writer and the planner attach (Python's Any). Compared by identity, copied by reference.
  std::shared_ptr<const void> storage_data = {};
  std::shared_ptr<const void> planner_data = {};
  bool usable = true;

  /// A copy of all but the items; dcp::dedup_tensors copies a plan with it, so as not to copy items that go.
  [[nodiscard]] SavePlan without_items() const { return {{}, storage_data, planner_data, usable}; }

  friend bool operator==(const SavePlan&, const SavePlan&) = default;
};

/// Prints a value as Python's repr shows it:
/// `MetadataIndex(fqn='a', offset=torch.Size([0]), index=None)`, `<WriteItemType.SHARD: 2>`, `torch.bfloat16`.
std::ostream& operator<<(std::ostream& out, const MetadataIndex& value);
std::ostream& operator<<(std::ostream& out, WriteItemType value);
std::ostream& operator<<(std::ostream& out, const BytesIOWriteData& value);
std::ostream& operator<<(std::ostream& out, const ChunkStorageMetadata& value);
std::ostream& operator<<(std::ostream& out, Dtype value);
std::ostream& operator<<(std::ostream& out, Layout value);
std::ostream& operator<<(std::ostream& out, MemoryFormat value);
std::ostream& operator<<(std::ostream& out, const TensorProperties& value);
std::ostream& operator<<(std::ostream& out, const TensorWriteData& value);
std::ostream& operator<<(std::ostream& out, const WriteItem& value);
std::ostream& operator<<(std::ostream& out, const SavePlan& value);

}  // namespace v0
}  // namespace dcp

/// Equal indices have equal hashes. It reads 16 bytes of the name at a time and mixes well in all bits. The value is
/// meant for hash tables: it may change with the version and is not the same on every machine.
template <>
struct std::hash<dcp::MetadataIndex> {
  std::size_t operator()(const dcp::MetadataIndex& index) const noexcept;
};

// ============================================================================================= how it is done

namespace dcp {
inline namespace v0 {
namespace detail {

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 uint128;
#endif

// Multiplies to 128 bits and folds them: every bit of the result depends on all of both factors.
inline std::uint64_t multiply_fold(std::uint64_t a, std::uint64_t b) {
#if defined(__SIZEOF_INT128__)
  const uint128 product = static_cast<uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
  const std::uint64_t product = (a ^ (a >> 32)) * (b | 1);
  return product ^ (product >> 29);
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

inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) {
  std::uint64_t hash = seed ^ (bytes.size() * hash_a);
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left > 16; at += 16, left -= 16) hash = multiply_fold(load(at, 8) ^ hash_a, load(at + 8, 8) ^ hash);
  // The last 1 to 16 bytes as two words, which overlap where there are less than 16.
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = load(at, 8);
    high = load(at + left - 8, 8);
  } else if (left >= 4) {
    low = load(at, 4);
    high = load(at + left - 4, 4);
  } else if (left > 0) {
    low = static_cast<unsigned char>(at[0]);
    high = static_cast<std::uint64_t>(static_cast<unsigned char>(at[left / 2])) << 8 |
           static_cast<unsigned char>(at[left - 1]);
  }
  return multiply_fold(low ^ hash_b, high ^ hash);
}

template <class Exception>
[[noreturn]] void raise_for_size(const char* message) {
#if defined(__cpp_exceptions)
  throw Exception(message);
#else
  std::fprintf(stderr, "%s\n", message);
  std::abort();
#endif
}

inline std::int64_t bytes_of(const Size& size, Dtype dtype) {
  std::int64_t bytes = element_size(dtype);
  bool empty = false;
  for (const std::int64_t extent : size) {
    if (extent < 0) raise_for_size<std::invalid_argument>("dcp: a tensor's extent is negative");
    if (extent == 0) empty = true;
  }
  if (empty) return 0;  // whatever the other extents are
  for (const std::int64_t extent : size) {
    if (bytes > std::numeric_limits<std::int64_t>::max() / extent)
      raise_for_size<std::overflow_error>("dcp: a tensor has 2^63 bytes or more");
    bytes *= extent;
  }
  return bytes;
}

// As Python's repr shows a str. Bytes above 127 are taken for UTF-8 that can be printed.
inline void print_str(std::ostream& out, std::string_view value) {
  const char quote = value.find('\'') != value.npos && value.find('"') == value.npos ? '"' : '\'';
  constexpr char hex[] = "0123456789abcdef";
  out << quote;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') out << '\\' << c;
    else if (c == '\n') out << "\\n";
    else if (c == '\r') out << "\\r";
    else if (c == '\t') out << "\\t";
    else if (byte < 0x20 || byte == 0x7F) out << "\\x" << hex[byte >> 4] << hex[byte & 15];
    else out << c;
  }
  out << quote;
}

inline void print_size(std::ostream& out, const Size& value) {
  out << "torch.Size([";
  const char* between = "";
  for (const std::int64_t each : value) out << std::exchange(between, ", ") << std::to_string(each);
  out << "])";
}

inline const char* python_bool(bool value) { return value ? "True" : "False"; }

}  // namespace detail

inline std::optional<std::int64_t> WriteItem::tensor_storage_size() const {
  if (!tensor_data) return {};
  return detail::bytes_of(tensor_data->size, tensor_data->properties.dtype);
}

inline std::optional<std::int64_t> WriteItem::storage_size() const {
  if (tensor_data) return detail::bytes_of(tensor_data->chunk.sizes, tensor_data->properties.dtype);
  if (bytes_io_data) return bytes_io_data->nbytes;
  return {};
}

inline std::ostream& operator<<(std::ostream& out, const MetadataIndex& value) {
  out << "MetadataIndex(fqn=";
  detail::print_str(out, value.fqn);
  out << ", offset=";
  if (value.offset) detail::print_size(out, *value.offset);
  else out << "None";
  return out << ", index=" << (value.index ? std::to_string(*value.index) : "None") << ')';
}

inline std::ostream& operator<<(std::ostream& out, WriteItemType value) {
  constexpr const char* names[] = {"TENSOR", "SHARD", "BYTE_IO"};
  const int number = static_cast<int>(value);
  return out << "<WriteItemType." << names[number - 1] << ": " << std::to_string(number) << '>';
}

inline std::ostream& operator<<(std::ostream& out, const BytesIOWriteData& value) {
  return out << "BytesIOWriteData(nbytes=" << std::to_string(value.nbytes) << ')';
}

inline std::ostream& operator<<(std::ostream& out, const ChunkStorageMetadata& value) {
  out << "ChunkStorageMetadata(offsets=";
  detail::print_size(out, value.offsets);
  out << ", sizes=";
  detail::print_size(out, value.sizes);
  return out << ')';
}

inline std::ostream& operator<<(std::ostream& out, Dtype value) { return out << "torch." << to_string(value); }

inline std::ostream& operator<<(std::ostream& out, Layout value) {
  constexpr const char* names[] = {"strided",    "sparse_coo", "sparse_csr", "sparse_csc",
                                   "sparse_bsr", "sparse_bsc", "jagged"};
  return out << "torch." << names[static_cast<std::size_t>(value)];
}

inline std::ostream& operator<<(std::ostream& out, MemoryFormat value) {
  constexpr const char* names[] = {"contiguous_format", "preserve_format", "channels_last", "channels_last_3d"};
  return out << "torch." << names[static_cast<std::size_t>(value)];
}

inline std::ostream& operator<<(std::ostream& out, const TensorProperties& value) {
  return out << "TensorProperties(dtype=" << value.dtype << ", layout=" << value.layout
             << ", requires_grad=" << detail::python_bool(value.requires_grad)
             << ", memory_format=" << value.memory_format << ", pin_memory=" << detail::python_bool(value.pin_memory)
             << ')';
}

inline std::ostream& operator<<(std::ostream& out, const TensorWriteData& value) {
  out << "TensorWriteData(chunk=" << value.chunk << ", properties=" << value.properties << ", size=";
  detail::print_size(out, value.size);
  return out << ')';
}

inline std::ostream& operator<<(std::ostream& out, const WriteItem& value) {
  out << "WriteItem(index=" << value.index << ", type=" << value.type << ", bytes_io_data=";
  if (value.bytes_io_data) out << *value.bytes_io_data;
  else out << "None";
  out << ", tensor_data=";
  if (value.tensor_data) out << *value.tensor_data;
  else out << "None";
  return out << ')';
}

inline std::ostream& operator<<(std::ostream& out, const SavePlan& value) {
  out << "SavePlan(items=[";
  const char* between = "";
  for (const WriteItem& item : value.items) out << std::exchange(between, ", ") << item;
  return out << "], storage_data=" << (value.storage_data ? "..." : "None")
             << ", planner_data=" << (value.planner_data ? "..." : "None")
             << ", usable=" << detail::python_bool(value.usable) << ')';
}

}  // namespace v0
}  // namespace dcp

inline std::size_t std::hash<dcp::MetadataIndex>::operator()(const dcp::MetadataIndex& index) const noexcept {
  using namespace dcp::detail;
  std::uint64_t mixed = hash_bytes(index.fqn, hash_b);
  if (index.offset) {
    mixed ^= index.offset->size() + 1;
    for (const std::int64_t each : *index.offset)
      mixed = multiply_fold(mixed ^ hash_a, static_cast<std::uint64_t>(each) ^ hash_b);
  }
  return static_cast<std::size_t>(mixed);
}

#endif  // DCP_SAVE_PLAN_HPP
