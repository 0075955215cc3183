// What it costs to choose plans under the wrong costs.
//
// Several searches of the same answers, each under a cost model of its own, offer each a plan for an accuracy: the
// cheapest that reaches it, as that model sees it. All are then charged what the deployed model says, the one whose
// costs the plan will really have. Regret is by how much the plan chosen under another model costs more than the one
// chosen under the deployed one. It can be slightly negative: searches are not exhaustive.
//
// Map: refined (a front's structures, thresholds on a fine grid); regrets (all choices at every accuracy);
// accuracy_grid (where); regret_curves (means over seeds).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/statistics/mean_interval.h"
#include "search/evolve/front.h"

namespace triage::search {

// Levels of cost for evaluators of regret: steps below 0.5 %, where those of a search are of some percent.
// They begin lower, since under some costs a larger net is cheaper than the smallest exit.
inline constexpr std::size_t kRegretLevels = 2048;
inline constexpr double kRegretLowest = 0.2;

struct ModelFront {
  std::string model;
  Front front;                       // found under its costs
  const Evaluator* costs = nullptr;  // not owned
};

// The plans that the structures of a front offer at the evaluator's levels of cost: none beats another.
Front refined(const Front& front, const Evaluator& evaluator);

struct ModelChoice {
  FrontPoint plan;                         // costs as its model sees them
  double predicted = 0, cost = 0;          // on the axis: of its model, of the deployed one
  double violation = 0;                    // of the budgets, by the deployed model
  std::optional<OperatingPoint> resolved;  // the same structure, thresholds solved anew under the deployed costs; none:
                                           // not within the budgets
  double regret_percent = 0;               // of `cost`
  double structure_percent = 0;            // of `resolved` (where there is none, of `cost`): what the structure loses
  double promise_percent = 0;              // `predicted` against `cost`
};

struct RegretLevel {
  double accuracy = 0;
  std::vector<ModelChoice> choices;  // in the order of the models
};

// models: refined fronts whose evaluators share one pool. Throws Error when they do not, when `deployed` is none of
// them, or when a front does not reach an accuracy.
std::vector<RegretLevel> regrets(std::span<const ModelFront> models, std::size_t deployed,
                                 std::span<const double> accuracies);

// Multiples of 1 / steps from the lowest to the highest accuracy that all fronts offer, but none farther than `reach`
// below the highest. Throws Error when there is none.
std::vector<double> accuracy_grid(std::span<const Front* const> fronts, int steps, double reach);

// One model's means over seeds at an accuracy.
struct RegretMean {
  double accuracy = 0;
  double cost = 0;
  MeanEstimate regret_percent, structure_percent, promise_percent;
};

struct RegretCurve {
  std::vector<RegretMean> at;  // every accuracy
  MeanEstimate mean_percent;   // of the regret over all accuracies
  std::size_t largest = 0;     // of `at`: where the regret is largest in the mean over the seeds
  double same_structure = 0;   // share of (seed, accuracy) where the deployed model has the same genome
};
// seeds: what regrets() gave for each, at the same accuracies.
RegretCurve regret_curve(std::span<const std::vector<RegretLevel>> seeds, std::size_t model, std::size_t deployed);

}  // namespace triage::search
