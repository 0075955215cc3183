// What of a stage's cost is preprocessing, which a plan pays once for all stages that share it.
#pragma once

#include "measure/latency.h"
#include "measure/stages/stages.h"
#include "plan/plan.h"

namespace triage::workflow {

// Measures each distinct preprocessing of the plan on the images and sets MeasuredCost::prepare_us of its image stages,
// which must have costs.
void add_prepare_costs(plan::Plan& plan, measure::Images images, const measure::MeasureOptions& options);

}  // namespace triage::workflow
