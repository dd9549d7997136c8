// The bytes of an item were those of its member function storage_size() where its type had no trait of its own, and
// nowhere else: a trait with `index` alone, a data member, a pointer made keep::balanced do nothing in silence. Now each
// function of a trait is by itself what the trait has, or else what the item has.

#include <dcp/balanced.hpp>
#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../policies.hpp"

namespace storage_sizes_test {

template <class Item>
struct plan {
  std::vector<Item> items;
};

struct by_function {
  std::string index;
  std::uint64_t bytes = 0;
  [[nodiscard]] std::uint64_t storage_size() const { return bytes; }
};

// Has a trait with `index` alone.
struct renamed {
  std::string name;
  std::uint64_t bytes = 0;
  [[nodiscard]] std::uint64_t storage_size() const { return bytes; }
};

template <class Number>
struct by_member {
  std::string index;
  Number storage_size{};
};

// Its trait tells other bytes than its member.
struct overruled {
  std::string index;
  std::uint64_t storage_size = 1;
};

// Tells no bytes, but that it has none.
struct marked {
  std::string index;
  bool empty = false;
  [[nodiscard]] bool writes_nothing() const { return empty; }
};

struct without_bytes {
  std::string index;
};

struct sized {
  std::uint64_t bytes = 0;
  [[nodiscard]] std::uint64_t storage_size() const { return bytes; }
};

// What a policy is told: the bytes of the only index that is shared.
template <class Plans>
std::uint64_t shared_bytes(const Plans& plans) {
  std::uint64_t bytes = 0;
  const auto look = [&](const dcp::shared_indices& shared) {
    REQUIRE(shared.size() == 1);
    REQUIRE(shared.bytes_known());
    bytes = shared.bytes(0);
    return test::keep_last(shared);
  };
  REQUIRE(dcp::find_duplicates(plans, {.keep = look}).size() == 1);
  return bytes;
}

template <class Number>
std::vector<plan<by_member<Number>>> plans_with(Number size) {
  return {{{{"w", size}}}, {{{"w", size}}}};
}

template <class Number>
void require_refused(Number size) {
  auto plans = plans_with(size);
  REQUIRE_THROWS_AS(dcp::find_duplicates(plans, {.keep = test::keep_last}), std::invalid_argument);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans)), std::invalid_argument);
  REQUIRE(plans[1].items.size() == 1);
}

}  // namespace storage_sizes_test

template <>
struct dcp::write_item_traits<storage_sizes_test::renamed> {
  static const std::string& index(const storage_sizes_test::renamed& item) { return item.name; }
};

template <>
struct dcp::write_item_traits<storage_sizes_test::overruled> {
  static std::optional<std::uint64_t> storage_size(const storage_sizes_test::overruled& item) {
    return item.storage_size + 41;
  }
};

namespace storage_sizes_test {

TEST_CASE("an item's bytes are told by its member function, or its member") {
  REQUIRE(shared_bytes(std::vector<plan<by_function>>{{{{"w", 7}}}, {{{"w", 7}}}}) == 7);
  REQUIRE(shared_bytes(plans_with<std::uint32_t>(8)) == 8);
  REQUIRE(shared_bytes(plans_with<std::optional<std::int64_t>>(9)) == 9);
  REQUIRE(shared_bytes(plans_with<const std::int16_t>(10)) == 10);
}

TEST_CASE("a trait with an index alone leaves the bytes to the item") {
  REQUIRE(shared_bytes(std::vector<plan<renamed>>{{{{"w", 7}}}, {{{"w", 7}}}}) == 7);
}

TEST_CASE("a trait's storage_size goes before the item's, and leaves the index to the item") {
  REQUIRE(shared_bytes(std::vector<plan<overruled>>{{{{"w"}}}, {{{"w"}}}}) == 42);
}

TEST_CASE("the bytes of items behind pointers are told by what they point to") {
  std::vector<plan<std::shared_ptr<const renamed>>> shared(2);
  for (auto& each : shared) each.items.push_back(std::make_shared<const renamed>(renamed{"w", 7}));
  REQUIRE(shared_bytes(shared) == 7);

  std::vector<plan<std::unique_ptr<by_function>>> unique(2);
  for (auto& each : unique) each.items.push_back(std::make_unique<by_function>(by_function{"w", 8}));
  REQUIRE(shared_bytes(unique) == 8);
}

TEST_CASE("the bytes of a map's entries are told by their values, also behind pointers") {
  REQUIRE(shared_bytes(std::vector<std::map<std::string, sized>>{{{"w", {7}}}, {{"w", {7}}}}) == 7);
  std::vector<std::map<std::string, std::shared_ptr<sized>>> pointers(2);
  for (auto& each : pointers) each["w"] = std::make_shared<sized>(sized{8});
  REQUIRE(shared_bytes(pointers) == 8);
}

TEST_CASE("by each of these ways an item that writes nothing gives way to one that writes something") {
  const auto first_gives_way = [](const auto& plans) { return dcp::find_duplicates(plans).is_redundant(0, 0); };
  REQUIRE(first_gives_way(std::vector<plan<renamed>>{{{{"w", 0}}}, {{{"w", 7}}}}));
  REQUIRE(first_gives_way(std::vector<plan<by_member<int>>>{{{{"w", 0}}}, {{{"w", 7}}}}));
  REQUIRE(first_gives_way(std::vector<std::map<std::string, sized>>{{{"w", {0}}}, {{"w", {7}}}}));
  REQUIRE(first_gives_way(std::vector<plan<marked>>{{{{"w", true}}}, {{{"w", false}}}}));
}

TEST_CASE("balancing goes by the bytes, whichever way they are told") {
  std::vector<plan<by_member<std::int64_t>>> plans(2);
  for (auto& each : plans)
    for (const char* name : {"a", "b"}) each.items.push_back({name, 1 << 20});

  const auto result = dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced});

  REQUIRE(result[0].items.size() == 1);
  REQUIRE(result[1].items.size() == 1);
}

TEST_CASE("balancing items that tell no bytes is refused, a size that is unknown is not") {
  std::vector<plan<without_bytes>> plans{{{{"w"}}}, {{{"w"}}}};
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), {.keep = dcp::keep::balanced}), std::invalid_argument);
  REQUIRE(plans[1].items.size() == 1);
  REQUIRE_NOTHROW(dcp::find_duplicates(plans_with<std::optional<int>>({}), {.keep = dcp::keep::balanced}));
}

TEST_CASE("a size that is negative is refused") {
  require_refused<int>(-1);
  require_refused<std::int64_t>(std::numeric_limits<std::int64_t>::min());
  require_refused<std::optional<std::int64_t>>(-1);
}

TEST_CASE("the largest sizes are told exactly") {
  REQUIRE(shared_bytes(plans_with<std::uint64_t>(~std::uint64_t{0})) == ~std::uint64_t{0});
  REQUIRE(shared_bytes(plans_with<std::int64_t>(std::numeric_limits<std::int64_t>::max())) == ~std::uint64_t{0} / 2);
}

}  // namespace storage_sizes_test
