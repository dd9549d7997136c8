// chunk(): where in a tensor an item's data belongs, as check_coverage asks for it.

#include <dcp/save_plan.hpp>

#include <utility>

#include "../catch.hpp"
#include "../write_items.hpp"

namespace chunk_test {

using dcp::Dtype;
using dcp::Size;
using dcp::WriteItem;

template <class Item>
concept has_chunk = requires(Item&& item) { std::forward<Item>(item).chunk(); };

TEST_CASE("chunk() has the chunk's place, the tensor's size and the dtype") {
  WriteItem item = test::tensor(Dtype::bfloat16, {8, 3}, {4, 2});
  item.tensor_data->chunk.offsets = {4, 1};

  const auto chunk = item.chunk();

  REQUIRE(chunk.has_value());
  REQUIRE(Size(chunk->offsets) == Size{4, 1});
  REQUIRE(Size(chunk->sizes) == Size{4, 2});
  REQUIRE(Size(chunk->size) == Size{8, 3});
  REQUIRE(chunk->dtype == Dtype::bfloat16);
}

TEST_CASE("chunk() is nothing for an item without tensor_data") {
  const WriteItem unknown = test::bytes_item({});
  const WriteItem bytes = test::bytes_item(dcp::BytesIOWriteData{4});
  REQUIRE_FALSE(unknown.chunk().has_value());
  REQUIRE_FALSE(bytes.chunk().has_value());
}

TEST_CASE("chunk() refers to the item, and a temporary one has none") {
  const WriteItem item = test::tensor(Dtype::int8, {8, 3, 1, 1, 2}, {4, 3, 1, 1, 2});
  REQUIRE(item.chunk()->sizes.data() == item.tensor_data->chunk.sizes.data());
  STATIC_REQUIRE(has_chunk<const WriteItem&>);
  STATIC_REQUIRE_FALSE(has_chunk<WriteItem>);
}

}  // namespace chunk_test
