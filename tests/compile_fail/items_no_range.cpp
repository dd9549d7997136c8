// dcp: the items of a plan are no forward range of lvalues that outlives the call of `items`
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
#if defined(DCP_FIXED)
  std::vector<item> items;
#else
  item items;
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
