// A run directory as a report shows it: its results, what plan.json and costs.json add to its stages, how it was
// trained.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "results/results.h"
#include "results/training_log.h"

namespace triage::report {

using results::Calibration, results::ClassFigures, results::CurvePoint, results::Evaluation, results::Example,
    results::OperatingPoint, results::Policy, results::Reliability, results::ReliabilityBin, results::Results,
    results::StageFigures, results::StaticNet, results::TrainingStep;

struct StageDetails {
  std::optional<plan::MeasuredCost> measured;  // from plan.json
  std::optional<plan::Precision> precision;    // from plan.json
  std::string engine;  // from costs.json: engine and provider that were measured; empty: not there
};

struct Run {
  Results results;
  std::vector<StageDetails> stages;    // as results.plan.stages
  std::vector<TrainingStep> training;  // empty when there is no metrics.jsonl
};

// results.json is required; metrics.jsonl, plan/plan.json and costs.json add to it where they exist. Throws Error
// naming file and field.
Run load_run(const fs::path& run_directory);

}  // namespace triage::report
