// dcp: the items of a plan cannot be erased
#include <dcp/dedup_tensors.hpp>

struct item {
#if defined(DCP_FIXED)
  std::string index;
#else
  const std::string index;
#endif
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
