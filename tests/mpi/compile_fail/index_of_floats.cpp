// dcp: the index of a write item cannot travel between ranks: give it, or the part of it that cannot, a member function

#include <dcp/mpi.hpp>

#include <string>
#include <utility>
#include <vector>

struct item {
#ifdef DCP_FIXED
  std::pair<std::string, int> index;
#else
  std::pair<std::string, float> index;  // 0.0 and -0.0 are equal, and their bytes are not
#endif
};

struct plan {
  std::vector<item> items;
};

plan dedup(plan mine) { return dcp::dedup_tensors(std::move(mine), MPI_COMM_WORLD); }
