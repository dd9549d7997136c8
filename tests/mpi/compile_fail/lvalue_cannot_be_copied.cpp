// dcp: the plans or their items cannot be copied, or a copy would share the items

#include <dcp/mpi.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

struct item {
  std::string index;
};

struct plan {
  std::vector<std::unique_ptr<item>> items;
};

#ifdef DCP_FIXED
plan dedup(plan& mine) { return dcp::dedup_tensors(std::move(mine), MPI_COMM_WORLD); }
#else
plan dedup(plan& mine) { return dcp::dedup_tensors(mine, MPI_COMM_WORLD); }
#endif
