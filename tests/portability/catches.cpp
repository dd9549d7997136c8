// Catches by type what a shared library throws. Where exceptions are told apart by the addresses of their types, as
// libc++ does it, a hidden type would be another in each library.

#include <dcp/coverage.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <cstdio>
#include <exception>
#include <vector>

void throw_conflict_error(const std::vector<dcp::SavePlan>& plans);
void throw_coverage_error(const std::vector<dcp::SavePlan>& plans);

namespace {

template <class Error, class Function>
bool is_caught(const char* name, const Function& function, const std::vector<dcp::SavePlan>& plans) {
  try {
    function(plans);
    std::fprintf(stderr, "%s is not thrown\n", name);
  } catch (const Error&) {
    return true;
  } catch (const std::exception& other) {
    std::fprintf(stderr, "%s is not caught by its type: %s\n", name, other.what());
  }
  return false;
}

}  // namespace

int main() {
  std::vector<dcp::SavePlan> plans(2);
  for (std::int64_t rows = 1; rows != 3; ++rows)
    plans[static_cast<std::size_t>(rows - 1)].items.push_back(
        {.index = {.fqn = "w", .offset = {{0}}},
         .tensor_data = dcp::TensorWriteData{.chunk = {{0}, {rows}}, .properties = {}, .size = {4}}});
  const bool conflict = is_caught<dcp::conflict_error>("conflict_error", throw_conflict_error, plans);
  const bool coverage = is_caught<dcp::coverage_error>("coverage_error", throw_coverage_error, plans);
  return conflict && coverage ? 0 : 1;
}
