// Limits on what a plan costs, and what it is traded by, as configurations say them.
#pragma once

#include "core/config.h"
#include "cost/plan_cost.h"

namespace triage::cost {

// The keys of a table of budgets, all of them.
void read_budgets(ConfigSection section, Budgets& budgets);

// "axis"; the value stays where the key is absent.
void read_cost_axis(ConfigSection& section, CostAxis& axis);

}  // namespace triage::cost
