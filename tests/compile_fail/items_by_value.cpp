// dcp: the items of a plan are no forward range of lvalues that outlives the call of `items`
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> writes;
};

template <>
struct dcp::save_plan_traits<plan> {
#if defined(DCP_FIXED)
  static auto& items(auto& of) { return of.writes; }
#else
  static auto items(auto& of) { return of.writes; }
#endif
};

dcp::duplicates once(const std::vector<plan>& plans) { return dcp::find_duplicates(plans); }
