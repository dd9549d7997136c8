// dcp: the plans or their items cannot be copied, or a copy would share the items
#include <dcp/dedup_tensors.hpp>

#include <memory>

struct item {
  std::string index;
};

struct plan {
  std::shared_ptr<std::vector<item>> writes;
};

template <>
struct dcp::save_plan_traits<plan> {
  static auto& items(auto& of) { return *of.writes; }
};

#if defined(DCP_FIXED)
std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
#else
std::vector<plan> once(const std::vector<plan>& plans) { return dcp::dedup_tensors(plans); }
#endif
