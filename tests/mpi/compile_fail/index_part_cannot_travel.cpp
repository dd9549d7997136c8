// dcp: the index of a write item cannot travel between ranks: give it, or the part of it that cannot, a member function

#include <dcp/mpi.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

// Trivially copyable, but its bytes are not what its equality compares.
struct shard {
  int number = 0;
  int hint = 0;

  bool operator==(const shard& other) const { return number == other.number; }
#ifdef DCP_FIXED
  void append_key(std::string& bytes) const { bytes += std::to_string(number); }
#endif
};

template <>
struct std::hash<shard> {
  std::size_t operator()(const shard& it) const { return static_cast<std::size_t>(it.number); }
};

struct item {
  std::pair<std::string, shard> index;
};

struct plan {
  std::vector<item> items;
};

plan dedup(plan mine) { return dcp::dedup_tensors(std::move(mine), MPI_COMM_WORLD); }
