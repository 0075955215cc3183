#include "cost/plan_cost.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace triage::cost {
namespace {

constexpr double kKb = 1024;

constexpr std::pair<const char*, std::optional<double> Budgets::*> kBudgets[] = {  // by their names in files
    {"mean_latency_us", &Budgets::mean_latency_us},
    {"p90_latency_us", &Budgets::p90_latency_us},
    {"worst_latency_us", &Budgets::worst_latency_us},
    {"mean_energy_uj", &Budgets::mean_energy_uj},
    {"mean_macs", &Budgets::mean_macs},
    {"memory_kb", &Budgets::memory_kb},
    {"model_kb", &Budgets::model_kb}};

}  // namespace

CostAxis cost_axis_from_string(const std::string& text) {
  if (text == "latency") return CostAxis::latency;
  if (text == "macs") return CostAxis::macs;
  if (text == "energy") return CostAxis::energy;
  fail("expected a cost of latency, macs or energy, found '{}'", text);
}

std::string to_string(CostAxis axis) {
  return axis == CostAxis::latency ? "latency" : axis == CostAxis::macs ? "macs" : "energy";
}

Json to_json(const Budgets& budgets) {
  Json json = Json::object();
  for (const auto& [name, value] : kBudgets) {
    if (budgets.*value) json[name] = *(budgets.*value);
  }
  return json;
}

Budgets budgets_from_json(const JsonReader& json) {
  Budgets budgets;
  for (const auto& [name, value] : kBudgets) {
    if (json.has(name)) budgets.*value = json.not_negative(name);
  }
  return budgets;
}

std::vector<CostedStage> costed_stages(const plan::Plan& plan) {
  std::vector<CostedStage> stages;
  for (const plan::Stage& stage : plan.stages) {
    if (!stage.cost) fail("plan '{}': stage '{}': expected its measured cost, found none", plan.name, stage.name);
    stages.push_back({{.latency_us = plan::latency_on_path_us(plan, stages.size()),
                       .energy_uj = stage.cost->energy_uj,
                       .measured = true},
                      {.macs = stage.macs,
                       .parameters = stage.parameters,
                       .weight_bytes = stage.weight_bytes,
                       .activation_bytes = stage.activation_bytes}});
  }
  return stages;
}

PlanCost plan_cost(std::span<const CostedStage> stages, std::span<const double> reach) {
  PlanCost cost;
  double energy = 0, path = 0, weights = 0, activations = 0;
  bool has_energy = true, found_p90 = false;
  for (std::size_t j = 0; j < stages.size(); ++j) {
    const auto& [stage, size] = stages[j];
    cost.mean_latency_us += reach[j] * stage.latency_us;
    cost.mean_macs += reach[j] * static_cast<double>(size.macs);
    energy += reach[j] * stage.energy_uj.value_or(0);
    has_energy = has_energy && stage.energy_uj.has_value();
    path += stage.latency_us;
    if (reach[j] > 0) cost.worst_latency_us = path;
    const double further = j + 1 < stages.size() ? reach[j + 1] : 0;
    if (!found_p90 && 1 - further >= 0.9 - 1e-12) {
      cost.p90_latency_us = path;
      found_p90 = true;
    }
    weights += static_cast<double>(size.weight_bytes);
    activations = std::max(activations, static_cast<double>(size.activation_bytes));
  }
  if (has_energy) cost.mean_energy_uj = energy;
  cost.model_kb = weights / kKb;
  cost.memory_kb = cost.model_kb + activations / kKb;
  return cost;
}

double on_axis(const PlanCost& cost, CostAxis axis) {
  switch (axis) {
    case CostAxis::latency:
      return cost.mean_latency_us;
    case CostAxis::macs:
      return cost.mean_macs;
    case CostAxis::energy:
      if (cost.mean_energy_uj) return *cost.mean_energy_uj;
      break;
  }
  fail("search by energy: expected a device whose energy can be measured, found none");
}

double on_axis(const CostedStage& stage, CostAxis axis) {
  return axis == CostAxis::latency ? stage.cost.latency_us
         : axis == CostAxis::macs  ? static_cast<double>(stage.size.macs)
                                   : stage.cost.energy_uj.value_or(0);
}

double violation(const PlanCost& cost, const Budgets& budgets, std::string* worst) {
  double sum = 0, largest = 0;
  const auto hold = [&](const char* what, const char* unit, double value, const std::optional<double>& limit) {
    if (!limit || value <= *limit) return;
    const double excess = value / *limit - 1;
    sum += excess;
    if (worst && excess > largest) *worst = std::format("{} {:.1f} {} of {:.1f}", what, value, unit, *limit);
    largest = std::max(largest, excess);
  };
  hold("mean latency", "us", cost.mean_latency_us, budgets.mean_latency_us);
  hold("p90 latency", "us", cost.p90_latency_us, budgets.p90_latency_us);
  hold("worst-case latency", "us", cost.worst_latency_us, budgets.worst_latency_us);
  hold("mean multiply-adds", "MMAC", cost.mean_macs / 1e6,
       budgets.mean_macs ? std::optional(*budgets.mean_macs / 1e6) : std::nullopt);
  hold("memory", "KB", cost.memory_kb, budgets.memory_kb);
  hold("model size", "KB", cost.model_kb, budgets.model_kb);
  if (cost.mean_energy_uj) {
    hold("mean energy", "uJ", *cost.mean_energy_uj, budgets.mean_energy_uj);
  } else if (budgets.mean_energy_uj) {
    sum += 1;
    if (worst && largest < 1) *worst = "mean energy, which is not available on this device,";
  }
  return sum;
}

}  // namespace triage::cost
