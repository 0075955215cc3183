#include "serving/http/plan_curves.h"

#include "core/warning.h"

namespace triage::serving {

void PlanCurves::read(const PlanToWatch& plan) {
  Result<PlanCurve> loaded = load_curve(plan.directory);
  if (!loaded && loaded.error().code != ErrorCode::not_found) warn(loaded.error().message);
  const std::lock_guard lock(mutex_);
  curves_[{plan.name, plan.version}] = loaded ? std::make_shared<const PlanCurve>(std::move(*loaded)) : nullptr;
}

std::shared_ptr<const PlanCurve> PlanCurves::find(const std::string& name, const std::string& version) const {
  const std::lock_guard lock(mutex_);
  const auto found = curves_.find({name, version});
  return found == curves_.end() ? nullptr : found->second;
}

}  // namespace triage::serving
