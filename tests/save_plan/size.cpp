// Size: a regular, contiguous range that holds four extents in itself and more on the heap, made of any range of integers.

#include <dcp/save_plan.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../write_items.hpp"

namespace size_test {

using dcp::MetadataIndex;
using dcp::Size;
using test::largest;

// 0, 1, 2, ...
Size counted(std::size_t count) {
  Size size;
  for (std::size_t i = 0; i != count; ++i) size.push_back(static_cast<std::int64_t>(i));
  return size;
}

bool is_counted(const Size& size, std::size_t count) {
  if (size.size() != count || size.empty() != (count == 0) || size.end() - size.begin() != std::ssize(size))
    return false;
  for (std::size_t i = 0; i != count; ++i)
    if (size[i] != static_cast<std::int64_t>(i) || size.data()[i] != size[i]) return false;
  return true;
}

bool holds_in_itself(const Size& size) {
  const auto* const self = reinterpret_cast<const char*>(&size);
  const auto* const data = reinterpret_cast<const char*>(size.data());
  return data >= self && data < self + sizeof(Size);
}

// From none to past several steps of growth, on both sides of what fits inside.
constexpr std::size_t lengths[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 100};

TEST_CASE("a Size is a regular, ordered, contiguous range, and moves without a throw") {
  STATIC_REQUIRE(std::regular<Size>);
  STATIC_REQUIRE(std::totally_ordered<Size>);
  STATIC_REQUIRE(std::ranges::contiguous_range<Size>);
  STATIC_REQUIRE(std::ranges::contiguous_range<const Size>);
  STATIC_REQUIRE(std::ranges::sized_range<Size>);
  STATIC_REQUIRE(std::same_as<Size::iterator, std::int64_t*>);
  STATIC_REQUIRE(std::is_nothrow_default_constructible_v<Size>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Size>);
  STATIC_REQUIRE(std::is_nothrow_move_assignable_v<Size>);
  STATIC_REQUIRE(std::is_nothrow_swappable_v<Size>);
  STATIC_REQUIRE(std::is_nothrow_move_assignable_v<dcp::WriteItem>);
  STATIC_REQUIRE(sizeof(Size) <= 40);
}

TEST_CASE("a Size holds up to four extents in itself, and any number") {
  for (const std::size_t count : lengths) {
    INFO(count << " extents");
    const Size size = counted(count);
    REQUIRE(is_counted(size, count));
    REQUIRE(holds_in_itself(size) == (count <= 4));
    if (count != 0) {
      REQUIRE(size.front() == 0);
      REQUIRE(size.back() == static_cast<std::int64_t>(count) - 1);
    }
  }
}

TEST_CASE("a Size is copied, moved, assigned and swapped whatever the lengths") {
  for (const std::size_t from : lengths)
    for (const std::size_t to : lengths) {
      INFO(from << " and " << to << " extents");
      const Size original = counted(from);
      Size copy = original;
      REQUIRE(is_counted(copy, from));
      Size moved = std::move(copy);
      REQUIRE(is_counted(moved, from));
      REQUIRE(copy.empty());  // NOLINT(bugprone-use-after-move): that is what is tested

      Size assigned = counted(to);
      assigned = original;
      REQUIRE(is_counted(assigned, from));
      assigned = counted(to);
      REQUIRE(is_counted(assigned, to));
      assigned = std::move(moved);
      REQUIRE(is_counted(assigned, from));
      REQUIRE(moved.empty());  // NOLINT(bugprone-use-after-move)

      Size other = counted(to);
      std::swap(assigned, other);
      REQUIRE(is_counted(assigned, to));
      REQUIRE(is_counted(other, from));
      other.push_back(static_cast<std::int64_t>(from));
      REQUIRE(is_counted(other, from + 1));
      REQUIRE(is_counted(original, from));
    }
}

TEST_CASE("a Size may be assigned to itself, and push back its own extent") {
  for (const std::size_t count : lengths) {
    Size size = counted(count);
    const Size& same = size;
    size = same;
    REQUIRE(is_counted(size, count));
    if (count == 0) continue;
    size.push_back(size.back());
    REQUIRE(size.size() == count + 1);
    REQUIRE(size[count] == static_cast<std::int64_t>(count) - 1);
  }
}

TEST_CASE("what is written into a Size is read from it") {
  for (const std::size_t count : std::vector<std::size_t>{2, 4, 5, 9}) {
    Size size = counted(count);
    size[1] = 70;
    *(size.end() - 1) = 80;
    std::ranges::sort(size, std::greater<>());
    REQUIRE(size.front() == 80);
    REQUIRE(std::ranges::is_sorted(size, std::greater<>()));
  }
}

TEST_CASE("Sizes are equal and ordered as their extents are") {
  for (const std::size_t count : lengths) {
    REQUIRE(counted(count) == counted(count));
    REQUIRE(counted(count) != counted(count + 1));
    REQUIRE(counted(count) < counted(count + 1));
    for (std::size_t i = 0; i != count; ++i) {
      Size other = counted(count);
      other[i] = largest;
      REQUIRE(other != counted(count));
      REQUIRE(other > counted(count));
    }
  }
  REQUIRE(Size{0, 9} < Size{1});
  REQUIRE(Size{-1} < Size{0});
  REQUIRE(Size{} < Size{-1});
}

TEST_CASE("a Size is made of a list, of a count and of iterators") {
  REQUIRE(Size{}.empty());
  REQUIRE(Size{0}.size() == 1);
  REQUIRE(is_counted(Size{0, 1, 2, 3, 4, 5}, 6));
  REQUIRE(Size(3, 7) == Size{7, 7, 7});
  REQUIRE(Size(6, 7) == Size{7, 7, 7, 7, 7, 7});
  REQUIRE(Size(std::size_t{0}, 7).empty());
  const std::vector<int> extents{0, 1, 2, 3, 4, 5};
  REQUIRE(is_counted(Size(extents.begin(), extents.end()), 6));
  REQUIRE(is_counted(Size(extents.begin(), extents.begin() + 3), 3));
}

TEST_CASE("a Size is made of any range of integers, and compares with it") {
  const std::vector<std::int64_t> same{0, 1, 2, 3, 4};
  const auto converted = [](const Size& size) { return is_counted(size, 5); };  // by itself, as an argument
  REQUIRE(converted(same));
  REQUIRE(converted(std::vector<int>{0, 1, 2, 3, 4}));
  REQUIRE(converted(std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
  REQUIRE(converted(std::vector<long long>{0, 1, 2, 3, 4}));
  REQUIRE(converted(std::vector<short>{0, 1, 2, 3, 4}));
  REQUIRE(converted(std::array<long, 5>{0, 1, 2, 3, 4}));
  REQUIRE(converted(std::list<unsigned>{0, 1, 2, 3, 4}));
  REQUIRE(converted(std::deque<int>{0, 1, 2, 3, 4}));
  REQUIRE(converted(std::forward_list<int>{0, 1, 2, 3, 4}));
  REQUIRE(converted(std::span<const std::int64_t>(same)));
  const int array[] = {0, 1, 2, 3, 4};
  REQUIRE(converted(array));
  REQUIRE(counted(5) == same);
  REQUIRE(same == counted(5));
  REQUIRE(counted(4) != same);

  Size assigned;
  assigned = same;
  REQUIRE(is_counted(assigned, 5));
  assigned = std::vector<int>{0, 1};
  REQUIRE(is_counted(assigned, 2));
  std::optional<Size> offset;
  offset = same;
  REQUIRE(offset == Size{0, 1, 2, 3, 4});
  REQUIRE(MetadataIndex{.fqn = "w", .offset = std::vector<int>{4, 0}} == MetadataIndex{"w", Size{4, 0}});
}

TEST_CASE("text, truth values and fractions are no Size") {
  STATIC_REQUIRE_FALSE(std::convertible_to<std::string, Size>);
  STATIC_REQUIRE_FALSE(std::convertible_to<std::string_view, Size>);
  STATIC_REQUIRE_FALSE(std::convertible_to<const char*, Size>);
  STATIC_REQUIRE_FALSE(std::convertible_to<const char(&)[4], Size>);
  STATIC_REQUIRE_FALSE(std::convertible_to<std::wstring, Size>);
  STATIC_REQUIRE_FALSE(std::convertible_to<std::vector<bool>, Size>);
  STATIC_REQUIRE_FALSE(std::convertible_to<std::vector<double>, Size>);
  STATIC_REQUIRE_FALSE(std::convertible_to<std::int64_t, Size>);
  STATIC_REQUIRE_FALSE(std::convertible_to<Size, std::string>);
  STATIC_REQUIRE_FALSE(std::convertible_to<Size, std::vector<bool>>);
  STATIC_REQUIRE_FALSE(std::convertible_to<Size, std::vector<double>>);
}

TEST_CASE("a Size converts to a std::vector and to a std::span") {
  for (const std::size_t count : lengths) {
    const Size size = counted(count);
    const std::vector<std::int64_t> vector = size;
    REQUIRE(is_counted(vector, count));
    const std::span<const std::int64_t> span = size;
    REQUIRE(span.data() == size.data());
    REQUIRE(span.size() == count);
    std::vector<std::int64_t> assigned{7};
    assigned = size;
    REQUIRE(is_counted(assigned, count));
    const std::optional<std::vector<std::int64_t>> optional = std::optional<Size>(size);
    REQUIRE(is_counted(*optional, count));
    const auto by_argument = [](const std::vector<std::int64_t>& it) { return it.size(); };
    REQUIRE(by_argument(size) == count);
  }
}

TEST_CASE("an optional Size in braces: {} is none, {{}} an empty one, {{0}} one extent, {{0, 0}} two") {
  const MetadataIndex not_given{.fqn = "w"};
  const MetadataIndex none{.fqn = "w", .offset = {}};
  const MetadataIndex empty{.fqn = "w", .offset = {{}}};
  const MetadataIndex one{.fqn = "w", .offset = {{0}}};
  const MetadataIndex two{.fqn = "w", .offset = {{0, 0}}};
  REQUIRE_FALSE(not_given.offset);
  REQUIRE_FALSE(none.offset);
  REQUIRE(empty.offset.has_value());
  REQUIRE(empty.offset->empty());
  REQUIRE(one.offset == Size{0});
  REQUIRE(two.offset == Size{0, 0});

  const std::optional<Size> by_equals = {{}};
  REQUIRE(by_equals.has_value());
  const std::optional<Size> one_by_equals = {{5}};
  REQUIRE(one_by_equals == Size{5});

  const dcp::ChunkStorageMetadata chunk{.offsets = {}, .sizes = {4}};
  REQUIRE(chunk.offsets.empty());
  REQUIRE(chunk.sizes == Size{4});
}

TEST_CASE("an exception while a Size is made leaves nothing behind") {
  struct iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    int at = 0;
    int operator*() const { return at < 7 ? at : throw std::runtime_error("no more"); }
    iterator& operator++() { return ++at, *this; }
    void operator++(int) { ++at; }
    bool operator==(const iterator& other) const { return at == other.at; }
  };
  struct range {
    int size;
    static iterator begin() { return {0}; }
    [[nodiscard]] iterator end() const { return {size}; }
  };
  // The memory of the first seven: a leak is AddressSanitizer's to find.
  REQUIRE_THROWS_AS(Size(range{9}), std::runtime_error);
  REQUIRE(is_counted(Size(range{7}), 7));
}

TEST_CASE("a Size is printed as Python prints it, and so are the sizes of an index") {
  REQUIRE(test::repr(Size{}) == "torch.Size([])");
  REQUIRE(test::repr(Size{4}) == "torch.Size([4])");
  REQUIRE(test::repr(counted(6)) == "torch.Size([0, 1, 2, 3, 4, 5])");
}

}  // namespace size_test
