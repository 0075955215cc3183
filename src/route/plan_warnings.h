// What a user should hear about a plan before it is shipped: stages and routing that earn nothing on these images.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "route/policy_scores.h"

namespace triage::route {

// One sentence for each:
//   a stage that is cheaper than one before it
//   an exit where all images leave, or none does
//   a stage that alone costs no more than the plan and whose accuracy is not beyond doubt below the plan's (the 95 %
//   interval of the paired difference reaches 0)
//   a policy whose APGR is not beyond doubt above random routing's 1/2
//   a policy that is right less often than plain confidence with as many images at each exit, by more than the
//   difference's standard error
// alone: verdicts(table). exits: where the images leave at the plan's thresholds. The plan must have measured costs.
// Empty for one stage.
std::vector<std::string> plan_warnings(const plan::Plan& plan, const ScoreTable& table, const Verdicts& alone,
                                       std::span<const std::uint8_t> exits, plan::Metric metric);

}  // namespace triage::route
