// Dumps of real jobs are whole, as they are and deduplicated; with an item taken out they are not.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../../examples/plan_dump.hpp"
#include "../catch.hpp"
#include "tensors.hpp"

namespace coverage_real_dumps_test {

std::vector<std::string> dumps() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(DCP_EXAMPLE_PLANS))
    if (entry.path().extension() == ".tsv") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

TEST_CASE("dumps of real jobs are whole, before and after they are deduplicated") {
  REQUIRE(dumps().size() >= 4);
  for (const std::string& file : dumps()) {
    CAPTURE(file);
    std::vector<dcp::SavePlan> plans = plan_dump::parse(plan_dump::read_bytes(file), file).plans;
    REQUIRE(dcp::check_coverage(plans) == dcp::coverage_report{});
    plans = dcp::dedup_tensors(std::move(plans));
    REQUIRE(dcp::check_coverage(plans) == dcp::coverage_report{});

    // Now each item is the only one of its index. Without the first shard, its tensor has a hole in its place.
    const auto is_shard = [](const dcp::WriteItem& item) {
      return item.tensor_data && item.tensor_data->chunk.sizes != item.tensor_data->size && !item.writes_nothing();
    };
    for (dcp::SavePlan& plan : plans) {
      const auto shard = std::find_if(plan.items.begin(), plan.items.end(), is_shard);
      if (shard == plan.items.end()) continue;
      const dcp::WriteItem gone = *shard;
      plan.items.erase(shard);
      const dcp::coverage_report report = dcp::check_coverage(plans);
      REQUIRE(report.size() == 1);
      const dcp::faulty_tensor& fault = report.tensors.front();
      REQUIRE(fault.fqn == gone.index.fqn);
      REQUIRE(fault.fault == dcp::coverage_fault::hole);
      REQUIRE(fault.offsets == std::vector<std::int64_t>(gone.tensor_data->chunk.offsets));
      REQUIRE(fault.sizes == std::vector<std::int64_t>(gone.tensor_data->chunk.sizes));
      break;
    }
  }
}

}  // namespace coverage_real_dumps_test
