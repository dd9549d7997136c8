// dcp: the index of a write item cannot travel between ranks: give it, or the part of it that cannot, a member function

#include <dcp/mpi.hpp>

#include <string>
#include <vector>

// Compared part by part, so it would travel by itself, and without regard to what append_key says.
struct numbers : std::vector<int> {
#ifdef DCP_FIXED
  void append_key(std::string& bytes) const {
#else
  void append_key(std::string& bytes) {
#endif
      for (const int each : *this) bytes += std::to_string(each) + ' ';
}
}
;

struct item {
  numbers index;
};

struct plan {
  std::vector<item> items;
};

plan dedup(plan mine) { return dcp::dedup_tensors(std::move(mine), MPI_COMM_WORLD); }
