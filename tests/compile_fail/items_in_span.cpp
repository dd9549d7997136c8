// dcp: the items of a plan cannot be erased
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
#if defined(DCP_FIXED)
  std::vector<item> items;
#else
  std::span<item> items;
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
