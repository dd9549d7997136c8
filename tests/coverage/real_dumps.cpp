// Dumps of real jobs are whole, as they are and deduplicated; with an item taken out they are not.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../../examples/plan_dump.hpp"
#include "../catch.hpp"
#include "tensors.hpp"

namespace {

test::tensor_plans read(const std::string& file) {
  test::tensor_plans plans;
  for (const dcp::SavePlan& plan : plan_dump::parse(plan_dump::read_bytes(file), file).plans) {
    plans.emplace_back();
    for (const dcp::WriteItem& item : plan.items) {
      plans.back().items.push_back({item.index, {}});
      if (item.tensor_data)
        plans.back().items.back().writes = {item.tensor_data->chunk.offsets, item.tensor_data->chunk.sizes,
                                            item.tensor_data->size,
                                            static_cast<int>(item.tensor_data->properties.dtype)};
    }
  }
  return plans;
}

std::vector<std::string> dumps() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(DCP_EXAMPLE_PLANS))
    if (entry.path().extension() == ".tsv") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("dumps of real jobs are whole, before and after they are deduplicated") {
  REQUIRE(dumps().size() >= 4);
  for (const std::string& file : dumps()) {
    CAPTURE(file);
    test::tensor_plans plans = read(file);
    REQUIRE(dcp::check_coverage(plans) == dcp::coverage_report{});
    plans = dcp::dedup_tensors(std::move(plans));
    REQUIRE(dcp::check_coverage(plans) == dcp::coverage_report{});

    // Now each item is the only one of its index. Without the first shard, its tensor has a hole in its place.
    for (test::tensor_plan& plan : plans)
      for (std::size_t position = 0; position != plan.items.size(); ++position) {
        const auto& writes = plan.items[position].writes;
        if (!writes || writes->sizes == writes->size || writes->sizes[0] == 0) continue;
        const test::tensor_item gone = plan.items[position];
        plan.items.erase(plan.items.begin() + static_cast<std::ptrdiff_t>(position));
        const dcp::faulty_tensor fault = test::only_fault(plans);
        REQUIRE(fault.fqn == gone.index.fqn);
        REQUIRE(fault.fault == dcp::coverage_fault::hole);
        REQUIRE(fault.offsets == gone.writes->offsets);
        REQUIRE(fault.sizes == gone.writes->sizes);
        return;
      }
  }
}
