// dcp: the items of a plan are no forward range of lvalues that outlives the call of `items`
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

class plan {
 public:
#if defined(DCP_FIXED)
  const std::vector<item>& items() const { return items_; }
#else
  std::vector<item> items() const { return items_; }
#endif

 private:
  std::vector<item> items_;
};

dcp::duplicates once(const std::vector<plan>& plans) { return dcp::find_duplicates(plans); }
