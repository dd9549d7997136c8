// dcp: an index that owns memory is returned by value
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string key;
};

struct plan {
  std::vector<item> items;
};

template <>
struct dcp::write_item_traits<item> {
#if defined(DCP_FIXED)
  static const std::string& index(const item& of) { return of.key; }
#else
  static std::string index(const item& of) { return of.key; }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
