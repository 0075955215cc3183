// Measured costs into a plan.
#pragma once

#include "cost_tables/cost_table.h"
#include "plan/plan.h"

namespace triage::workflow {

// Gives every stage its measured cost: of its row at `threads` and batch 1. Energy that is lost in the idle machine's
// noise is left out, with a warning. Throws Error where there is no such row.
void attach_costs(plan::Plan& plan, const cost::CostTable& table, int threads);

}  // namespace triage::workflow
