// dcp: the items of a plan are no forward range of lvalues that outlives the call of `items`
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

// Makes them as it goes, unless it has them.
struct made_items {
  struct iterator {
    using value_type = item;
    using difference_type = std::ptrdiff_t;
#if defined(DCP_FIXED)
    const item& operator*() const;
#else
    item operator*() const;
#endif
    iterator& operator++();
    iterator operator++(int);
    bool operator==(const iterator&) const = default;
  };
  iterator begin() const;
  iterator end() const;
};

struct plan {
  made_items items;
};

dcp::duplicates once(const std::vector<plan>& plans) { return dcp::find_duplicates(plans); }
