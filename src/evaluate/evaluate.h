// A plan on a data set's test split (or, clearly marked, another one) -> results::Results, the content of results.json.
//   evaluate_set    one data set: static stages, policies, operating point, calibration, paired tests, examples
//   evaluate_plan   test set, optional shifted set, real run, provenance
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/system/machine.h"
#include "evaluate/compare/policies.h"
#include "evaluate/real_run.h"
#include "results/results.h"

namespace triage::evaluate {

using SplitIndices = std::function<std::vector<std::uint32_t>(const data::Dataset&)>;

struct EvaluateOptions {
  fs::path plan;                       // directory
  fs::path data;                       // imported data set; only the images of the split are read
  std::string split = "test";          // its name, as the results have it
  SplitIndices indices;                // the images of another split than test
  fs::path shift;                      // the same under distribution shift; empty: none
  fs::path scores;                     // score table of the test split, kept for the next time; empty: not kept
  bool latency = true;                 // run the plan for real as well
  int threads = 0;                     // for scoring (never for latency); 0: all cores
  std::size_t examples = 12;           // easiest and hardest images listed
  std::optional<plan::Metric> metric;  // of the curves; none: what the plan's point was chosen by
  ComparisonOptions comparison;        // its metric is that one
  RealRunOptions real_run;
  std::string command;  // for the provenance
  Context context;
};

// Without path, checksum and the real run. `dataset` is its name. The table must have images, the plan measured costs.
results::Evaluation evaluate_set(const plan::Plan& plan, const route::ScoreTable& table, const std::string& dataset,
                                 const EvaluateOptions& options);

// Throws Error when the plan or a data set is damaged or they do not fit together. Writes nothing but options.scores.
results::Results evaluate_plan(const EvaluateOptions& options);

// Figures for results/*.json from finished results: "<data set>.<stage>_accuracy" (%) and, with `routing`,
// "routing.apgr_<policy>" and "eval.latency_error_percent" (absolute).
std::map<std::string, Figure> figures(const results::Results& results, bool routing);

// Figures of the plan as a whole: "NAME.accuracy" (%), "NAME.mean_mmac", "NAME.mean_latency_us" and
// "NAME.latency_error_percent" as measured, "NAME.apgr_<policy>"; "NAME.speedup_over_static": against the cheapest of
// its own stages' nets that alone is as accurate, up to 0.2 points (none where no net is).
std::map<std::string, Figure> plan_figures(const results::Results& results, const std::string& name);

std::string readable(const results::Results& results);  // a table for people

}  // namespace triage::evaluate
