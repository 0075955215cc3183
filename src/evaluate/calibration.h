// How far confidences can be believed: reliability bins and the expected calibration error.
// Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "plan/plan.h"
#include "results/figures.h"
#include "route/score_table.h"

namespace triage::evaluate {

// confidence and correct [n]; equal-width bins over [0, 1].
results::Reliability reliability(std::span<const float> confidence, std::span<const std::uint8_t> correct,
                                 int bins = 15);

// Every stage before (temperature 1) and after its exit's temperature.
std::vector<results::Calibration> calibration(const plan::Plan& plan, const route::ScoreTable& table);

}  // namespace triage::evaluate
