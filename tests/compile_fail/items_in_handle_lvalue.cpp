// dcp: the plans or their items cannot be copied, or a copy would share the items
#include <dcp/dedup_tensors.hpp>

#include <memory>

struct item {
  std::string index;
};

// Its copies have the same elements, also a constant one.
class shared_list {
 public:
  auto begin() const { return content_->begin(); }
  auto end() const { return content_->end(); }
  auto erase(auto first, auto last) const { return content_->erase(first, last); }

 private:
  std::shared_ptr<std::vector<item>> content_;
};

struct plan {
  shared_list items;
};

#if defined(DCP_FIXED)
std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
#else
std::vector<plan> once(const std::vector<plan>& plans) { return dcp::dedup_tensors(plans); }
#endif
