// The inner problem of the search: given the stages of a plan, which thresholds are worth having.
//
// Two stages are solved exactly. More stages: each exit has a grid of thresholds at quantiles of its scores, and every
// combination is scored exactly. Sums over images: threshold/sums.h.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "search/evolve/genome.h"
#include "search/solve/exit_net.h"
#include "threshold/levels.h"

namespace triage::search {

enum class CostAxis { latency, macs, energy };  // what is traded against accuracy; the mean over the images' paths
CostAxis cost_axis_from_string(const std::string& text);  // "latency", "macs", "energy"; throws Error
std::string to_string(CostAxis axis);

// Hard limits. Means are over the paths that the validation images take.
struct Budgets {
  std::optional<double> mean_latency_us, p90_latency_us, worst_latency_us;
  std::optional<double> mean_energy_uj;
  std::optional<double> mean_macs;
  std::optional<double> memory_kb;  // weights and the largest activations, fp32
  std::optional<double> model_kb;   // weights
  bool operator==(const Budgets&) const = default;
};
Json to_json(const Budgets& budgets);

struct StageBill {  // of one image through this stage
  double latency_us = 0, macs = 0, energy_uj = 0;
};
struct Bill {
  std::vector<StageBill> stages;
  bool has_energy = false;
  double memory_kb = 0, model_kb = 0;
};

// What a plan costs when the share reach[j] of the images comes to stage j.
struct PlanCost {
  double mean_latency_us = 0, p90_latency_us = 0, worst_latency_us = 0, mean_macs = 0;
  std::optional<double> mean_energy_uj;
  double memory_kb = 0, model_kb = 0;
};
PlanCost plan_cost(const Bill& bill, std::span<const double> reach);
double on_axis(const PlanCost& cost, CostAxis axis);  // throws Error for energy where none is known
double on_axis(const StageBill& bill, CostAxis axis);
// By how much the budgets are broken: the sum of relative excesses, 0 when all are kept; `worst`: "mean latency 212.0
// us of 150.0" of the largest. A budget on energy where none is known counts as broken.
double violation(const PlanCost& cost, const Budgets& budgets, std::string* worst = nullptr);

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
std::vector<OperatingPoint> solve(std::span<const SolverStage> stages, const Bill& bill, const Budgets& budgets,
                                  CostAxis axis, const threshold::CostLevels& levels);

}  // namespace triage::search
