// The inner problem of the search: given the stages of a plan, which thresholds are worth having.
//
// Two stages are solved exactly. More stages: each exit has a grid of thresholds at quantiles of its scores, and every
// combination is scored exactly. Sums over images: threshold/sums.h.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "cost/plan_cost.h"
#include "search/evolve/genome.h"
#include "search/solve/exit_net.h"
#include "threshold/levels.h"

namespace triage::search {

struct OperatingPoint {
  double cost = 0, accuracy = 0;   // on the axis; on the validation split
  double violation = 0;            // of the budgets
  std::vector<double> thresholds;  // [stages - 1] go on while score > threshold
  std::vector<double> reach;       // [stages] share of images that come here
};

struct SolverStage {
  const Ranking* ranking = nullptr;                    // by this exit's score; null for the last stage
  const std::vector<std::uint8_t>* correct = nullptr;  // [images]
};

// The points that keep the budgets and are more accurate than all cheaper ones, at most one a level, rising; where no
// point keeps them the one that breaks them least. 1 to 4 stages. Thread-safe.
std::vector<OperatingPoint> solve(std::span<const SolverStage> stages, std::span<const cost::CostedStage> costs,
                                  const cost::Budgets& budgets, cost::CostAxis axis,
                                  const threshold::CostLevels& levels);

}  // namespace triage::search
