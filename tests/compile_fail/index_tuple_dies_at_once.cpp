// dcp: an index that owns memory is returned by value
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string name;
  int part;
};

struct plan {
  std::vector<item> items;
};

template <>
struct dcp::write_item_traits<item> {
#if defined(DCP_FIXED)
  static auto index(const item& of) { return std::tie(of.name, of.part); }
#else
  static auto index(const item& of) { return std::tuple(of.name, of.part); }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
