// dcp: the plans are no forward range of lvalues
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> items;
};

#if defined(DCP_FIXED)
auto once(std::vector<plan> plans) { return dcp::dedup_tensors(plans); }
#else
auto once(plan plans) { return dcp::dedup_tensors(plans); }
#endif
