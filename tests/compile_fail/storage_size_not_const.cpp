// dcp: a function that write_item_traits or a write item has for dcp cannot be called
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
  std::uint64_t bytes;
#if defined(DCP_FIXED)
  std::uint64_t storage_size() const { return bytes; }
#else
  std::uint64_t storage_size() { return bytes; }
#endif
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
