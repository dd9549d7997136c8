// dcp: the plans or their items cannot be copied, or a copy would share the items
#include <dcp/dedup_tensors.hpp>

#include <memory>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> items;
};

using pointers = std::vector<std::shared_ptr<plan>>;

#if defined(DCP_FIXED)
pointers once(pointers plans) { return dcp::dedup_tensors(std::move(plans)); }
#else
pointers once(const pointers& plans) { return dcp::dedup_tensors(plans); }
#endif
