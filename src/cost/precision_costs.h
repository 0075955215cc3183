// PrecisionCosts: one device's cost models, one for each precision, as one.
#pragma once

#include <map>
#include <memory>

#include "cost/cost_model.h"

namespace triage::cost {

class PrecisionCosts : public CostModel {
 public:
  // Throws Error where there is none, or one is null.
  explicit PrecisionCosts(std::map<plan::Precision, std::shared_ptr<const CostModel>> models);

  StageCost stage(const Segment& stage) const override;  // Error for a precision that no model has
  Json identity() const override;                        // by precision; of one model alone that one's own

 private:
  std::map<plan::Precision, std::shared_ptr<const CostModel>> models_;
};

}  // namespace triage::cost
