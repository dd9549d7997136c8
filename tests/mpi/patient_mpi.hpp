// Where a test machine has fewer cores than there are ranks, a rank that spins keeps the one it waits for from
// running. MPI lets a program put itself between its calls and the library (PMPI_…): here what would spin sleeps a
// moment.
//
// Tests can also have calls fail, as a broken network would have them.

#ifndef DCP_TESTS_MPI_PATIENT_MPI_HPP
#define DCP_TESTS_MPI_PATIENT_MPI_HPP

#include <mpi.h>

#include <chrono>
#include <thread>

namespace test {

inline int calls_until_failure = -1;  // -1: none fails

inline bool fails_now() { return calls_until_failure >= 0 && calls_until_failure-- == 0; }

inline void sleep() { std::this_thread::sleep_for(std::chrono::microseconds(20)); }

inline int wait(int code, MPI_Request& request) {
  for (int done = 0; code == MPI_SUCCESS;) {
    code = PMPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done != 0) break;
    sleep();
  }
  return code;
}

}  // namespace test

extern "C" {

int MPI_Allreduce(const void* in, void* out, int count, MPI_Datatype type, MPI_Op operation, MPI_Comm comm) {
  if (test::fails_now()) return MPI_ERR_OTHER;
  MPI_Request request;
  return test::wait(PMPI_Iallreduce(in, out, count, type, operation, comm, &request), request);
}

int MPI_Bcast(void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  if (test::fails_now()) return MPI_ERR_OTHER;
  MPI_Request request;
  return test::wait(PMPI_Ibcast(buffer, count, type, root, comm, &request), request);
}

int MPI_Allgather(const void* in, int count, MPI_Datatype type, void* out, int each, MPI_Datatype out_type,
                  MPI_Comm comm) {
  if (test::fails_now()) return MPI_ERR_OTHER;
  MPI_Request request;
  return test::wait(PMPI_Iallgather(in, count, type, out, each, out_type, comm, &request), request);
}

int MPI_Allgatherv(const void* in, int count, MPI_Datatype type, void* out, const int* counts, const int* starts,
                   MPI_Datatype out_type, MPI_Comm comm) {
  if (test::fails_now()) return MPI_ERR_OTHER;
  MPI_Request request;
  return test::wait(PMPI_Iallgatherv(in, count, type, out, counts, starts, out_type, comm, &request), request);
}

int MPI_Comm_dup(MPI_Comm comm, MPI_Comm* copy) {
  MPI_Request request;
  return test::wait(PMPI_Comm_idup(comm, copy, &request), request);
}

int MPI_Iprobe(int source, int tag, MPI_Comm comm, int* found, MPI_Status* status) {
  const int code = PMPI_Iprobe(source, tag, comm, found, status);
  if (code == MPI_SUCCESS && *found == 0) test::sleep();
  return code;
}

}  // extern "C"

#endif  // DCP_TESTS_MPI_PATIENT_MPI_HPP
