// dcp: the plans are const or not owned by their container
#include <dcp/dedup_tensors.hpp>

#include <array>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> items;
};

#if defined(DCP_FIXED)
std::array<plan, 2> plans;
#else
plan plans[2];
#endif

auto once() { return dcp::dedup_tensors(plans); }
