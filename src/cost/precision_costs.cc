#include "cost/precision_costs.h"

#include "core/error.h"

namespace triage::cost {

PrecisionCosts::PrecisionCosts(std::map<plan::Precision, std::shared_ptr<const CostModel>> models)
    : models_(std::move(models)) {
  if (models_.empty()) fail("costs: expected a model of at least one precision, found none");
  for (const auto& [precision, model] : models_) {
    if (!model) fail("costs: expected a model of {}, found none", plan::to_string(precision));
  }
}

StageCost PrecisionCosts::stage(const Segment& stage) const {
  const auto found = models_.find(stage.precision);
  if (found == models_.end()) {
    fail("stage '{}': expected costs in {}, found none in that precision", stage.text(),
         plan::to_string(stage.precision));
  }
  return found->second->stage(stage);
}

Json PrecisionCosts::identity() const {
  if (models_.size() == 1) return models_.begin()->second->identity();
  Json json = Json::object();
  for (const auto& [precision, model] : models_) json[plan::to_string(precision)] = model->identity();
  return json;
}

}  // namespace triage::cost
