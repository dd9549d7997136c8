// dcp: an index is a pointer to characters, which is compared by its address
#include <dcp/dedup_tensors.hpp>

struct item {
  char name[32];
};

struct plan {
  std::vector<item> items;
};

template <>
struct dcp::write_item_traits<item> {
#if defined(DCP_FIXED)
  static std::string_view index(const item& of) { return of.name; }
#else
  static const auto& index(const item& of) { return of.name; }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
