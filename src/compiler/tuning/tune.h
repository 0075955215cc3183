// Tuning: finds a fast schedule for a kernel by measuring few of the allowed ones. Measuring is handed in.
//
// Candidates come in generations. The first holds the default schedule and the best ones of the nearest kernels already
// tuned; every later one the children (one field changed, or two parents crossed) of the fastest, of which a model of
// all that the store knows chooses, and a share of other children. The fastest are then measured again in turns against
// the default schedule, because the first look at each is noisy and the luckiest is not the best.
//
// What a generation holds depends on the seed and on what the store knew when the generation before it had ended.
// Each candidate is in the store before the next is measured: a tuning that was interrupted or killed goes on with the
// same call, with the candidates it would have come to.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "compiler/tuning/candidate_runner.h"
#include "compiler/tuning/tuning_store.h"

namespace triage::compiler {

// CandidateRunner::run, or something on another device. Errors thrown end the tuning.
using Measure = std::function<CandidateResult(const KernelKey& key, const Schedule& schedule)>;

struct TuneProgress {
  KernelKey key;
  int measured = 0, wanted = 0;  // candidates, those of earlier calls included
  double best_us = 0;            // 0: none yet
};

struct TuneOptions {
  int candidates = 64;  // measured for a kernel, failures and earlier calls included; the effort
  std::uint64_t seed = 1;
  int generation = 4;     // candidates
  int proposals = 200;    // children that the model chooses a generation from
  double explore = 0.25;  // share of a generation that the model does not choose
  std::size_t parents = 8;
  std::size_t nearest = 3;                                   // kernels whose winners are tried
  double settled = 0.01;                                     // relative gain ...
  int patience = 32;                                         // ... over this many candidates below which it ends
  std::size_t finalists = 4;                                 // measured again, and the default schedule with them
  int rounds = 5;                                            // of all finalists in turn; the median counts
  double seconds = std::numeric_limits<double>::infinity();  // for candidates; never before one of them works
  std::function<void(const TuneProgress&)> progress;         // after each candidate
  StopToken stop;
};

struct TuneResult {
  Candidate best;
  double default_us = 0;  // of the default schedule in the same rounds; 0: it fails
  int known = 0;          // candidates in the store
  int measured = 0;       // candidates of this call
  std::string why;        // "known": nothing to do; "candidates", "settled", "everything": ended; "time": may go on
};

// Throws Interrupted when it is to stop, Error when none of the candidates works.
TuneResult tune(const KernelKey& key, const Target& target, TuningStore& store, const Measure& measure,
                const TuneOptions& options = {});

// Each kernel once, those with the most multiply-adds first. options.seconds is for all of them: each gets its share of
// what is left.
std::map<KernelKey, TuneResult> tune_all(std::span<const KernelKey> keys, const Target& target, TuningStore& store,
                                         const Measure& measure, const TuneOptions& options = {});

}  // namespace triage::compiler
