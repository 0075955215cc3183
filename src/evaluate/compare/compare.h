// Two plans side by side on the same test images: accuracy by paired tests, latency by runs in turns.
#pragma once

#include <map>
#include <string>

#include "core/system/machine.h"
#include "engine/names.h"
#include "evaluate/compare/policies.h"
#include "evaluate/real_run.h"
#include "results/comparison.h"

namespace triage::evaluate {

struct CompareSide {
  fs::path plan;                       // directory
  std::string stage;                   // this image stage alone, as a plan without routing; empty: the whole plan
  std::string engine = engine::kAuto;  // of the runs, as ClassifierOptions::engine
};

struct CompareOptions {
  CompareSide plan, other;
  fs::path data;        // imported data set; only its test images are read
  bool latency = true;  // run both for real, window by window in turns
  int threads = 0;      // for scoring; 0: all cores
  ComparisonOptions comparison;
  RealRunOptions real_run;
  Context context;
};

// Accuracies come from ONNX Runtime's answers; the runs are left out without latency. Throws Error when a plan or the
// data set is damaged or they do not fit together.
results::PlanComparison compare_plans(const CompareOptions& options);

// Figures for results/*.json: "NAME.accuracy", "NAME.other_accuracy" (%), "NAME.plan_points", "NAME.plan_speedup", and
// what the first and the last stage's nets lose against the other plan's: "NAME.little_loss_points",
// "NAME.big_loss_points" (with one stage the latter alone).
std::map<std::string, Figure> comparison_figures(const results::PlanComparison& comparison, const std::string& name);

std::string readable_comparison(const results::PlanComparison& comparison);

}  // namespace triage::evaluate
