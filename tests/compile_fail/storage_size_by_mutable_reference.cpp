// dcp: a function that write_item_traits or a write item has for dcp cannot be called
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
  std::size_t size;
};

struct plan {
  std::vector<item> items;
};

template <>
struct dcp::write_item_traits<item> {
#if defined(DCP_FIXED)
  static std::size_t storage_size(const item& of) { return of.size; }
#else
  static std::size_t storage_size(item& of) { return of.size; }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
