// dcp: `items` cannot be called with a const plan
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> writes;
};

template <>
struct dcp::save_plan_traits<plan> {
  static auto& items(plan& of) { return of.writes; }
#if defined(DCP_FIXED)
  static const auto& items(const plan& of) { return of.writes; }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
