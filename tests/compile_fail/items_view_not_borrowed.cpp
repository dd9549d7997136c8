// dcp: the items of a plan are no forward range of lvalues that outlives the call of `items`
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

// A view that refers to itself: its iterators die with it.
struct view {
  std::span<const item> all;
  const item* begin() const { return all.data(); }
  const item* end() const { return all.data() + all.size(); }
};

struct plan {
  std::vector<item> writes;
};

template <>
struct dcp::save_plan_traits<plan> {
#if defined(DCP_FIXED)
  static auto items(const plan& of) { return std::span(of.writes); }
#else
  static auto items(const plan& of) { return view{of.writes}; }
#endif
};

dcp::duplicates look(const std::vector<plan>& plans) { return dcp::find_duplicates(plans); }
