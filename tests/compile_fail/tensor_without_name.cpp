// dcp: a write item does not name its tensor
#include <dcp/coverage.hpp>

struct part {
#if defined(DCP_FIXED)
  std::string fqn;
#endif
  std::vector<int> offsets, sizes, size;
};

struct item {
  int index;
  part its;
  const part& chunk() const { return its; }
};

struct plan {
  std::vector<item> items;
};

bool whole(const std::vector<plan>& plans) { return dcp::check_coverage(plans).empty(); }
