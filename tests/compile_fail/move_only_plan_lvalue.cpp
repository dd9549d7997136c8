// dcp: the plans or their items cannot be copied, or a copy would share the items
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> items;

  plan(plan&&) = default;
  plan& operator=(plan&&) = default;
};

std::vector<plan> once(std::vector<plan>& plans) {
#if defined(DCP_FIXED)
  return dcp::dedup_tensors(std::move(plans));
#else
  return dcp::dedup_tensors(plans);
#endif
}
