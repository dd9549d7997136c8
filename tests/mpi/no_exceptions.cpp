// Built with -fno-exceptions: deduplicates as ever; with an argument, what would throw ends the job with a message.

#include <dcp/mpi.hpp>
#include <dcp/save_plan.hpp>

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace {

std::vector<std::uint32_t> first_holder(const dcp::shared_indices& shared) {
  std::vector<std::uint32_t> keepers;
  for (std::size_t i = 0; i != shared.size(); ++i) keepers.push_back(shared.holders(i).front());
  return keepers;
}

}  // namespace

int main(int count, char** words) {
  MPI_Init(&count, &words);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  dcp::SavePlan plan;
  plan.items.resize(2);
  plan.items[0].index.fqn = "all";
  plan.items[1].index.fqn = "rank " + std::to_string(rank);
  if (count > 1 && rank == 1) plan.items[0].type = dcp::WriteItemType::SHARD;  // is other data than that of rank 0
  plan = dcp::dedup_tensors(std::move(plan), MPI_COMM_WORLD, {.keep = first_holder, .check_replicas = true});
  const bool right = plan.items.size() == (rank == 0 ? 2 : 1);
  std::printf("rank %d is %s\n", rank, right ? "right" : "wrong");
  MPI_Finalize();
  return right ? 0 : 1;
}
