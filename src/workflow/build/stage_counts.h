// What a stage's network costs by its graph alone, in its entry in the plan.
#pragma once

#include "model/counts.h"
#include "plan/plan.h"

namespace triage::workflow {

// Multiply-adds, parameters and bytes of weights. The formulas that a search asks by the million (cost::stage_size)
// give the same for a network of ours, which a test holds.
void set_counts(plan::Stage& stage, const model::Counts& counts);

}  // namespace triage::workflow
