// The plan of a run directory: of trained networks, or of a search's front.
#pragma once

#include "workflow/build/plan_source.h"

namespace triage::workflow {

struct BuildRequest {  // what is asked for in place of what the run's configuration says
  std::optional<std::optional<plan::PolicyKind>> policy;  // of them none: auto
  std::optional<plan::Metric> metric;
  std::optional<BuildTarget> target;
  std::optional<plan::Precision> precision;  // of all stages; refused for a search's plans, of which the search decides
  std::optional<double> max_mmac;            // beside the configuration's limit, in the mean
  int threads = 1;                           // of the engine, for the measured costs
  bool remeasure = false;
  EnergyChoice energy;
};

// The stricter of both limits.
cost::Budgets limited(cost::Budgets budgets, std::optional<double> max_mmac);

// Holds the run while it builds. Throws as build_plan() and build_from_front().
plan::Plan build_run(const fs::path& run, const BuildRequest& request, const Context& context);

}  // namespace triage::workflow
