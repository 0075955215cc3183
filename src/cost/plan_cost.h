// What a plan costs, from what its stages cost and how many images come to each; budgets on it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cost/cost_model.h"
#include "plan/plan.h"

namespace triage::cost {

enum class CostAxis { latency, macs, energy };  // what is traded against accuracy; the mean over the images' paths
CostAxis cost_axis_from_string(const std::string& text);  // "latency", "macs", "energy"; throws Error
std::string to_string(CostAxis axis);

// Hard limits. Means are over the paths that the validation images take.
struct Budgets {
  std::optional<double> mean_latency_us, p90_latency_us, worst_latency_us;
  std::optional<double> mean_energy_uj;
  std::optional<double> mean_macs;
  std::optional<double> memory_kb;  // weights and the largest activations
  std::optional<double> model_kb;   // weights
  bool operator==(const Budgets&) const = default;
};
Json to_json(const Budgets& budgets);
Budgets budgets_from_json(const JsonReader& json);

struct CostedStage {
  StageCost cost;
  StageSize size;
};
// Of a plan whose stages were measured. Throws Error where one was not.
std::vector<CostedStage> costed_stages(const plan::Plan& plan);

// Per image; KB of 1024 bytes.
struct PlanCost {
  double mean_latency_us = 0, p90_latency_us = 0, worst_latency_us = 0, mean_macs = 0;
  std::optional<double> mean_energy_uj;  // none: that of some stage is not known
  double memory_kb = 0, model_kb = 0;
};
// When the share reach[j] of the images comes to stage j.
PlanCost plan_cost(std::span<const CostedStage> stages, std::span<const double> reach);
double on_axis(const PlanCost& cost, CostAxis axis);  // throws Error for energy where none is known
double on_axis(const CostedStage& stage, CostAxis axis);

// By how much the budgets are broken: the sum of relative excesses, 0 when all are kept; `worst`: "mean latency 212.0
// us of 150.0" of the largest. A budget on energy where none is known counts as broken.
double violation(const PlanCost& cost, const Budgets& budgets, std::string* worst = nullptr);

}  // namespace triage::cost
