// dcp: the chunk of a write item is no value with
#include <dcp/coverage.hpp>

struct part {
#if defined(DCP_FIXED)
  std::vector<int> offsets, sizes, size;
#else
  std::vector<int> offsets, lengths, size;
#endif
};

struct item {
  std::string index;
  part its;
  const part& chunk() const { return its; }
};

struct plan {
  std::vector<item> items;
};

bool whole(const std::vector<plan>& plans) { return dcp::check_coverage(plans).empty(); }
