// dcp: a function that write_item_traits or a write item has for dcp cannot be called
#include <dcp/dedup_tensors.hpp>

class item {
 public:
#if defined(DCP_FIXED)
  const std::string& index() const { return index_; }
#else
  const std::string& index() { return index_; }
#endif

 private:
  std::string index_;
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
