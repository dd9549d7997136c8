// dcp: the index of a write item cannot travel between ranks: give it, or the part of it that cannot, a member function

#include <dcp/mpi.hpp>

#include <string>
#include <vector>

struct key {
  int number;
  bool operator==(const key&) const = default;
#ifdef DCP_FIXED
  void append_key(std::string& bytes) const { bytes += std::to_string(number); }
#else
  void append_key(std::string bytes) const { bytes += std::to_string(number); }  // every key would be empty
#endif
};

template <>
struct std::hash<key> {
  std::size_t operator()(const key& of) const { return std::hash<int>()(of.number); }
};

struct item {
  key index;
};

struct plan {
  std::vector<item> items;
};

plan dedup(plan mine) { return dcp::dedup_tensors(std::move(mine), MPI_COMM_WORLD); }
