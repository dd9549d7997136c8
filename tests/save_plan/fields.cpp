// The value types have PyTorch's fields in PyTorch's order, are regular, and differ if a field does.

#include <dcp/save_plan.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "../write_items.hpp"

namespace fields_test {

using dcp::Dtype;
using dcp::MetadataIndex;
using dcp::Size;
using dcp::WriteItem;
using dcp::WriteItemType;
using test::bytes_item;
using test::tensor;

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
  const dcp::SavePlan plan{.items = {bytes_item({})}, .storage_data = data, .planner_data = data};
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

}  // namespace fields_test
