// The measured curve of a plan: what it answers and costs at thresholds other than its own, so that a program can
// choose while it runs (triage/controller.h) and hold traffic against what was promised (triage/audit.h). It travels
// with the plan as curve.json, written by `triage build`, `cascade`, `quantize` and, for a plan that has none, `triage
// curve`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "triage/result.h"

namespace triage {

struct OperatingPoint {            // on the images of the curve
  std::vector<double> thresholds;  // one per exit but the last, as ClassifierOptions::thresholds
  double accuracy = 0;             // in PlanCurve::metric
  double mean_latency_us = 0;      // per image, one at a time, on the machine that measured the plan
  std::vector<double> exit_share;  // of the images that leave at each stage; together 1
  // One per exit but the last: of the images that leave there, the share whose label is that of the last stage; 1 where
  // none leave.
  std::vector<double> agreement;
};

struct ScoreKnot {
  double score = 0, share = 0;  // the share of the images whose score is at most this
};

struct PlanCurve {
  std::string metric;                          // what accuracy means: "accuracy" or "balanced"
  std::string split;                           // which images: "validation"
  std::size_t images = 0;                      // how many
  std::vector<double> path_us;                 // rising: cost of an image that leaves at each stage
  std::vector<OperatingPoint> points;          // rising in latency and in accuracy; at least one
  OperatingPoint plan;                         // at the plan's own thresholds
  std::vector<std::vector<ScoreKnot>> scores;  // one list per exit but the last, of all images: rising in both
};

// Errors: not_found where the plan has no curve.json (`triage curve` makes it); damaged where it is broken or of
// another plan: other networks, temperatures, routers, or another policy.
Result<PlanCurve> load_curve(const std::string& plan_directory);

}  // namespace triage
