// What of an index and of an item travels between ranks: bytes that are equal exactly where indices are equal, and
// where items describe the same data.

#include <dcp/save_plan.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../catch.hpp"

namespace bytes_between_ranks_test {

std::string key_of(const dcp::MetadataIndex& index) {
  std::string bytes;
  index.append_key(bytes);
  return bytes;
}

std::string data_of(const dcp::WriteItem& item) {
  std::string bytes;
  item.append_data(bytes);
  return bytes;
}

TEST_CASE("append_key's bytes are equal where the indices are") {
  using namespace std::string_literals;
  const std::vector<dcp::MetadataIndex> indices{
      {.fqn = "w"},
      {.fqn = "w", .offset = dcp::Size{}},
      {.fqn = "w", .offset = {{0}}},
      {.fqn = "w", .offset = {{0, 0}}},
      {.fqn = "w", .offset = {{1, 128}}},
      {.fqn = "w", .offset = {{128, 1}}},
      {.fqn = "w", .offset = {{-1}}},
      {.fqn = "\1w"s},
      {.fqn = ""},
      {.fqn = "w\0"s},
      {.fqn = std::string(300, 'w')},
  };
  for (std::size_t i = 0; i != indices.size(); ++i)
    for (std::size_t j = 0; j != indices.size(); ++j) {
      CAPTURE(i, j);
      CHECK((key_of(indices[i]) == key_of(indices[j])) == (i == j));
      // Two in a row show where the first ends.
      CHECK((key_of(indices[i]) + key_of(indices[j]) == key_of(indices[j]) + key_of(indices[i])) == (i == j));
    }
}

TEST_CASE("append_key leaves the hint out, and is the same on machines of any byte order") {
  const dcp::MetadataIndex index{.fqn = "ab", .offset = {{3, 300}}, .index = 7};
  CHECK(key_of(index) == std::string_view("\x01\x02\x03\xAC\x02\x02"
                                          "ab"));
}

TEST_CASE("append_data tells what replicas have to agree on") {
  const dcp::WriteItem item{.index = {.fqn = "w"},
                            .tensor_data = dcp::TensorWriteData{{{0}, {4}}, {.dtype = dcp::Dtype::float32}, {8}}};
  const auto bytes_with = [&](const auto& change) {
    dcp::WriteItem changed = item;
    change(changed);
    return data_of(changed);
  };
  const std::string bytes = data_of(item);
  CHECK(bytes_with([](dcp::WriteItem& it) { it.type = dcp::WriteItemType::SHARD; }) != bytes);
  CHECK(bytes_with([](dcp::WriteItem& it) { it.bytes_io_data = {0}; }) != bytes);
  CHECK(bytes_with([](dcp::WriteItem& it) { it.tensor_data.reset(); }) != bytes);
  CHECK(bytes_with([](dcp::WriteItem& it) { it.tensor_data->chunk.offsets = {1}; }) != bytes);
  CHECK(bytes_with([](dcp::WriteItem& it) { it.tensor_data->chunk.sizes = {1}; }) != bytes);
  CHECK(bytes_with([](dcp::WriteItem& it) { it.tensor_data->size = {8, 1}; }) != bytes);
  CHECK(bytes_with([](dcp::WriteItem& it) { it.tensor_data->properties.dtype = dcp::Dtype::int8; }) != bytes);

  const dcp::WriteItem object{.index = {}, .bytes_io_data = dcp::BytesIOWriteData{8}};
  CHECK(data_of(object) != data_of({.index = {}, .bytes_io_data = dcp::BytesIOWriteData{9}}));
  CHECK(data_of(object) != data_of({.index = {}}));
}

TEST_CASE("append_data leaves out the index and what is deprecated in PyTorch") {
  dcp::WriteItem item{.index = {.fqn = "w"}, .tensor_data = dcp::TensorWriteData{}};
  const std::string bytes = data_of(item);
  item.index.fqn = "b";
  item.tensor_data->properties = {.layout = dcp::Layout::jagged,
                                  .requires_grad = true,
                                  .memory_format = dcp::MemoryFormat::channels_last,
                                  .pin_memory = true};
  CHECK(data_of(item) == bytes);
}

}  // namespace bytes_between_ranks_test
