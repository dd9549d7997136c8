// dcp: a write item has no index
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

// A range of its items' names.
struct plan : std::vector<std::string> {
  std::vector<item> writes;
};

#if defined(DCP_FIXED)
template <>
struct dcp::save_plan_traits<plan> {
  static auto& items(auto& of) { return of.writes; }
};
#endif

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
