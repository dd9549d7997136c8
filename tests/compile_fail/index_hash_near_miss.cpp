// dcp: an index cannot be hashed and compared
#include <dcp/dedup_tensors.hpp>

struct key {
  int number;
  friend bool operator==(const key&, const key&) = default;
};

struct item {
  key index;
};

struct plan {
  std::vector<item> items;
};

template <>
struct dcp::write_item_traits<item> {
#if defined(DCP_FIXED)
  static std::size_t hash(const key& of) { return static_cast<std::size_t>(of.number); }
#else
  static std::size_t hash(const item& of) { return static_cast<std::size_t>(of.index.number); }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
