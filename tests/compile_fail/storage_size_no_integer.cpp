// dcp: storage_size is no integer
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
#if defined(DCP_FIXED)
  std::optional<std::int64_t> storage_size;
#else
  double storage_size;
#endif
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
