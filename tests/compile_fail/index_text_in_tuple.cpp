// dcp: an index is a pointer to characters, which is compared by its address
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
  static std::pair<std::string_view, int> index(const item& of) { return {of.name, of.part}; }
#else
  static std::pair<const char*, int> index(const item& of) { return {of.name.c_str(), of.part}; }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
