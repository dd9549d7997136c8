// A trait may derive from that of another type, and add to it. One that derived from the trait of a type without a
// specialisation was taken for the primary template itself, and what it said was ignored: an item with data was
// redundant where an empty one was kept.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace trait_of_a_base_test {

struct sized_item : test::item {
  std::uint64_t bytes = 0;
};

struct named_plan : test::plan {
  std::vector<test::item> writes;
};

template <class Item>
struct plan {
  std::vector<Item> items;
};

}  // namespace trait_of_a_base_test

template <>
struct dcp::write_item_traits<trait_of_a_base_test::sized_item> : dcp::write_item_traits<test::item> {
  static std::uint64_t storage_size(const trait_of_a_base_test::sized_item& item) { return item.bytes; }
};

template <>
struct dcp::save_plan_traits<trait_of_a_base_test::named_plan> : dcp::save_plan_traits<test::plan> {
  static auto& items(auto& plan) { return plan.writes; }
};

namespace trait_of_a_base_test {

TEST_CASE("an item's trait that derives from the primary template is asked what it adds") {
  const std::vector<plan<sized_item>> plans{{{{{"a"}, 0}}}, {{{{"a"}, 4}}}};
  const auto result = dcp::dedup_tensors(plans);
  REQUIRE(result[0].items.empty());
  REQUIRE(result[1].items.size() == 1);
}

TEST_CASE("a plan's trait that derives from the primary template is asked for its items") {
  std::vector<named_plan> plans(2);
  for (named_plan& each : plans) each.writes = {{"a"}, {"b"}};
  const auto result = dcp::dedup_tensors(std::move(plans));
  REQUIRE(result[0].writes.size() == 2);
  REQUIRE(result[1].writes.empty());
}

}  // namespace trait_of_a_base_test
