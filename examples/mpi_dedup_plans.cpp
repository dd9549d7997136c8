// dedup_plans across the ranks of an MPI job: each rank takes its own plan out of a dump, rank 0 prints what is left
// of all.
//
//     mpic++ -std=c++20 -O2 -Iinclude examples/mpi_dedup_plans.cpp -o mpi_dedup_plans
//     mpirun -n 4 ./mpi_dedup_plans examples/plans/llama3-8b-hsdp-2x2.tsv > deduplicated.tsv
//
// (Open MPI wants --oversubscribe on fewer cores than ranks, and --allow-run-as-root of root.)
//
// In a job of yours every rank has its plan already; the dump stands for that.

#include <dcp/console_logger.hpp>
#include <dcp/mpi.hpp>
#include <dcp/save_plan.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "plan_check.hpp"
#include "plan_dump.hpp"

namespace {

constexpr char usage[] =
    "usage: mpirun -n RANKS mpi_dedup_plans [--keep first|balanced] [--tolerance PERCENT] [--check] [--log] FILE\n"
    "\n"
    "Reads a dump of as many save plans as there are ranks, and writes it with each index left in one plan.\n"
    "  --keep first         the first plan that has an index writes it (the default)\n"
    "  --keep balanced      one of those that have it, so that all write about as much\n"
    "  --tolerance PERCENT  how much more than needed the largest plan may write, so\n"
    "                       that what belongs together stays so (1, if not given)\n"
    "  --check              fail where replicas of an index describe different data\n"
    "  --log                write what is removed to standard error, as PyTorch does\n"
    "  --help               write this\n";

/// The plans of all ranks, of which each takes its own.
plan_dump::Dump read_dump(const std::string& file, int ranks) {
  plan_dump::Dump dump = plan_dump::parse(plan_dump::read_bytes(file), file);
  if (std::cmp_not_equal(dump.plans.size(), ranks))
    throw plan_dump::Error(file, 0,
                           "has " + std::to_string(dump.plans.size()) + " plans, and there are " +
                               std::to_string(ranks) + " ranks: start it by mpirun -n " +
                               std::to_string(dump.plans.size()));
  return dump;
}

/// The texts of all ranks, one after another; on rank 0 alone.
std::string gather(const std::string& text, int ranks) {
  const int size = static_cast<int>(text.size());
  std::vector<int> sizes(static_cast<std::size_t>(ranks));
  MPI_Gather(&size, 1, MPI_INT, sizes.data(), 1, MPI_INT, 0, MPI_COMM_WORLD);
  std::vector<int> starts;
  int end = 0;
  for (const int each : sizes) starts.push_back(std::exchange(end, end + each));
  std::string all(static_cast<std::size_t>(end), '\0');
  MPI_Gatherv(text.data(), size, MPI_CHAR, all.data(), sizes.data(), starts.data(), MPI_CHAR, 0, MPI_COMM_WORLD);
  return all;
}

/// Does a rank's part of the job. Returns the exit status of all ranks; the lowest rank that failed says why.
template <class Work>
int together(int rank, int ranks, const Work& work) {
  int status = 0;
  std::string complaint;
  try {
    work();
  } catch (const plan_dump::wrong_usage& error) {
    complaint = std::string("mpi_dedup_plans: ") + error.what() + '\n' + usage;
    status = 2;
  } catch (const std::exception& error) {
    complaint = std::string(error.what()) + '\n';
    status = 1;
  }
  int speaker = status == 0 ? ranks : rank;
  MPI_Allreduce(MPI_IN_PLACE, &speaker, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, &status, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (rank == speaker) std::fputs(complaint.c_str(), stderr);
  return status;
}

int run(const std::vector<std::string>& words, int rank, int ranks) {
  plan_dump::Arguments arguments;
  plan_dump::Dump dump;
  dcp::SavePlan plan;
  std::string text;
  int status = together(rank, ranks, [&] {
    arguments = plan_dump::parse_arguments(words);
    if (arguments.help) return;
    if (arguments.file == "-") throw plan_dump::wrong_usage("rank 0 alone has a standard input: name a file");
    dump = read_dump(arguments.file, ranks);
    plan = dump.plans[static_cast<std::size_t>(rank)];
  });
  if (status != 0) return status;
  if (arguments.help) {
    if (rank == 0) std::fputs(usage, stdout);
    return 0;
  }
  status = together(rank, ranks, [&] {
    try {
      plan = dcp::dedup_tensors(std::move(plan), MPI_COMM_WORLD,
                                {.log = arguments.log ? dcp::console_logger() : dcp::logger(),
                                 .keep = arguments.keep(),
                                 .check_replicas = arguments.check,
                                 .max_message = std::string::npos});
    } catch (const dcp::conflict_error& error) {
      std::string conflicts = plan_check::describe(error, dump);
      conflicts.pop_back();  // the last line's end
      throw std::runtime_error(conflicts);
    }
    plan_dump::append_plan(text, static_cast<std::size_t>(rank), plan, dump.dtypes);
  });
  if (status != 0) return status;
  text = gather(text, ranks);
  return together(rank, ranks, [&] {
    if (rank == 0) plan_dump::write_to_stdout(text);
  });
}

}  // namespace

int main(int count, char** words) {
  MPI_Init(&count, &words);
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const int status = run({words + (count > 0 ? 1 : 0), words + count}, rank, ranks);
  MPI_Finalize();
  return status;
}
