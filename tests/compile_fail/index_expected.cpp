// dcp: an index cannot be hashed and compared
#include <dcp/dedup_tensors.hpp>

// As std::expected: two errors may differ, though neither has a value.
struct result {
  [[nodiscard]] bool has_value() const { return !text.empty(); }
  const std::string& operator*() const { return text; }
#if !defined(DCP_FIXED)
  [[nodiscard]] int error() const { return 0; }
#endif
  bool operator==(const result&) const = default;
  std::string text;
};

struct item {
  result index;
};

struct plan {
  std::vector<item> items;
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
