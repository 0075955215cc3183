// From a genome to its operating points: answers from the pool, costs from the model, thresholds from the solver.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "search/evolve/genome.h"
#include "search/solve/answers_together.h"
#include "search/solve/plan_solver.h"

namespace triage::search {

struct EvaluatorOptions {
  plan::InputShape input;
  int classes = 10;
  cost::CostAxis axis = cost::CostAxis::latency;
  cost::Budgets budgets;
  std::size_t levels = 64;  // of cost, from the smallest exit's to all that max_stages of the largest net may cost
  double lowest = 1;        // of the smallest exit's cost: where the levels begin; all below is one level
  std::size_t max_stages = 3;
  std::vector<plan::Precision> precisions{plan::Precision::fp32};
};

// A plan at given thresholds, which may come from other images than those it is run on.
struct PlanRun {
  OperatingPoint point;
  std::vector<std::uint8_t> correct;  // [images]
};

// Not thread-safe: costs are remembered.
class Evaluator {
 public:
  // Throws Error when the axis or a budget is energy and the costs have none.
  Evaluator(NetPool& pool, const cost::CostModel& costs, const EvaluatorOptions& options);

  // Asks the pool for nets that it does not know yet.
  std::vector<OperatingPoint> evaluate(const Genome& genome) const;
  // thresholds: [stages - 1].
  PlanRun run(const Genome& genome, std::span<const double> thresholds) const;
  std::vector<cost::CostedStage> stage_costs(const Genome& genome) const;
  // The ceiling of any routing between these nets: every image leaves at the first exit that is correct, and at the
  // first of all where none is. Has no thresholds.
  OperatingPoint oracle(const Genome& genome) const;

  NetPool& pool() const { return pool_; }
  const EvaluatorOptions& options() const { return options_; }
  const threshold::CostLevels& levels() const { return levels_; }
  // What this stage costs, from memory where it was asked before.
  const cost::CostedStage& stage_cost(const cost::Segment& stage) const;

 private:
  struct Stages {  // as the solver takes them
    std::vector<std::optional<TogetherExit>> together;
    std::vector<Ranking> learned;
    std::vector<SolverStage> solver;
  };
  threshold::CostLevels make_levels() const;
  Stages stages(const Genome& genome) const;

  NetPool& pool_;
  const cost::CostModel& costs_;
  EvaluatorOptions options_;
  mutable std::map<std::string, cost::CostedStage> known_;
  threshold::CostLevels levels_;
};

}  // namespace triage::search
