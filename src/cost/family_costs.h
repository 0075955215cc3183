// FamilyCosts: cost models of nets of different families as one.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "cost/cost_model.h"

namespace triage::cost {

class FamilyCosts : public CostModel {
 public:
  // By family. Throws Error where there is none, or one is null.
  explicit FamilyCosts(std::map<std::string, std::shared_ptr<const CostModel>> models);

  StageCost stage(const Segment& stage) const override;  // Error for a family that no model has
  StageSize size(const Segment& stage, const plan::InputShape& input, int classes) const override;
  Json identity() const override;  // by family; of one model alone that one's own

 private:
  const CostModel& of(const Segment& stage) const;

  std::map<std::string, std::shared_ptr<const CostModel>> models_;
};

}  // namespace triage::cost
