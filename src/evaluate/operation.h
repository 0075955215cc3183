// A plan at its own thresholds, from a table of its stages' answers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "evaluate/real_run.h"
#include "plan/plan.h"
#include "route/policy_scores.h"
#include "route/score_table.h"

namespace triage::evaluate {

struct Operation {
  std::vector<double> thresholds;
  std::vector<std::uint8_t> exits, correct;  // [count]
  std::vector<Label> labels;                 // [count]
  std::vector<float> score;                  // [count] at the first exit: how hard the image looked
  double latency_us = 0;                     // mean, from the costs in the plan

  std::vector<Expected> expected() const;  // what the plan run for real should say
};

// The plan must have measured costs.
Operation operate(const plan::Plan& plan, const route::ScoreTable& table);

// Throws Error when the data set has no test images.
std::vector<std::uint32_t> test_indices(const data::Dataset& dataset);

}  // namespace triage::evaluate
