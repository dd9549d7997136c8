// dcp: the index of a write item cannot travel between ranks: give it, or the part of it that cannot, a member function

#include <dcp/mpi.hpp>

#include <cctype>
#include <string>
#include <vector>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> items;
};

// Names by their first letter, without regard to case. Ranks compare bytes, and would keep `A` and `a`.
template <>
struct dcp::write_item_traits<item> {
  static std::size_t hash(const std::string& name) { return static_cast<std::size_t>(std::tolower(name[0])); }
  static bool equal(const std::string& a, const std::string& b) { return std::tolower(a[0]) == std::tolower(b[0]); }
#ifdef DCP_FIXED
  static void append_key(const std::string& name, std::string& bytes) {
    bytes += static_cast<char>(std::tolower(name[0]));
  }
#endif
};

plan dedup(plan mine) { return dcp::dedup_tensors(std::move(mine), MPI_COMM_WORLD); }
