// A shared library that hides what is its own, as -fvisibility=hidden has it, and throws: see catches.cpp.

#include <dcp/coverage.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <vector>

[[gnu::visibility("default")]] void throw_conflict_error(const std::vector<dcp::SavePlan>& plans) {
  static_cast<void>(dcp::find_duplicates(plans, {.check_replicas = true}));
}

[[gnu::visibility("default")]] void throw_coverage_error(const std::vector<dcp::SavePlan>& plans) {
  dcp::require_coverage(plans);
}
