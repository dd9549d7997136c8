// dcp: the plans are const or not owned by their container
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
auto once(std::span<plan> plans) { return dcp::dedup_tensors(plans); }
#endif
