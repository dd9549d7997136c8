// dcp: the index of a write item cannot travel between ranks: give it, or the part of it that cannot, a member function

#include <dcp/mpi.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

// It has PyTorch's members and one more. What of it travels cannot be known from their names.
struct key {
  std::string fqn;
  std::optional<std::vector<int>> offset;
  int shard = 0;

  bool operator==(const key&) const = default;
#ifdef DCP_FIXED
  void append_key(std::string& bytes) const { bytes += std::to_string(shard) + fqn; }
#endif
};

template <>
struct std::hash<key> {
  std::size_t operator()(const key& index) const { return std::hash<std::string>{}(index.fqn); }
};

struct item {
  key index;
};

struct plan {
  std::vector<item> items;
};

plan dedup(plan mine) { return dcp::dedup_tensors(std::move(mine), MPI_COMM_WORLD); }
