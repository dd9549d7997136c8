// dcp: a function that write_item_traits or a write item has for dcp cannot be called
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
  int bytes;

#if defined(DCP_FIXED)
  bool writes_nothing() const { return bytes == 0; }
#else
  static bool writes_nothing(const item& of) { return of.bytes == 0; }
#endif
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
