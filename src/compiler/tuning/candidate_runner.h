// CandidateRunner: runs a measuring function where a crash costs one candidate and not the tuning.
//
// start() forks a *keeper*, a copy of this process as it is then. The keeper forks the *worker*, which measures
// candidate after candidate, so that what the function builds up (LLVM, kernels compiled a moment ago) is paid for
// once; when a worker dies or must be killed the keeper forks the next one. Neither shares threads with this process,
// but each is a copy of what its threads held locked: make a runner before the process starts threads that the
// function's libraries know of. Threads started later do no harm.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/kernel/schedule.h"
#include "core/context.h"

namespace triage::compiler {

// What became of a candidate: a time or a failure.
struct CandidateResult {
  std::optional<double> us;  // median of the samples
  double spread = 0;         // of the samples, us: 75th minus 25th percentile
  std::string failure;  // "crashed with SIGILL", "timed out after 20 s", "out of memory", "refused: ..."; else empty
  int samples = 0;
};
CandidateResult outcome_of(std::vector<double> samples);  // us; none, or one that is not above 0: refused

// Compiles and times one candidate, in the worker: samples in us. May throw. Finalists are asked for again and again
// in turns, so it pays to keep the kernels compiled last.
using SampleFunction = std::function<std::vector<double>(const KernelKey& key, const Schedule& schedule)>;

struct RunnerOptions {
  double seconds = 30;            // of wall time for a candidate, compiling included
  std::size_t memory_mib = 4096;  // of address space beyond what a worker starts with; not held under ASan
  int max_per_worker = 500;       // candidates, then a fresh one: what leaks goes with it
  StopToken stop;
};

// For one thread at a time. Nothing of the function happens in this process.
class CandidateRunner {
 public:
  explicit CandidateRunner(SampleFunction function, RunnerOptions options = {});  // throws Error when it cannot fork
  ~CandidateRunner();  // kills keeper and worker; they also go when this process is killed
  CandidateRunner(const CandidateRunner&) = delete;
  CandidateRunner& operator=(const CandidateRunner&) = delete;

  // Blocks. A candidate that crashes a worker which had served others is given a second chance in a fresh one: an
  // earlier candidate may have spoilt the worker's memory. Throws Interrupted when it is to stop, Error when
  // the keeper is gone; the next call starts another.
  CandidateResult run(const KernelKey& key, const Schedule& schedule);

 private:
  void start();
  int stop() noexcept;  // the keeper's status, as waitpid has it

  SampleFunction function_;
  RunnerOptions options_;
  pid_t keeper_ = -1;
  int socket_ = -1;
};

}  // namespace triage::compiler
