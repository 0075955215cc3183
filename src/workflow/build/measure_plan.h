// What the stages of a plan cost on this machine.
#pragma once

#include <functional>

#include "cost/cost_table.h"
#include "measure/stages/stages.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

// Measures every stage of the plan in `directory` on validation images, as long as the run's configuration says, and
// writes costs.json there. options: but for how long, and when to stop.
cost::CostTable measure_plan(const Workspace& workspace, const plan::Plan& plan, const fs::path& directory,
                             measure::ProfileOptions options,
                             const std::function<void(std::size_t round)>& progress = {});

// Gives every stage its measured cost: of its row at `threads` and batch 1. Energy that is lost in the idle machine's
// noise is left out, with a warning. Throws Error where there is no such row.
void attach_costs(plan::Plan& plan, const cost::CostTable& table, int threads);

}  // namespace triage::workflow
