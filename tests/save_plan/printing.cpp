// Values print themselves as Python's repr shows them.

#include <dcp/save_plan.hpp>

#include <cstdint>
#include <memory>
#include <ostream>
#include <sstream>
#include <string>

#include "../catch.hpp"
#include "../write_items.hpp"

namespace printing_test {

using dcp::Dtype;
using dcp::Layout;
using dcp::MemoryFormat;
using dcp::MetadataIndex;
using dcp::Size;
using dcp::WriteItem;
using dcp::WriteItemType;
using test::bytes_item;
using test::largest;
using test::tensor;

TEST_CASE("an index is printed as Python prints it") {
  REQUIRE(test::repr(MetadataIndex{"a", Size{0}}) == "MetadataIndex(fqn='a', offset=torch.Size([0]), index=None)");
  REQUIRE(test::repr(MetadataIndex{"a"}) == "MetadataIndex(fqn='a', offset=None, index=None)");
  REQUIRE(test::repr(MetadataIndex{"a", Size{}, 0}) == "MetadataIndex(fqn='a', offset=torch.Size([]), index=0)");
  REQUIRE(test::repr(MetadataIndex{"a.b", Size{4, 0, largest}, 12}) ==
          "MetadataIndex(fqn='a.b', offset=torch.Size([4, 0, 9223372036854775807]), index=12)");
}

TEST_CASE("a name is quoted as Python quotes it") {
  const auto quoted = [](const std::string& name) {
    const std::string text = test::repr(MetadataIndex{name});
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

TEST_CASE("the kinds and dtypes are printed as Python prints them") {
  REQUIRE(test::repr(WriteItemType::TENSOR) == "<WriteItemType.TENSOR: 1>");
  REQUIRE(test::repr(WriteItemType::SHARD) == "<WriteItemType.SHARD: 2>");
  REQUIRE(test::repr(WriteItemType::BYTE_IO) == "<WriteItemType.BYTE_IO: 3>");
  REQUIRE(test::repr(Dtype::bfloat16) == "torch.bfloat16");
  REQUIRE(test::repr(Dtype::bool_) == "torch.bool");
}

TEST_CASE("each layout and each memory format has PyTorch's name") {
  REQUIRE(test::repr(Layout::strided) == "torch.strided");
  REQUIRE(test::repr(Layout::sparse_coo) == "torch.sparse_coo");
  REQUIRE(test::repr(Layout::sparse_csr) == "torch.sparse_csr");
  REQUIRE(test::repr(Layout::sparse_csc) == "torch.sparse_csc");
  REQUIRE(test::repr(Layout::sparse_bsr) == "torch.sparse_bsr");
  REQUIRE(test::repr(Layout::sparse_bsc) == "torch.sparse_bsc");
  REQUIRE(test::repr(Layout::jagged) == "torch.jagged");
  REQUIRE(test::repr(MemoryFormat::contiguous_format) == "torch.contiguous_format");
  REQUIRE(test::repr(MemoryFormat::preserve_format) == "torch.preserve_format");
  REQUIRE(test::repr(MemoryFormat::channels_last) == "torch.channels_last");
  REQUIRE(test::repr(MemoryFormat::channels_last_3d) == "torch.channels_last_3d");
}

// A WriteItemType{} has the value 0, which none of PyTorch's kinds has: its name was read from before the table.
TEST_CASE("what is none of an enum's values is printed by its number") {
  REQUIRE(test::repr(WriteItemType{}) == "<WriteItemType: 0>");
  REQUIRE(test::repr(WriteItemType{4}) == "<WriteItemType: 4>");
  REQUIRE(test::repr(WriteItemType{255}) == "<WriteItemType: 255>");
  REQUIRE(test::repr(Layout{7}) == "<Layout: 7>");
  REQUIRE(test::repr(Layout{255}) == "<Layout: 255>");
  REQUIRE(test::repr(MemoryFormat{4}) == "<MemoryFormat: 4>");
  REQUIRE(test::repr(MemoryFormat{255}) == "<MemoryFormat: 255>");
  REQUIRE(test::repr(Dtype{46}) == "<Dtype: 46>");
  REQUIRE(test::repr(Dtype{4294967295}) == "<Dtype: 4294967295>");
}

TEST_CASE("an item of a tensor is printed as Python prints it") {
  WriteItem item = tensor(Dtype::bfloat16, {8, 3}, {4, 3});
  item.index = {"w", Size{4, 0}, 1};
  item.tensor_data->chunk.offsets = {4, 0};
  item.tensor_data->properties.requires_grad = true;

  REQUIRE(test::repr(item.tensor_data->chunk) ==
          "ChunkStorageMetadata(offsets=torch.Size([4, 0]), sizes=torch.Size([4, 3]))");
  REQUIRE(test::repr(item.tensor_data->properties) ==
          "TensorProperties(dtype=torch.bfloat16, layout=torch.strided, requires_grad=True, "
          "memory_format=torch.contiguous_format, pin_memory=False)");
  REQUIRE(test::repr(*item.tensor_data) ==
          "TensorWriteData(chunk=ChunkStorageMetadata(offsets=torch.Size([4, 0]), sizes=torch.Size([4, 3])), "
          "properties=TensorProperties(dtype=torch.bfloat16, layout=torch.strided, requires_grad=True, "
          "memory_format=torch.contiguous_format, pin_memory=False), size=torch.Size([8, 3]))");
  REQUIRE(test::repr(item) ==
          "WriteItem(index=MetadataIndex(fqn='w', offset=torch.Size([4, 0]), index=1), type=<WriteItemType.SHARD: 2>, "
          "bytes_io_data=None, tensor_data=" +
              test::repr(*item.tensor_data) + ')');
}

TEST_CASE("an item of bytes and a plan are printed as Python prints them") {
  REQUIRE(test::repr(dcp::BytesIOWriteData{7}) == "BytesIOWriteData(nbytes=7)");
  REQUIRE(test::repr(bytes_item({})) ==
          "WriteItem(index=MetadataIndex(fqn='step', offset=None, index=None), type=<WriteItemType.BYTE_IO: 3>, "
          "bytes_io_data=None, tensor_data=None)");
  REQUIRE(test::repr(bytes_item(dcp::BytesIOWriteData{7})) ==
          "WriteItem(index=MetadataIndex(fqn='step', offset=None, index=None), type=<WriteItemType.BYTE_IO: 3>, "
          "bytes_io_data=BytesIOWriteData(nbytes=7), tensor_data=None)");
  REQUIRE(test::repr(dcp::SavePlan{}) == "SavePlan(items=[], storage_data=None, planner_data=None, usable=True)");
  REQUIRE(test::repr(dcp::SavePlan{.items = {bytes_item({}), bytes_item({})}, .usable = false}) ==
          "SavePlan(items=[" + test::repr(bytes_item({})) + ", " + test::repr(bytes_item({})) +
              "], storage_data=None, planner_data=None, usable=False)");
}

TEST_CASE("numbers are printed in decimal, whatever the stream's settings are") {
  std::ostringstream out;
  out << std::hex << std::showbase << std::showpos << MetadataIndex{"a", Size{255}, 16};
  REQUIRE(out.str() == "MetadataIndex(fqn='a', offset=torch.Size([255]), index=16)");
}

TEST_CASE("a plan prints whether it has storage_data, and whether it has planner_data") {
  const auto data = std::make_shared<int>(1);
  REQUIRE(test::repr(dcp::SavePlan{.storage_data = data}) ==
          "SavePlan(items=[], storage_data=..., planner_data=None, usable=True)");
  REQUIRE(test::repr(dcp::SavePlan{.planner_data = data}) ==
          "SavePlan(items=[], storage_data=None, planner_data=..., usable=True)");
}

}  // namespace printing_test
