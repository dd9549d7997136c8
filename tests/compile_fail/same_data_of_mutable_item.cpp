// dcp: a function that write_item_traits or a write item has for dcp cannot be called
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
  int data;

#if defined(DCP_FIXED)
  bool same_data(const item& other) const { return data == other.data; }
#else
  bool same_data(item& other) const { return data == other.data; }
#endif
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
