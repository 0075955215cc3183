// TuneJob: what triage-kernels is asked to tune, and its answers as lines of JSON.
#pragma once

#include <string>
#include <vector>

#include "compiler/tuning/tune.h"
#include "core/json.h"

namespace triage::compiler {

struct TuneJob {
  Target target;
  fs::path store;
  std::vector<KernelKey> keys;
  TuneOptions options;  // candidates, seconds and seed travel
};

Json to_json(const TuneJob& job);
TuneJob tune_job_from_json(const Json& json, const std::string& origin);  // throws Error

Json to_json(const TuneProgress& progress);  // {"kernel", "measured", "wanted", "best_us"}

struct TunedKernel {
  KernelKey key;
  Schedule schedule;
  double us = 0, default_us = 0;
  int measured = 0, known = 0;
  std::string why;  // as TuneResult
};
TunedKernel tuned_kernel(const KernelKey& key, const TuneResult& result);
Json to_json(const TunedKernel& kernel);  // {"kernel", "schedule", "us", "default_us", ...}

// Runs `program` (triage-kernels) on the job. Blocks; `progress` gets what it says. Throws Error with its message,
// Interrupted when it is to stop (options.stop): the same job goes on.
std::vector<TunedKernel> run_tune_job(const TuneJob& job, const fs::path& program,
                                      const std::function<void(const TuneProgress&)>& progress);

}  // namespace triage::compiler
