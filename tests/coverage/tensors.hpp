// Plans of tensors' chunks, for the tests of coverage.hpp.

#ifndef DCP_TESTS_COVERAGE_TENSORS_HPP
#define DCP_TESTS_COVERAGE_TENSORS_HPP

#include <dcp/coverage.hpp>
#include <dcp/save_plan.hpp>

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace test {

using numbers = std::vector<std::int64_t>;

struct part {
  numbers offsets;
  numbers sizes;
  numbers size;
  int dtype = 0;
};

struct tensor_item {
  dcp::MetadataIndex index;
  std::optional<part> writes;

  [[nodiscard]] const std::optional<part>& chunk() const { return writes; }
  /// What an index that writes nothing is told by.
  [[nodiscard]] std::optional<std::int64_t> storage_size() const {
    if (!writes) return {};
    for (const std::int64_t extent : writes->sizes)
      if (extent == 0) return 0;
    return {};
  }
};

struct tensor_plan {
  std::vector<tensor_item> items;
};

using tensor_plans = std::vector<tensor_plan>;

/// The chunk of `sizes` at `offsets` of a tensor of this size.
inline tensor_item chunk_of(const std::string& fqn, const numbers& size, const numbers& offsets, const numbers& sizes,
                            int dtype = 0) {
  return {{fqn, offsets}, part{offsets, sizes, size, dtype}};
}

inline tensor_item bytes_of(const std::string& fqn) { return {{fqn}, {}}; }

/// The fault of the only tensor that is not whole.
inline dcp::faulty_tensor only_fault(const tensor_plans& plans) {
  const dcp::coverage_report report = dcp::check_coverage(plans);
  if (report.size() != 1) return {std::to_string(report.size()) + " faults"};
  return report.tensors.front();
}

}  // namespace test

namespace dcp {
inline namespace v0 {
inline std::ostream& operator<<(std::ostream& out, const faulty_tensor& value) { return out << value.what(); }
inline std::ostream& operator<<(std::ostream& out, const coverage_report& value) { return out << value.what(); }
}  // namespace v0
}  // namespace dcp

#endif  // DCP_TESTS_COVERAGE_TENSORS_HPP
