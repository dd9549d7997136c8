// same_data(): whether two items of one index write the same data, as `.check_replicas` asks.

#include <dcp/save_plan.hpp>

#include "../catch.hpp"
#include "../write_items.hpp"

using dcp::Dtype;
using dcp::WriteItem;

namespace same_data {

void require_other_data(const WriteItem& a, const WriteItem& b) {
  REQUIRE_FALSE(a.same_data(b));
  REQUIRE_FALSE(b.same_data(a));
}

}  // namespace same_data

TEST_CASE("items whose type, chunk, size, dtype and nbytes are equal write the same data") {
  const WriteItem item = test::tensor(Dtype::bfloat16, {8, 3}, {4, 3});
  REQUIRE(item.same_data(item));
  REQUIRE(test::bytes_item({}).same_data(test::bytes_item({})));
  REQUIRE(test::bytes_item(dcp::BytesIOWriteData{4}).same_data(test::bytes_item(dcp::BytesIOWriteData{4})));
}

// PyTorch deprecates these properties and does not compare them: a rank that pins its memory saves the same tensor.
TEST_CASE("items write the same data whatever their layout, requires_grad, memory_format and pin_memory") {
  const WriteItem item = test::tensor(Dtype::bfloat16, {8, 3}, {4, 3});
  const auto require_same_data = [&](const auto& change) {
    WriteItem other = item;
    change(other.tensor_data->properties);
    REQUIRE(item.same_data(other));
    REQUIRE(other.same_data(item));
    REQUIRE_FALSE(item == other);
  };
  require_same_data([](dcp::TensorProperties& its) { its.layout = dcp::Layout::sparse_coo; });
  require_same_data([](dcp::TensorProperties& its) { its.requires_grad = true; });
  require_same_data([](dcp::TensorProperties& its) { its.memory_format = dcp::MemoryFormat::channels_last; });
  require_same_data([](dcp::TensorProperties& its) { its.pin_memory = true; });
}

TEST_CASE("items write other data where type, chunk, size, dtype or nbytes differ") {
  const WriteItem item = test::tensor(Dtype::bfloat16, {8, 3}, {4, 3});
  const auto require_change_is_seen = [&](const auto& change) {
    WriteItem other = item;
    change(other);
    same_data::require_other_data(item, other);
  };
  require_change_is_seen([](WriteItem& it) { it.type = dcp::WriteItemType::TENSOR; });
  require_change_is_seen([](WriteItem& it) { it.tensor_data->chunk.offsets[0] = 4; });
  require_change_is_seen([](WriteItem& it) { it.tensor_data->chunk.sizes[0] = 2; });
  require_change_is_seen([](WriteItem& it) { it.tensor_data->size[0] = 9; });
  require_change_is_seen([](WriteItem& it) { it.tensor_data->properties.dtype = Dtype::float16; });
  require_change_is_seen([](WriteItem& it) { it.tensor_data.reset(); });
  require_change_is_seen([](WriteItem& it) { it.bytes_io_data = dcp::BytesIOWriteData{4}; });
  same_data::require_other_data(test::bytes_item(dcp::BytesIOWriteData{4}), test::bytes_item({}));
  same_data::require_other_data(test::bytes_item(dcp::BytesIOWriteData{4}), test::bytes_item(dcp::BytesIOWriteData{5}));
}
