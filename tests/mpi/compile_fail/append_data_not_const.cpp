// dcp: append_data cannot be called: as a member function it has to be const

#include <dcp/mpi.hpp>

#include <string>
#include <vector>

struct item {
  std::string index;
  int data = 0;

#ifdef DCP_FIXED
  void append_data(std::string& bytes) const { bytes += std::to_string(data); }
#else
  void append_data(std::string& bytes) { bytes += std::to_string(data); }
#endif
};

struct plan {
  std::vector<item> items;
};

plan dedup(plan mine) { return dcp::dedup_tensors(std::move(mine), MPI_COMM_WORLD); }
