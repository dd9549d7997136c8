// The value types of save_plan.hpp: PyTorch's fields in PyTorch's order, ==, the hash, sizes in bytes, and Python's
// repr.

#include <dcp/save_plan.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "catch.hpp"

using dcp::Dtype;
using dcp::MetadataIndex;
using dcp::Size;
using dcp::WriteItem;
using dcp::WriteItemType;

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

template <class Value>
std::string repr(const Value& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

std::size_t hash_of(const MetadataIndex& index) { return std::hash<MetadataIndex>{}(index); }

WriteItem tensor(Dtype dtype, Size size, Size chunk_sizes) {
  return {
      .index = {.fqn = "w", .offset = Size(size.size(), 0)},
      .type = WriteItemType::SHARD,
      .tensor_data = dcp::TensorWriteData{.chunk = {.offsets = Size(size.size(), 0), .sizes = std::move(chunk_sizes)},
                                          .properties = {.dtype = dtype},
                                          .size = std::move(size)}};
}

WriteItem whole_tensor(Dtype dtype, const Size& size) { return tensor(dtype, size, size); }

WriteItem bytes(std::optional<dcp::BytesIOWriteData> data) {
  return {.index = {.fqn = "step"}, .type = WriteItemType::BYTE_IO, .bytes_io_data = data};
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------- the fields

TEST_CASE("the types have PyTorch's fields, in PyTorch's order") {
  const auto [fqn, offset, index] = MetadataIndex{"w", Size{4, 0}, 1};
  REQUIRE(fqn == "w");
  REQUIRE(offset == Size{4, 0});
  REQUIRE(index == 1);

  const auto [nbytes] = dcp::BytesIOWriteData{7};
  REQUIRE(nbytes == 7);

  const dcp::ChunkStorageMetadata chunk{{4, 0}, {2, 3}};
  REQUIRE(chunk.offsets == Size{4, 0});
  REQUIRE(chunk.sizes == Size{2, 3});

  const dcp::TensorProperties properties{Dtype::int8, dcp::Layout::sparse_coo, true, dcp::MemoryFormat::channels_last,
                                         true};
  REQUIRE(properties.dtype == Dtype::int8);
  REQUIRE(properties.layout == dcp::Layout::sparse_coo);
  REQUIRE(properties.requires_grad);
  REQUIRE(properties.memory_format == dcp::MemoryFormat::channels_last);
  REQUIRE(properties.pin_memory);

  const dcp::TensorWriteData data{chunk, properties, {6, 3}};
  REQUIRE(data.chunk == chunk);
  REQUIRE(data.properties == properties);
  REQUIRE(data.size == Size{6, 3});

  const WriteItem item{{"w"}, WriteItemType::SHARD, dcp::BytesIOWriteData{7}, data};
  REQUIRE(item.index == MetadataIndex{"w"});
  REQUIRE(item.type == WriteItemType::SHARD);
  REQUIRE(item.bytes_io_data == dcp::BytesIOWriteData{7});
  REQUIRE(item.tensor_data == data);

  const auto storage_data = std::make_shared<int>(1);
  const auto planner_data = std::make_shared<int>(2);
  const dcp::SavePlan plan{{item}, storage_data, planner_data, false};
  REQUIRE(plan.items == std::vector{item});
  REQUIRE(plan.storage_data == storage_data);
  REQUIRE(plan.planner_data == planner_data);
  REQUIRE_FALSE(plan.usable);
}

TEST_CASE("what is not given has PyTorch's defaults") {
  REQUIRE_FALSE(MetadataIndex{"w"}.offset);
  REQUIRE_FALSE(MetadataIndex{"w"}.index);
  const WriteItem item{.index = {"w"}, .type = WriteItemType::TENSOR};
  REQUIRE_FALSE(item.bytes_io_data);
  REQUIRE_FALSE(item.tensor_data);
  const dcp::TensorProperties properties;
  REQUIRE(properties.dtype == Dtype::float32);
  REQUIRE(properties.layout == dcp::Layout::strided);
  REQUIRE_FALSE(properties.requires_grad);
  REQUIRE(properties.memory_format == dcp::MemoryFormat::contiguous_format);
  REQUIRE_FALSE(properties.pin_memory);
  const dcp::SavePlan plan;
  REQUIRE(plan.items.empty());
  REQUIRE_FALSE(plan.storage_data);
  REQUIRE_FALSE(plan.planner_data);
  REQUIRE(plan.usable);
}

TEST_CASE("the kinds of write item have PyTorch's numbers") {
  REQUIRE(static_cast<int>(WriteItemType::TENSOR) == 1);
  REQUIRE(static_cast<int>(WriteItemType::SHARD) == 2);
  REQUIRE(static_cast<int>(WriteItemType::BYTE_IO) == 3);
}

TEST_CASE("all types are regular values") {
  STATIC_REQUIRE(std::regular<MetadataIndex>);
  STATIC_REQUIRE(std::regular<WriteItemType>);
  STATIC_REQUIRE(std::regular<dcp::BytesIOWriteData>);
  STATIC_REQUIRE(std::regular<dcp::ChunkStorageMetadata>);
  STATIC_REQUIRE(std::regular<dcp::TensorProperties>);
  STATIC_REQUIRE(std::regular<dcp::TensorWriteData>);
  STATIC_REQUIRE(std::regular<WriteItem>);
  STATIC_REQUIRE(std::regular<dcp::SavePlan>);
}

TEST_CASE("values differ if any field does, but for the hint of an index") {
  const WriteItem item = tensor(Dtype::float32, {8, 2}, {4, 2});
  WriteItem other = item;
  REQUIRE(item == other);
  other.index.index = 3;
  REQUIRE(item == other);
  const auto differs = [&](auto change) {
    WriteItem changed = item;
    change(changed);
    return !(changed == item) && changed != item;
  };
  REQUIRE(differs([](WriteItem& it) { it.index.fqn = "v"; }));
  REQUIRE(differs([](WriteItem& it) { it.index.offset = Size{4, 0}; }));
  REQUIRE(differs([](WriteItem& it) { it.type = WriteItemType::TENSOR; }));
  REQUIRE(differs([](WriteItem& it) { it.bytes_io_data = dcp::BytesIOWriteData{}; }));
  REQUIRE(differs([](WriteItem& it) { it.tensor_data->chunk.offsets[0] = 4; }));
  REQUIRE(differs([](WriteItem& it) { it.tensor_data->chunk.sizes[0] = 2; }));
  REQUIRE(differs([](WriteItem& it) { it.tensor_data->properties.dtype = Dtype::int32; }));
  REQUIRE(differs([](WriteItem& it) { it.tensor_data->properties.layout = dcp::Layout::sparse_csr; }));
  REQUIRE(differs([](WriteItem& it) { it.tensor_data->properties.requires_grad = true; }));
  REQUIRE(
      differs([](WriteItem& it) { it.tensor_data->properties.memory_format = dcp::MemoryFormat::preserve_format; }));
  REQUIRE(differs([](WriteItem& it) { it.tensor_data->properties.pin_memory = true; }));
  REQUIRE(differs([](WriteItem& it) { it.tensor_data->size[1] = 3; }));
  REQUIRE(differs([](WriteItem& it) { it.tensor_data.reset(); }));
}

TEST_CASE("plans differ if any field does; attached data is compared by identity") {
  const auto data = std::make_shared<int>(1);
  const dcp::SavePlan plan{.items = {bytes({})}, .storage_data = data, .planner_data = data};
  const auto differs = [&](auto change) {
    dcp::SavePlan changed = plan;
    REQUIRE(changed == plan);
    change(changed);
    return changed != plan;
  };
  REQUIRE(differs([](dcp::SavePlan& it) { it.items.clear(); }));
  REQUIRE(differs([](dcp::SavePlan& it) { it.storage_data = std::make_shared<int>(1); }));
  REQUIRE(differs([](dcp::SavePlan& it) { it.planner_data.reset(); }));
  REQUIRE(differs([](dcp::SavePlan& it) { it.usable = false; }));
}

TEST_CASE("without_items is a copy of all else") {
  const auto data = std::make_shared<int>(1);
  const dcp::SavePlan plan{.items = {bytes({})}, .storage_data = data, .planner_data = data, .usable = false};
  dcp::SavePlan expected = plan;
  expected.items.clear();

  REQUIRE(plan.without_items() == expected);
  REQUIRE(plan.items.size() == 1);
}

// ------------------------------------------------------------------------------------------------ the index's identity

TEST_CASE("indices are equal if their names and offsets are; the hint takes no part") {
  const MetadataIndex index{"w", Size{4, 0}, 1};
  REQUIRE(index == MetadataIndex{"w", Size{4, 0}, 2});
  REQUIRE(index == MetadataIndex{"w", Size{4, 0}});
  REQUIRE(index != MetadataIndex{"v", Size{4, 0}, 1});
  REQUIRE(index != MetadataIndex{"w", Size{0, 4}, 1});
  REQUIRE(index != MetadataIndex{"w", Size{4}, 1});
  REQUIRE(index != MetadataIndex{"w", {}, 1});
}

TEST_CASE("no offset, an empty one and {0} are three offsets, with three hashes") {
  const MetadataIndex none{"w"};
  const MetadataIndex scalar{"w", Size{}};
  const MetadataIndex zero{"w", Size{0}};
  REQUIRE(none != scalar);
  REQUIRE(scalar != zero);
  REQUIRE(zero != none);
  REQUIRE(std::set{hash_of(none), hash_of(scalar), hash_of(zero), hash_of({"w", Size{0, 0}})}.size() == 4);
}

TEST_CASE("equal indices have equal hashes, wherever their names lie") {
  REQUIRE(hash_of({"w", Size{4, 0}, 1}) == hash_of({"w", Size{4, 0}, 2}));
  REQUIRE(hash_of({"w", Size{4, 0}, 1}) == hash_of({"w", Size{4, 0}}));
  for (std::size_t length = 0; length != 100; ++length) {
    const std::string name(length, 'x');
    const std::string again = name;
    REQUIRE(hash_of({name}) == hash_of({again}));
  }
}

TEST_CASE("every byte of a name, its length and every part of an offset changes the hash") {
  std::unordered_set<std::size_t> hashes;
  std::size_t indices = 0;
  for (std::size_t length = 0; length <= 80; ++length) {
    std::string name(length, 'a');
    hashes.insert(hash_of({name}));
    ++indices;
    for (char& c : name) {
      for (const char other : {'b', 'A', '\xE1', '\0'}) {
        c = other;
        hashes.insert(hash_of({name}));
        ++indices;
      }
      c = 'a';
    }
  }
  for (std::size_t dimensions = 1; dimensions <= 8; ++dimensions) {
    Size offset(dimensions, 0);
    hashes.insert(hash_of({"", offset}));
    ++indices;
    for (std::int64_t& each : offset)
      for (int bit = 0; bit != 63; ++bit) {
        each = std::int64_t{1} << bit;
        hashes.insert(hash_of({"", offset}));
        ++indices;
        each = 0;
      }
  }
  REQUIRE(hashes.size() == indices);
}

namespace {

// Throws as many balls as there are boxes: any twelve bits of the hash in a row choose one of 4096. By chance 63 % of
// the boxes are hit; a tenth of that is allowed either way. A hash that leaves bits as they are, or repeats itself, is
// far off.
void require_spread(const std::vector<MetadataIndex>& indices) {
  REQUIRE(indices.size() == 4096);
  for (unsigned shift = 0; shift + 12 <= sizeof(std::size_t) * 8; ++shift) {
    std::set<std::size_t> boxes;
    for (const MetadataIndex& index : indices) boxes.insert(hash_of(index) >> shift & 4095);
    INFO("bits from " << shift);
    REQUIRE(boxes.size() > 4096 * 57 / 100);
    REQUIRE(boxes.size() < 4096 * 69 / 100);
  }
}

}  // namespace

TEST_CASE("names that differ in the layer's number alone spread over the low and high bits of the hash") {
  std::vector<MetadataIndex> long_names;
  std::vector<MetadataIndex> short_names;
  for (int layer = 0; layer != 4096; ++layer) {
    long_names.push_back({"model.layers." + std::to_string(layer) + ".self_attn.q_proj.weight"});
    short_names.push_back({"h." + std::to_string(layer) + ".w"});
  }
  require_spread(long_names);
  require_spread(short_names);
}

TEST_CASE("names that differ in one character spread over the low and high bits of the hash") {
  std::vector<MetadataIndex> indices;
  const std::string name = "model.layers.00.block_sparse_moe.experts.w1.weight_";
  for (std::size_t at = 0; indices.size() != 4096; at = (at + 1) % name.size())
    for (char c = ' '; c <= '~' && indices.size() != 4096; ++c) {
      std::string changed = name;
      changed[at] = c;
      if (c != name[at]) indices.push_back({changed});
    }
  require_spread(indices);
}

TEST_CASE("chunks of one tensor spread over the low and high bits of the hash") {
  std::vector<MetadataIndex> rows;
  std::vector<MetadataIndex> grid;
  for (std::int64_t i = 0; i != 4096; ++i) {
    rows.push_back({"tok_embeddings.weight", Size{i * 4096, 0}});
    grid.push_back({"tok_embeddings.weight", Size{i / 64 * 128, i % 64 * 128}});
  }
  require_spread(rows);
  require_spread(grid);
}

// ----------------------------------------------------------------------------------------------------------- the sizes

TEST_CASE("tensor_storage_size is the bytes of the whole tensor, storage_size those of the chunk") {
  const WriteItem item = tensor(Dtype::bfloat16, {8, 3}, {4, 3});
  REQUIRE(item.tensor_storage_size() == 8 * 3 * 2);
  REQUIRE(item.storage_size() == 4 * 3 * 2);
}

TEST_CASE("a scalar has the bytes of one element, a tensor with an empty dimension none") {
  REQUIRE(whole_tensor(Dtype::float64, {}).tensor_storage_size() == 8);
  REQUIRE(whole_tensor(Dtype::float64, {}).storage_size() == 8);
  REQUIRE(whole_tensor(Dtype::float64, {5, 0, 7}).tensor_storage_size() == 0);
  REQUIRE(tensor(Dtype::float64, {5}, {0}).storage_size() == 0);
}

TEST_CASE("an item of bytes has no tensor's size, and nbytes for its own where that is known") {
  REQUIRE(bytes({}).tensor_storage_size() == std::nullopt);
  REQUIRE(bytes({}).storage_size() == std::nullopt);
  REQUIRE(bytes(dcp::BytesIOWriteData{1234}).tensor_storage_size() == std::nullopt);
  REQUIRE(bytes(dcp::BytesIOWriteData{1234}).storage_size() == 1234);
  REQUIRE(bytes(dcp::BytesIOWriteData{0}).storage_size() == 0);
}

TEST_CASE("2^63 - 1 bytes are right, and more throw std::overflow_error") {
  REQUIRE(whole_tensor(Dtype::uint8, {largest}).tensor_storage_size() == largest);
  REQUIRE(whole_tensor(Dtype::uint8, {largest}).storage_size() == largest);
  REQUIRE(whole_tensor(Dtype::uint8, {7, 7, 73, 127, 337, 92737, 649657}).storage_size() == largest);
  REQUIRE(whole_tensor(Dtype::float16, {largest / 2}).storage_size() == largest - 1);

  for (const WriteItem& item :
       {whole_tensor(Dtype::uint8, {std::int64_t{1} << 62, 2}), whole_tensor(Dtype::float16, {largest / 2 + 1}),
        whole_tensor(Dtype::uint8, {std::int64_t{1} << 32, std::int64_t{1} << 32}),
        whole_tensor(Dtype::uint8, {largest, largest})}) {
    REQUIRE_THROWS_AS(item.tensor_storage_size(), std::overflow_error);
    REQUIRE_THROWS_AS(item.storage_size(), std::overflow_error);
  }
}

TEST_CASE("a size of 0 is right however large the other extents, as it is in Python") {
  REQUIRE(whole_tensor(Dtype::float32, {largest, largest, 0}).tensor_storage_size() == 0);
  REQUIRE(whole_tensor(Dtype::float32, {0, largest, largest}).storage_size() == 0);
}

TEST_CASE("a negative extent throws std::invalid_argument") {
  for (const Size& size : {Size{-1}, Size{2, -3}, Size{-2, -3}, Size{0, -1}}) {
    REQUIRE_THROWS_AS(whole_tensor(Dtype::float32, size).tensor_storage_size(), std::invalid_argument);
    REQUIRE_THROWS_AS(whole_tensor(Dtype::float32, size).storage_size(), std::invalid_argument);
  }
}

TEST_CASE("dtypes have PyTorch's names and sizes") {
  const std::vector<std::pair<std::string_view, std::int64_t>> expected{
      {"float32", 4},   {"float64", 8},       {"float16", 2},     {"bfloat16", 2},        {"complex32", 4},
      {"complex64", 8}, {"complex128", 16},   {"int8", 1},        {"int16", 2},           {"int32", 4},
      {"int64", 8},     {"uint8", 1},         {"uint16", 2},      {"uint32", 4},          {"uint64", 8},
      {"bool", 1},      {"float8_e4m3fn", 1}, {"float8_e5m2", 1}, {"float8_e4m3fnuz", 1}, {"float8_e5m2fnuz", 1},
      {"qint8", 1},     {"quint8", 1},        {"qint32", 4},      {"quint4x2", 1},        {"quint2x4", 1},
      {"bits8", 1},     {"bits16", 2},        {"uint4", 1}};
  for (const auto& [name, size] : expected) {
    INFO(name);
    const std::optional<Dtype> dtype = dcp::parse_dtype(name);
    REQUIRE(dtype);
    REQUIRE(dcp::to_string(*dtype) == name);
    REQUIRE(dcp::element_size(*dtype) == size);
    REQUIRE(whole_tensor(*dtype, {3}).tensor_storage_size() == 3 * size);
  }
  REQUIRE(dcp::to_string(Dtype::bool_) == "bool");
  for (const std::string_view name : {"", "float", "torch.float32", "Float32", "float32 ", "bool_", "float320"}) {
    INFO(name);
    REQUIRE_FALSE(dcp::parse_dtype(name));
  }
}

// ------------------------------------------------------------------------------------------------------- Python's repr

TEST_CASE("an index is printed as Python prints it") {
  REQUIRE(repr(MetadataIndex{"a", Size{0}}) == "MetadataIndex(fqn='a', offset=torch.Size([0]), index=None)");
  REQUIRE(repr(MetadataIndex{"a"}) == "MetadataIndex(fqn='a', offset=None, index=None)");
  REQUIRE(repr(MetadataIndex{"a", Size{}, 0}) == "MetadataIndex(fqn='a', offset=torch.Size([]), index=0)");
  REQUIRE(repr(MetadataIndex{"a.b", Size{4, 0, largest}, 12}) ==
          "MetadataIndex(fqn='a.b', offset=torch.Size([4, 0, 9223372036854775807]), index=12)");
}

TEST_CASE("a name is quoted as Python quotes it") {
  const auto quoted = [](const std::string& name) {
    const std::string text = repr(MetadataIndex{name});
    const std::string start = "MetadataIndex(fqn=";
    const std::string end = ", offset=None, index=None)";
    REQUIRE(text.starts_with(start));
    REQUIRE(text.ends_with(end));
    return text.substr(start.size(), text.size() - start.size() - end.size());
  };
  REQUIRE(quoted("") == R"('')");
  REQUIRE(quoted("it's") == R"("it's")");
  REQUIRE(quoted(R"(say "a")") == R"('say "a"')");
  REQUIRE(quoted(R"(it's "a")") == R"('it\'s "a"')");
  REQUIRE(quoted(R"(a\b)") == R"('a\\b')");
  REQUIRE(quoted("a\nb\rc\td") == R"('a\nb\rc\td')");
  REQUIRE(quoted(std::string("\x00\x1f\x7f", 3)) == R"('\x00\x1f\x7f')");
  REQUIRE(quoted("\xC3\xA9") == "'\xC3\xA9'");
}

TEST_CASE("the kinds, dtypes, layouts and memory formats are printed as Python prints them") {
  REQUIRE(repr(WriteItemType::TENSOR) == "<WriteItemType.TENSOR: 1>");
  REQUIRE(repr(WriteItemType::SHARD) == "<WriteItemType.SHARD: 2>");
  REQUIRE(repr(WriteItemType::BYTE_IO) == "<WriteItemType.BYTE_IO: 3>");
  REQUIRE(repr(Dtype::bfloat16) == "torch.bfloat16");
  REQUIRE(repr(Dtype::bool_) == "torch.bool");
  REQUIRE(repr(dcp::Layout::strided) == "torch.strided");
  REQUIRE(repr(dcp::Layout::sparse_bsc) == "torch.sparse_bsc");
  REQUIRE(repr(dcp::MemoryFormat::contiguous_format) == "torch.contiguous_format");
  REQUIRE(repr(dcp::MemoryFormat::channels_last_3d) == "torch.channels_last_3d");
}

TEST_CASE("an item of a tensor is printed as Python prints it") {
  WriteItem item = tensor(Dtype::bfloat16, {8, 3}, {4, 3});
  item.index = {"w", Size{4, 0}, 1};
  item.tensor_data->chunk.offsets = {4, 0};
  item.tensor_data->properties.requires_grad = true;

  REQUIRE(repr(item.tensor_data->chunk) ==
          "ChunkStorageMetadata(offsets=torch.Size([4, 0]), sizes=torch.Size([4, 3]))");
  REQUIRE(repr(item.tensor_data->properties) ==
          "TensorProperties(dtype=torch.bfloat16, layout=torch.strided, requires_grad=True, "
          "memory_format=torch.contiguous_format, pin_memory=False)");
  REQUIRE(repr(*item.tensor_data) ==
          "TensorWriteData(chunk=ChunkStorageMetadata(offsets=torch.Size([4, 0]), sizes=torch.Size([4, 3])), "
          "properties=TensorProperties(dtype=torch.bfloat16, layout=torch.strided, requires_grad=True, "
          "memory_format=torch.contiguous_format, pin_memory=False), size=torch.Size([8, 3]))");
  REQUIRE(repr(item) ==
          "WriteItem(index=MetadataIndex(fqn='w', offset=torch.Size([4, 0]), index=1), type=<WriteItemType.SHARD: 2>, "
          "bytes_io_data=None, tensor_data=" +
              repr(*item.tensor_data) + ')');
}

TEST_CASE("an item of bytes and a plan are printed as Python prints them") {
  REQUIRE(repr(dcp::BytesIOWriteData{7}) == "BytesIOWriteData(nbytes=7)");
  REQUIRE(repr(bytes({})) ==
          "WriteItem(index=MetadataIndex(fqn='step', offset=None, index=None), type=<WriteItemType.BYTE_IO: 3>, "
          "bytes_io_data=None, tensor_data=None)");
  REQUIRE(repr(bytes(dcp::BytesIOWriteData{7})) ==
          "WriteItem(index=MetadataIndex(fqn='step', offset=None, index=None), type=<WriteItemType.BYTE_IO: 3>, "
          "bytes_io_data=BytesIOWriteData(nbytes=7), tensor_data=None)");
  REQUIRE(repr(dcp::SavePlan{}) == "SavePlan(items=[], storage_data=None, planner_data=None, usable=True)");
  REQUIRE(repr(dcp::SavePlan{.items = {bytes({}), bytes({})}, .usable = false}) ==
          "SavePlan(items=[" + repr(bytes({})) + ", " + repr(bytes({})) +
              "], storage_data=None, planner_data=None, usable=False)");
}

TEST_CASE("numbers are printed in decimal, whatever the stream's settings are") {
  std::ostringstream out;
  out << std::hex << std::showbase << std::showpos << MetadataIndex{"a", Size{255}, 16};
  REQUIRE(out.str() == "MetadataIndex(fqn='a', offset=torch.Size([255]), index=16)");
}
