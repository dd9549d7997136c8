// A keep policy as a user would write it, for the tests of the hook.

#ifndef DCP_TESTS_POLICIES_HPP
#define DCP_TESTS_POLICIES_HPP

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace test {

// The last plan that has an index writes it.
inline std::vector<std::uint32_t> keep_last(const dcp::shared_indices& shared) {
  std::vector<std::uint32_t> keepers;
  for (std::size_t index = 0; index != shared.size(); ++index) keepers.push_back(shared.holders(index).back());
  return keepers;
}

}  // namespace test

#endif  // DCP_TESTS_POLICIES_HPP
