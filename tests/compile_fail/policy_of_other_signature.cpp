// dcp: a hook is a copyable callable: a logger takes
#include <dcp/dedup_tensors.hpp>

#if defined(DCP_FIXED)
std::vector<std::uint32_t> choose(const dcp::shared_indices& shared);
#else
std::vector<std::uint32_t> choose(std::size_t indices);
#endif

dcp::options once() { return {.keep = choose}; }
