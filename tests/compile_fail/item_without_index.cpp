// dcp: a write item has no index
#include <dcp/dedup_tensors.hpp>

struct item {
#if defined(DCP_FIXED)
  std::string index;
#else
  std::string key;
#endif
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
