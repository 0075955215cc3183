// A curve whose truth is known, for tests.
#pragma once

#include "triage/curve.h"

namespace triage::runtime {

// Two stages of 200 and 1000 us: 21 points that send on 0, 5, ... 100 % of the images, accuracy 0.90 to 0.94. Scores
// are uniform in [0, 1]; of the early leavers 97 % agree with the last stage.
inline PlanCurve made_up_curve() {
  PlanCurve curve{.metric = "accuracy", .split = "validation", .images = 2500, .path_us = {200, 1200}};
  for (int i = 0; i <= 20; ++i) {
    const double on = i / 20.0;
    curve.points.push_back({.thresholds = {1 - on},
                            .accuracy = 0.90 + 0.04 * on,
                            .mean_latency_us = 200 + 1000 * on,
                            .exit_share = {1 - on, on},
                            .agreement = {0.97}});
  }
  curve.plan = curve.points[4];
  curve.scores.emplace_back();
  for (int k = 1; k <= 128; ++k) curve.scores[0].push_back({k / 128.0, k / 128.0});
  return curve;
}

}  // namespace triage::runtime
