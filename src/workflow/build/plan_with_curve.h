// Every command that makes a plan, of networks or of another plan, writes plan.json and curve.json here, together: a
// curve is of the plan's own networks and costs, never of those it was made from.
#pragma once

#include "core/files/file.h"
#include "plan/plan.h"
#include "route/score_table.h"

namespace triage::workflow {

// scores: of the plan's stages, on the validation split. data: its name and hash, as the curve's provenance has them.
// Throws Error where the stages have no costs.
void save_plan_with_curve(const fs::path& directory, const plan::Plan& plan, const route::ScoreTable& scores,
                          plan::Metric metric, const Json& data);

}  // namespace triage::workflow
