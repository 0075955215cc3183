// The engine "compiled": stages as programs (stage_program.h) of kernels in a shared library.
//
// Loading a library runs its code in this process with all its rights. What is loaded is what a plan's author compiled,
// byte for byte: plan.json has the SHA-256 of the program, the program that of its library, and both are checked first.
// A plan from somebody who is not trusted must not be loaded with this engine (ClassifierOptions::engine).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/compiled/kernel_library.h"
#include "engine/session.h"
#include "engine/threads/thread_team.h"

namespace triage::engine {

struct CompiledOptions {
  int threads = 1;              // at most: the program gets as many as make it faster (thread_choice.h)
  bool allow_spinning = false;  // as thread_team.h says
  std::string sha256;           // of the program's file; empty: not checked
  std::string profile;          // PREFIX of PREFIX_steps.json (step_profile.h), written when the session goes. Slower
  // Shared by the stages of a plan; null: one of its own. The team is in place of the first two above.
  std::shared_ptr<ThreadTeam> team;
  std::shared_ptr<KernelLibraries> libraries;
  double trial_seconds = 20;  // for all kernels of the program
  // For tests: what stands for this CPU in the record of trials, and how long a run takes with so many threads.
  std::string cpu;
  std::function<double(int threads)> seconds_of_run;
};

// Opens a program; its library lies beside it and stays loaded as long as the session lives. Refuses with `unsupported`
// what was compiled for another architecture or needs features that this CPU lacks, and what has a kernel that does not
// end well in a child process (kernel_trial.h), where each runs once before any runs here. That is done once per
// program and CPU, and remembered beside the library (proof_record.h). Images of a batch run one after
// another, each on all threads. run() allocates only when more calls run at once than ever before, and for error
// messages; it takes no lock. Calls that come at the same time do not wait for each other: one gets the team, the
// others run on their callers' threads alone.
Result<std::unique_ptr<Session>> open_compiled(const std::string& file, const CompiledOptions& options);

// The team of the options, or a new one of so many threads. Throws Failure (bad_input) where they are not 1 to 1024.
std::shared_ptr<ThreadTeam> team_for(const CompiledOptions& options);

std::string compiled_engine_version();  // "0.1.0": of this library; the kernels' compiler is the plan's evidence

}  // namespace triage::engine
