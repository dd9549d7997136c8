// dcp: an index that owns memory is returned by value
#include <dcp/dedup_tensors.hpp>

class item {
 public:
#if defined(DCP_FIXED)
  const std::string& index() const { return name_; }
#else
  std::string index() const { return name_; }
#endif

 private:
  std::string name_;
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
