// What the stages of a plan cost on this machine.
#pragma once

#include <functional>

#include "cost_tables/cost_table.h"
#include "measure/stages/stages.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

// Measures every stage of the plan in `directory` on validation images, as long as the run's configuration says, and
// writes costs.json there. options: but for how long, and when to stop.
cost::CostTable measure_plan(const Workspace& workspace, const plan::Plan& plan, const fs::path& directory,
                             measure::ProfileOptions options,
                             const std::function<void(std::size_t round)>& progress = {});

// Measures what each distinct preprocessing of the plan's stages costs (prepare_costs.h), where they have some; all
// stages must have costs.
void measure_preprocessing(const Workspace& workspace, plan::Plan& plan);

}  // namespace triage::workflow
