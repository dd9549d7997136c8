// dcp: an index cannot be hashed and compared
#include <dcp/dedup_tensors.hpp>

#include <set>
#include <unordered_set>

struct item {
#if defined(DCP_FIXED)
  std::set<int> index;
#else
  std::unordered_set<int> index;
#endif
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
