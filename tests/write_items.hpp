// Items of the ready-made types in few words, and how they print and hash.

#ifndef DCP_TESTS_WRITE_ITEMS_HPP
#define DCP_TESTS_WRITE_ITEMS_HPP

#include <dcp/save_plan.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace test {

inline constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

template <class Value>
std::string repr(const Value& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

inline std::size_t hash_of(const dcp::MetadataIndex& index) { return std::hash<dcp::MetadataIndex>{}(index); }

// A chunk at the start of the tensor "w".
inline dcp::WriteItem tensor(dcp::Dtype dtype, dcp::Size size, dcp::Size chunk_sizes) {
  const dcp::Size offsets(size.size(), 0);
  return {.index = {.fqn = "w", .offset = offsets},
          .type = dcp::WriteItemType::SHARD,
          .tensor_data = dcp::TensorWriteData{.chunk = {.offsets = offsets, .sizes = std::move(chunk_sizes)},
                                              .properties = {.dtype = dtype},
                                              .size = std::move(size)}};
}

inline dcp::WriteItem whole_tensor(dcp::Dtype dtype, const dcp::Size& size) { return tensor(dtype, size, size); }

inline dcp::WriteItem bytes_item(std::optional<dcp::BytesIOWriteData> data) {
  return {.index = {.fqn = "step"}, .type = dcp::WriteItemType::BYTE_IO, .bytes_io_data = data};
}

}  // namespace test

#endif  // DCP_TESTS_WRITE_ITEMS_HPP
