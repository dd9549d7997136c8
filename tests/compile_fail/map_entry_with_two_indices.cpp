// dcp: the value of a map's entry has an index of another type than the key
#include <dcp/dedup_tensors.hpp>

#include <map>

struct item {
  int index;
};

using plan = std::map<std::string, item>;

#if defined(DCP_FIXED)
template <>
struct dcp::write_item_traits<plan::value_type> {
  static const std::string& index(const plan::value_type& of) { return of.first; }
};
#endif

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
