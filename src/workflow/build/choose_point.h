// The operating point of a plan: thresholds, by what was asked for and what the stages cost as measured.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cost/plan_cost.h"
#include "route/score_table.h"
#include "workflow/config/build_config.h"

namespace triage::workflow {

// Where, at the costs that were measured, no thresholds keep the limits.
struct OverBudget : Error {
  using Error::Error;
};

struct PointRequest {
  BuildTarget target;
  plan::Metric metric = plan::Metric::accuracy;
  std::vector<double> reach;  // of a front's point, where there is no target: the cost to keep is its cost as measured
  cost::Budgets budgets;
  bool single_net = false;  // one net alone may become the plan
};

struct ChosenPoint {
  std::vector<std::string> warnings;  // what a user should hear of it
  std::optional<std::size_t> single;  // the stage that is left, where one net alone does what is asked better
};

// Sets the plan's thresholds and what they promise on the validation split.
// With single_net every stage that starts from the image is a point too, alone, behind points of the curve that are
// alike; where one is chosen, the plan becomes that stage.
// plan: its stages have costs, temperatures and, where the policy asks for them, routers. energy_source: for the
// message where energy is limited and was not measured. Throws OverBudget, and Error where no point meets the target.
ChosenPoint choose_point(plan::Plan& plan, const route::ScoreTable& validation, const PointRequest& request,
                         const std::string& energy_source);

}  // namespace triage::workflow
