// dcp: a write item tells no chunk
#include <dcp/coverage.hpp>

struct part {
  std::vector<int> offsets, sizes, size;
};

struct item {
  std::string index;
  part its;
#if defined(DCP_FIXED)
  const part& chunk() const { return its; }
#else
  const part& extent() const { return its; }
#endif
};

struct plan {
  std::vector<item> items;
};

bool whole(const std::vector<plan>& plans) { return dcp::check_coverage(plans).empty(); }
