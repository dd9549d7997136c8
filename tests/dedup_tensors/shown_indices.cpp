// What the log shows for an index: an unscoped enum of bytes was a raw character in it.

#include <dcp/dedup_tensors.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "../catch.hpp"

namespace shown_indices_test {

enum bare_bytes : std::uint8_t { bare_newline = 10 };
enum class scoped_bytes : std::uint8_t { newline = 10 };
enum class named { weight };
[[maybe_unused]] std::ostream& operator<<(std::ostream& out, named) { return out << "weight"; }
enum bare_named { bare_bias };
[[maybe_unused]] std::ostream& operator<<(std::ostream& out, bare_named) { return out << "bias"; }

struct printed {
  int number = 0;
  friend bool operator==(const printed&, const printed&) = default;
  friend std::ostream& operator<<(std::ostream& out, const printed& it) { return out << "number " << it.number; }
};

// Asks its buffer to overflow with no character, as a flush may.
struct flushing {
  friend bool operator==(const flushing&, const flushing&) = default;
  friend std::ostream& operator<<(std::ostream& out, const flushing&) {
    struct opened : std::streambuf {
      static int flush(std::streambuf& buffer) { return (buffer.*&opened::overflow)(traits_type::eof()); }
    };
    opened::flush(*out.rdbuf());
    return out << "flushed";
  }
};

struct silent {
  friend bool operator==(const silent&, const silent&) = default;
};

template <class Index>
struct item {
  Index index;
};
template <class Index>
struct plan {
  std::vector<item<Index>> items;
};

// The message for two equal items, without what every message has.
template <class Index>
std::string shown(const Index& index) {
  std::string message;
  const std::vector<plan<Index>> plans{{{{index}}}, {{{index}}}};
  static_cast<void>(
      dcp::find_duplicates(plans, {.log = [&](const dcp::log_record& record) { message = record.message; }}));
  constexpr std::string_view before = "Duplicate keys to remove: {1: [";
  REQUIRE(message.starts_with(before));
  REQUIRE(message.ends_with("]}"));
  return message.substr(before.size(), message.size() - before.size() - 2);
}

}  // namespace shown_indices_test

template <>
struct std::hash<shown_indices_test::printed> {
  std::size_t operator()(const shown_indices_test::printed& index) const noexcept {
    return static_cast<std::size_t>(index.number);
  }
};

template <>
struct std::hash<shown_indices_test::flushing> {
  std::size_t operator()(const shown_indices_test::flushing&) const noexcept { return 0; }
};

template <>
struct std::hash<shown_indices_test::silent> {
  std::size_t operator()(const shown_indices_test::silent&) const noexcept { return 0; }
};

namespace shown_indices_test {

TEST_CASE("a number is shown in digits, also one of eight bits") {
  REQUIRE(shown(std::uint8_t{10}) == "10");
  REQUIRE(shown(std::int8_t{-1}) == "-1");
  REQUIRE(shown(static_cast<unsigned char>(65)) == "65");
  REQUIRE(shown(-1234567890123) == "-1234567890123");
  REQUIRE(shown(~std::uint64_t{0}) == "18446744073709551615");
}

TEST_CASE("an enum is shown by its operator<<, if it has one") {
  REQUIRE(shown(named::weight) == "weight");
  REQUIRE(shown(bare_bias) == "bias");
}

TEST_CASE("an enum of bytes is shown in digits or by its position, never as a raw character") {
  REQUIRE(shown(bare_newline) == "10");
  REQUIRE(shown(scoped_bytes::newline) == "#0");
}

TEST_CASE("an index is shown by its parts, each in its own way") {
  REQUIRE(shown(std::pair(std::string("w"), 4)) == "('w', 4)");
  REQUIRE(shown(std::tuple(std::uint8_t{7}, named::weight, printed{3})) == "(7, weight, number 3)");
  REQUIRE(shown(std::array{std::string("a"), std::string("b\n")}) == "('a', 'b\\n')");
  REQUIRE(shown(std::vector<int>()) == "()");
  REQUIRE(shown(std::optional<std::vector<int>>()) == "()");
  REQUIRE(shown(std::optional(std::vector{1, 2})) == "((1, 2))");
}

TEST_CASE("a part that cannot be shown is its number among the parts") {
  REQUIRE(shown(std::tuple(std::string("a"), silent{}, 1)) == "('a', #1, 1)");
}

TEST_CASE("an index of one of several types is shown in some way") {
  REQUIRE_FALSE(shown(std::variant<int, std::string>("a")).empty());
}

TEST_CASE("an operator<< that overflows its buffer without a character appends none") {
  REQUIRE(shown(flushing{}) == "flushed");
}

}  // namespace shown_indices_test
