// dcp: the plans are const or not owned by their container
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> items;
};

class const_plans {
 public:
#if defined(DCP_FIXED)
  plan* begin() { return plans_.data(); }
  plan* end() { return plans_.data() + plans_.size(); }
#endif
  const plan* begin() const { return plans_.data(); }
  const plan* end() const { return plans_.data() + plans_.size(); }

 private:
  std::vector<plan> plans_;
};

const_plans once(const_plans plans) { return dcp::dedup_tensors(std::move(plans)); }
