// dcp: an index cannot be hashed and compared
#include <dcp/dedup_tensors.hpp>

struct key {
  int number;
};

struct item {
  key index;
};

struct plan {
  std::vector<item> items;
};

template <>
struct dcp::write_item_traits<item> {
  static std::size_t hash(const key& of) { return static_cast<std::size_t>(of.number); }
#if defined(DCP_FIXED)
  static bool equal(const key& a, const key& b) { return a.number == b.number; }
#else
  static bool equal(key& a, key& b) { return a.number == b.number; }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
