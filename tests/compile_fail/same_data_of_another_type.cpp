// dcp: a function that write_item_traits or a write item has for dcp cannot be called
#include <dcp/dedup_tensors.hpp>

struct tensor {
  int rows;
};

struct item {
  std::string index;
  tensor data;
};

struct plan {
  std::vector<item> items;
};

template <>
struct dcp::write_item_traits<item> {
#if defined(DCP_FIXED)
  static bool same_data(const auto& a, const auto& b) { return a.data.rows == b.data.rows; }
#else
  template <std::same_as<tensor> Tensor>
  static bool same_data(const Tensor& a, const Tensor& b) {
    return a.rows == b.rows;
  }
  static bool same_data(int a, int b) { return a == b; }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
