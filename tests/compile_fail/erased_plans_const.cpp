// dcp: the plan's items are const or not owned by the plan
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> items;
};

#if defined(DCP_FIXED)
void once(std::vector<plan>& plans, const dcp::duplicates& found) { dcp::erase_duplicates(plans, found); }
#else
void once(const std::vector<plan>& plans, const dcp::duplicates& found) { dcp::erase_duplicates(plans, found); }
#endif
