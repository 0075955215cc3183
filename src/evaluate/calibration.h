// How far confidences can be believed: reliability bins and the expected calibration error.
// Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/json.h"
#include "plan/plan.h"
#include "route/score_table.h"

namespace triage::evaluate {

struct ReliabilityBin {  // confidences in (low, high]; the first bin also holds 0
  double low = 0, high = 0;
  std::size_t count = 0;
  double confidence = 0, accuracy = 0;  // means over the bin; null in JSON when it is empty
};

struct Reliability {
  double ece = 0;  // sum over bins of count / n * |accuracy - confidence|
  std::vector<ReliabilityBin> bins;
};

// confidence and correct [n]; equal-width bins over [0, 1].
Reliability reliability(std::span<const float> confidence, std::span<const std::uint8_t> correct, int bins = 15);

Json to_json(const Reliability& reliability);

// results.json "calibration": every stage before (temperature 1) and after its exit's temperature.
Json calibration_json(const plan::Plan& plan, const route::ScoreTable& table);

}  // namespace triage::evaluate
