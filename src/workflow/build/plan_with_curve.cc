#include "workflow/build/plan_with_curve.h"

#include "route/plan_curve.h"
#include "runtime/control/curve_file.h"

namespace triage::workflow {

void save_plan_with_curve(const fs::path& directory, const plan::Plan& plan, const route::ScoreTable& scores,
                          plan::Metric metric, const Json& data) {
  plan::save_plan(directory, plan);
  runtime::save_curve(directory / runtime::kCurveFile, route::plan_curve(plan, scores, {.metric = metric}), plan, data);
}

}  // namespace triage::workflow
