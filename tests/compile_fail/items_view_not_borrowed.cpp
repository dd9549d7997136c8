// dcp: the items of a plan are returned by value and die at once
#include <dcp/dedup_tensors.hpp>

#include <ranges>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> writes;
};

template <>
struct dcp::save_plan_traits<plan> {
#if defined(DCP_FIXED)
  static auto items(const plan& of) { return std::span(of.writes); }
#else
  static auto items(const plan& of) {
    return of.writes | std::views::transform([](const item& each) -> const item& { return each; });
  }
#endif
};

dcp::duplicates look(const std::vector<plan>& plans) { return dcp::find_duplicates(plans); }
