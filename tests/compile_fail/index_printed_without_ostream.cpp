// dcp: the log prints an index by its operator<<: include <ostream>
#include <dcp/dedup_tensors.hpp>

#if defined(DCP_FIXED)
#include <ostream>
#endif

struct key {
  int tensor;
  friend bool operator==(const key&, const key&) = default;
};

std::ostream& operator<<(std::ostream& out, const key& index);

template <>
struct std::hash<key> {
  std::size_t operator()(const key& of) const { return std::hash<int>{}(of.tensor); }
};

struct item {
  key index;
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
