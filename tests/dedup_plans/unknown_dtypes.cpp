// A dtype that is not known here does not cost the dump: its name is kept, and the bytes of its items are not known.

#include <string>
#include <vector>

#include "../../examples/plan_dump.hpp"
#include "../dedup_plans_program.hpp"
#include "../plans.hpp"

namespace unknown_dtypes_test {

using namespace test;

TEST_CASE("dedup_plans keeps the name of a dtype that is not known here") {
  for (const std::string name : {"float2", "Float32", "float33", "bool_", "float", "_", "int4.packed", "torchfloat",
                                 "<class:float>", "\xC3\xA9"})
    require_item_kept("w\t0\tshard\t" + name + "\t4\t4\t-");
}

TEST_CASE("dedup_plans tells such dtypes apart, however many there are") {
  std::string dump;
  for (int plan = 0; plan != 2; ++plan) {
    dump += "plan\t" + std::to_string(plan) + '\n';
    for (int i = 0; i != 3000; ++i) {
      const int number = plan == 0 ? i : 2999 - i;
      dump += "w\t" + std::to_string(number + 3000 * plan) + "\tshard\tnew" + std::to_string(number) + "\t1\t6000\t-\n";
    }
  }
  require_kept(dump);
}

TEST_CASE("two items of one dtype that is not known here agree, and of two such do not") {
  const auto dump = [](const std::string& dtype) {
    return "plan\t0\nw\t0\ttensor\tnew\t4\t4\t-\nplan\t1\nw\t0\ttensor\t" + dtype + "\t4\t4\t-\n";
  };
  REQUIRE(run({"--check", "-"}, dump("new")).status == 0);
  REQUIRE(run({"--check", "-"}, dump("newer")).status == 1);
  REQUIRE(run({"--check", "-"}, dump("int8")).status == 1);
}

TEST_CASE("the bytes of a dtype that is not known here are not known, but of an empty chunk") {
  const outcome result = run({"-"},
                             "plan\t0\nw\t0\tshard\tnew\t4\t8\t-\nw\t8\tshard\tnew\t0\t8\t-\n"
                             "v\t0\ttensor\tint8\t4\t4\t-\n");
  REQUIRE(result.status == 0);
  INFO(result.err);
  REQUIRE(contains(result.err, "1 item of unknown size"));
  REQUIRE(contains(line_with(result.err, "largest plan"), " 4 B"));
}

TEST_CASE("dedup_plans --keep balanced takes dtypes that are not known here") {
  const std::string items = "w\t0\ttensor\tnew\t4\t4\t-\nv\t0\ttensor\tint8\t4\t4\t-\n";
  const outcome result = run({"--keep", "balanced", "-"}, "plan\t0\n" + items + "plan\t1\n" + items);
  REQUIRE(result.status == 0);
  REQUIRE(contains(result.out, "\tnew\t"));
}

TEST_CASE("a plan whose dtype has no name cannot be written") {
  std::string text;
  dcp::SavePlan plan{.items = {{.index = {.fqn = "w"}, .tensor_data = dcp::TensorWriteData{}}}};
  plan.items[0].tensor_data->properties.dtype = dcp::Dtype{plan_dump::UnknownDtypes::first};
  REQUIRE_THROWS_AS(plan_dump::append_plan(text, 0, plan), std::out_of_range);
}

}  // namespace unknown_dtypes_test
