// dcp: the plan's items are const or not owned by the plan
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
  static const auto& items(const auto& of) { return of.writes; }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
