// dcp: an index is a pointer to characters, which is compared by its address
#include <dcp/dedup_tensors.hpp>

struct item {
#if defined(DCP_FIXED)
  std::string_view index;
#else
  const char* index;
#endif
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
