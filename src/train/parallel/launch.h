// How the processes of a training come to be: copies of this program on this machine, or processes that something else
// started on many (torchrun, SLURM, MPI), which say in their environment who they are.
#pragma once

#include <functional>
#include <memory>

#include "train/parallel/members.h"

namespace triage::train {

using Environment = std::function<const char*(const char* name)>;  // getenv

// processes: of --processes, 0 where it was not given. None: this process is alone. Otherwise
//   MASTER_ADDR, MASTER_PORT    where rank 0 is. Without MASTER_ADDR the environment says nothing, and `processes`
//                               copies are to be started here (rank 0, port 0)
//   RANK, WORLD_SIZE            or what `srun` (SLURM_PROCID, SLURM_NTASKS), Open MPI (OMPI_COMM_WORLD_RANK, .._SIZE)
//   and
//                               MPICH (PMI_RANK, PMI_SIZE) set
// Throws UsageError with the variable, what was found and what was expected.
std::optional<Place> find_place(int processes, const Environment& environment);

// How many of `members` stand on the machine of `self`, and so share its processors.
int processes_beside(const std::vector<Member>& members, int rank);

// The ranks 1 to processes - 1 as copies of this process, with its arguments and an environment that names their rank.
// Their standard output is closed; what they say on stderr goes where this one's goes.
class Copies {
 public:
  Copies(int processes, int port);
  ~Copies();  // ends those that still live
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;
  std::string end_of(int rank);  // "was ended by SIGKILL", "ended with exit code 1"; "": it lives
  void wait();                   // until all have ended

 private:
  struct Copy {
    int process;
    std::string end;
  };
  void look(Copy& copy, bool wait);
  std::mutex mutex_;
  std::vector<Copy> copies_;
};

}  // namespace triage::train
