// `triage run`: everything from a configuration to the report, in one resumable go.
#pragma once

#include <functional>
#include <map>

#include "core/system/machine.h"
#include "results/results.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

// A run that is checked and may begin: the configuration with its precision, the opened data. Nothing is written.
// Throws Error for what a step would refuse hours later.
Workspace open_checked_run(const RunConfig& given, const fs::path& run, const Context& context);

struct RunResult {
  results::Results results;        // RUN/results.json
  std::vector<std::string> notes;  // of the report
};

// Each finds what it has finished before in the run directory, and does not make it again.
struct RunSteps {
  std::function<void(const Workspace&)> train;  // supernet and stages
  std::function<void(const Workspace&)> build;
  std::function<results::Results(const Workspace&, const std::string& command)> evaluate;
  std::function<std::vector<std::string>(const Workspace&)> report;  // returns notes
};
RunSteps run_steps();

// Trains, builds, evaluates and reports, holding the run directory. command: as results.json records it.
RunResult run_all(const Workspace& workspace, const std::string& command, const RunSteps& steps = run_steps());

// What the run measured, under the configuration's first name ("cifar10" of "cifar10-pair"). routing: the figures of
// routing, too, beside accuracies, sizes and minutes.
std::map<std::string, Figure> run_figures(const Workspace& workspace, const results::Results& results, bool routing);

}  // namespace triage::workflow
