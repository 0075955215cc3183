// Two plans side by side on the same test images: accuracy by paired tests, latency by runs in turns.
#pragma once

#include <map>
#include <string>

#include "core/json.h"
#include "core/system/machine.h"
#include "engine/names.h"
#include "evaluate/policies.h"
#include "evaluate/real_run.h"

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

// {"plans": [{"name", the fields of accuracy_fields(), "mean_us", "engine", "stable", "agreement", "stages": [{"stage",
// "precision", the same fields}]}, the other],
// "points": the plan's accuracy minus the other's with "interval" and "mcnemar_p", "stages": the same of the i-th
// stages' nets where both have as many, "speedup": the other's measured mean latency over the plan's}. Accuracies come
// from ONNX Runtime's answers; agreement is the share of images that the engine of the runs gave the same label and
// exit. stable: the later half of the run took as long
// for the same exits as the earlier one, within kSteady. These and mean_us, engine and speedup are null without
// latency. Throws Error when a plan or the data set is damaged or they do not fit together.
Json compare_plans(const CompareOptions& options);

// Figures for results/*.json: "NAME.accuracy", "NAME.other_accuracy" (%), "NAME.plan_points", "NAME.plan_speedup", and
// what the first and the last stage's nets lose against the other plan's: "NAME.little_loss_points",
// "NAME.big_loss_points" (with one stage the latter alone).
std::map<std::string, Figure> comparison_figures(const Json& comparison, const std::string& name);

std::string readable_comparison(const Json& comparison);

}  // namespace triage::evaluate
