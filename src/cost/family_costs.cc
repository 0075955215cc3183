#include "cost/family_costs.h"

#include "core/error.h"

namespace triage::cost {

FamilyCosts::FamilyCosts(std::map<std::string, std::shared_ptr<const CostModel>> models) : models_(std::move(models)) {
  if (models_.empty()) fail("costs: expected a model of at least one family, found none");
  for (const auto& [family, model] : models_)
    if (!model) fail("costs: expected a model of {}, found none", family);
}

const CostModel& FamilyCosts::of(const Segment& stage) const {
  const auto found = models_.find(stage.arch.family);
  if (found == models_.end())
    fail("stage '{}': expected costs of the family {}, found none", stage.text(), stage.arch.family);
  return *found->second;
}

StageCost FamilyCosts::stage(const Segment& stage) const { return of(stage).stage(stage); }

StageSize FamilyCosts::size(const Segment& stage, const plan::InputShape& input, int classes) const {
  return of(stage).size(stage, input, classes);
}

Json FamilyCosts::identity() const {
  if (models_.size() == 1) return models_.begin()->second->identity();
  Json json = Json::object();
  for (const auto& [family, model] : models_) json[family] = model->identity();
  return json;
}

}  // namespace triage::cost
