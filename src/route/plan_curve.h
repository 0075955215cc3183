// The curve that travels with a plan (triage/curve.h), from what all its stages say about the images of a split.
#pragma once

#include "plan/plan.h"
#include "route/score_table.h"
#include "triage/curve.h"

namespace triage::route {

struct PlanCurveOptions {
  std::string split = "validation";  // what the table's images are called
  plan::Metric metric = plan::Metric::accuracy;
  std::size_t points = 48;  // at most
  std::size_t knots = 128;  // of each exit's scores, at most
};

// The points that no other one beats, the cheapest and the most accurate one and between them those closest below
// evenly spaced latencies. The plan's stages have costs. Throws Error where they have none, and on no images.
PlanCurve plan_curve(const plan::Plan& plan, const ScoreTable& table, const PlanCurveOptions& options = {});

}  // namespace triage::route
