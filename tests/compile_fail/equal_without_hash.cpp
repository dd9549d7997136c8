// dcp: an index cannot be hashed and compared
#include <dcp/dedup_tensors.hpp>

// By the default hash, "A" and "a" would be looked for in different places, and both be left.
struct item {
  std::string name;
};

struct plan {
  std::vector<item> items;
};

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

template <>
struct dcp::write_item_traits<item> {
  static const std::string& index(const item& it) { return it.name; }
  static bool equal(const std::string& a, const std::string& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
  }
#if defined(DCP_FIXED)
  static std::size_t hash(const std::string& name) { return name.size(); }
#endif
};

std::vector<plan> once(std::vector<plan> plans) { return dcp::dedup_tensors(std::move(plans)); }
