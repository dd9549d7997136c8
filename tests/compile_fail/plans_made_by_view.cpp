// dcp: the plans are no forward range of lvalues
#include <dcp/dedup_tensors.hpp>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> items;
};

// Makes them as it goes, unless it has them.
struct made_plans {
  struct iterator {
    using value_type = plan;
    using difference_type = std::ptrdiff_t;
#if defined(DCP_FIXED)
    const plan& operator*() const;
#else
    plan operator*() const;
#endif
    iterator& operator++();
    iterator operator++(int);
    bool operator==(const iterator&) const = default;
  };
  iterator begin() const;
  iterator end() const;
};

dcp::duplicates once(const made_plans& plans) { return dcp::find_duplicates(plans); }
