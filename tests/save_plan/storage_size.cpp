// The bytes of a tensor and of a chunk, where they are known and where they are too many.

#include <dcp/save_plan.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../write_items.hpp"

namespace storage_size_test {

using dcp::Dtype;
using dcp::Size;
using dcp::WriteItem;
using test::bytes_item;
using test::largest;
using test::tensor;
using test::whole_tensor;

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
  REQUIRE(bytes_item({}).tensor_storage_size() == std::nullopt);
  REQUIRE(bytes_item({}).storage_size() == std::nullopt);
  REQUIRE(bytes_item(dcp::BytesIOWriteData{1234}).tensor_storage_size() == std::nullopt);
  REQUIRE(bytes_item(dcp::BytesIOWriteData{1234}).storage_size() == 1234);
  REQUIRE(bytes_item(dcp::BytesIOWriteData{0}).storage_size() == 0);
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

TEST_CASE("a dtype that is not known here has no name and no size, and the item's bytes are not known") {
  for (const Dtype dtype : {Dtype{46}, Dtype{1000}, Dtype{4294967295}}) {
    REQUIRE(dcp::to_string(dtype).empty());
    REQUIRE(dcp::element_size(dtype) == 0);
    REQUIRE(whole_tensor(dtype, {3}).tensor_storage_size() == std::nullopt);
    REQUIRE(whole_tensor(dtype, {3}).storage_size() == std::nullopt);
    REQUIRE(whole_tensor(dtype, {}).storage_size() == std::nullopt);
    REQUIRE(whole_tensor(dtype, {largest, largest}).storage_size() == std::nullopt);
    REQUIRE_THROWS_AS(whole_tensor(dtype, {-1}).storage_size(), std::invalid_argument);
  }
  REQUIRE(dcp::to_string(Dtype{45}) == "uint7");
  STATIC_REQUIRE(dcp::to_string(Dtype{46}).empty());
}

TEST_CASE("a chunk without elements has 0 bytes, whatever its dtype") {
  REQUIRE(tensor(Dtype{46}, {8, 2}, {0, 2}).storage_size() == 0);
  REQUIRE(tensor(Dtype{46}, {8, 2}, {0, 2}).tensor_storage_size() == std::nullopt);
  REQUIRE(whole_tensor(Dtype{46}, {largest, largest, 0}).tensor_storage_size() == 0);
}

// Products on both sides of 2^63 of all kinds of factors, against the obvious division.
TEST_CASE("what has 2^63 bytes or more is told exactly") {
  std::uint64_t state = 1;
  const auto random_bits = [&](int bits) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>((state >> 1 | std::uint64_t{1} << 62) >> (63 - bits));
  };
  int too_large = 0;
  for (int round = 0; round != 20'000; ++round) {
    const int bits = 1 + round % 62;
    const Size size{random_bits(bits), random_bits(63 - bits), 1 + round % 3};
    const bool fits = size[0] <= largest / size[2] / size[1];
    too_large += fits ? 0 : 1;
    const WriteItem item = whole_tensor(Dtype::int8, size);
    if (fits && item.storage_size() != size[0] * size[1] * size[2]) FAIL(size);
    if (!fits) CHECK_THROWS_AS(item.storage_size(), std::overflow_error);
  }
  REQUIRE(too_large > 1000);
  REQUIRE(too_large < 19'000);
}

}  // namespace storage_size_test
