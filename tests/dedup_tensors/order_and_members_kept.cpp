// What stays keeps its order, and every other member of a plan its value.

#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace order_and_members_kept_test {

using test::keys_of;
using test::lines;
using test::plans_of;

struct rich_plan {
  std::string name;
  std::vector<test::item> items;
  std::map<std::string, int> extra;
  bool usable = true;

  friend bool operator==(const rich_plan&, const rich_plan&) = default;
};

struct owning_plan {
  std::unique_ptr<int> owned;
  std::vector<test::item> items;
};

TEST_CASE("what stays keeps its order, from wherever items are taken") {
  const auto second = [](const char* keys) { return keys_of(dcp::dedup_tensors(plans_of({"a b c", keys})))[1]; };

  REQUIRE(second("z a y b x c w") == "z y x w");  // between
  REQUIRE(second("a b z y x") == "z y x");        // at the front
  REQUIRE(second("z y x b c") == "z y x");        // at the back
  REQUIRE(second("z a b c y") == "z y");          // a run
  REQUIRE(second("c a b") == "");                 // all
  REQUIRE(second("z y x") == "z y x");            // none
}

TEST_CASE("plans keep their order and number") {
  const auto result = dcp::dedup_tensors(plans_of({"a", "a", "b", "b", "a"}));

  REQUIRE(result.size() == 5);
  for (int rank = 0; rank != 5; ++rank) REQUIRE(result[static_cast<std::size_t>(rank)].rank == rank);
}

TEST_CASE("the other members of a plan keep their values, for an lvalue and an rvalue") {
  std::vector<rich_plan> plans{{"first", {{"a", 0}, {"b", 1}}, {{"x", 1}}, true},
                               {"second", {{"b", 2}, {"c", 3}}, {{"y", 2}, {"z", 3}}, false}};
  std::vector<rich_plan> expected = plans;
  expected[1].items = {{"c", 3}};

  REQUIRE(dcp::dedup_tensors(plans) == expected);
  REQUIRE(dcp::dedup_tensors(std::move(plans)) == expected);
}

TEST_CASE("a SavePlan keeps storage_data, planner_data and usable, for an lvalue and an rvalue") {
  std::vector<dcp::SavePlan> plans(2);
  for (auto& plan : plans) {
    plan.items = {{.index = {.fqn = "a"}, .type = dcp::WriteItemType::BYTE_IO}};
    plan.storage_data = std::make_shared<int>(1);
    plan.planner_data = std::make_shared<int>(2);
    plan.usable = false;
  }
  std::vector<dcp::SavePlan> expected = plans;
  expected[1].items.clear();

  REQUIRE(dcp::dedup_tensors(plans) == expected);
  REQUIRE(dcp::dedup_tensors(std::move(plans)) == expected);
}

TEST_CASE("a member that cannot be copied stays where it is in an rvalue") {
  std::vector<owning_plan> plans(2);
  for (auto& plan : plans) {
    plan.owned = std::make_unique<int>(7);
    plan.items = {{"a", 0}};
  }
  const int* const owned = plans[1].owned.get();

  const std::vector<owning_plan> result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1].items.empty());
  REQUIRE(result[1].owned.get() == owned);
}

}  // namespace order_and_members_kept_test
