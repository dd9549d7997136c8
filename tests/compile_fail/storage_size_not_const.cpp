// dcp: the member function storage_size
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
  std::uint64_t bytes;
#if defined(DCP_FIXED)
  std::uint64_t storage_size() const { return bytes; }
#else
  std::uint64_t storage_size() { return bytes; }
#endif
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
