// dcp: the plan's items are const or not owned by the plan
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
#if defined(DCP_FIXED)
  std::vector<item> items;
#else
  const std::vector<item> items;
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
