// Plans, items and keys for the tests of random lists: keys of small numbers with hashes of every quality.

#ifndef DCP_TESTS_RANDOM_TYPES_HPP
#define DCP_TESTS_RANDOM_TYPES_HPP

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace test {

enum class hashing { identity, upper_bits, few_values, zero, backwards };

constexpr std::size_t hash_by(hashing hashed, std::uint32_t value) {
  switch (hashed) {
    case hashing::identity: return value;
    case hashing::upper_bits: return static_cast<std::size_t>(value) << (sizeof(std::size_t) * 8 - 12);
    case hashing::few_values: return value % 3;
    case hashing::zero: return 0;
    case hashing::backwards: return ~static_cast<std::size_t>(value);
  }
  return 0;
}

template <hashing Hashing>
struct key {
  std::uint32_t value = 0;
  friend auto operator<=>(const key&, const key&) = default;
};

template <class Items>
struct ranked_plan {
  Items items;
  std::size_t rank = 0;
  friend bool operator==(const ranked_plan&, const ranked_plan&) = default;
};

// The same plans with their items in a container of another kind.
template <class To, class From>
std::vector<To> converted(const std::vector<From>& plans) {
  std::vector<To> result;
  for (const From& each : plans) result.push_back({{each.items.begin(), each.items.end()}, each.rank});
  return result;
}

}  // namespace test

template <test::hashing Hashing>
struct std::hash<test::key<Hashing>> {
  std::size_t operator()(const test::key<Hashing>& index) const noexcept { return test::hash_by(Hashing, index.value); }
};

#endif  // DCP_TESTS_RANDOM_TYPES_HPP
