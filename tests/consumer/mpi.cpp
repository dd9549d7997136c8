#include <dcp/mpi.hpp>

int main() { return MPI_VERSION >= 3 ? 0 : 1; }
