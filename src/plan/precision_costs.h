// PrecisionCosts: one device's cost models, one for each precision, as one.
#pragma once

#include <map>
#include <memory>

#include "plan/cost_model.h"

namespace triage::plan {

class PrecisionCosts : public CostModel {
 public:
  // Throws Error where there is none, or one is null.
  explicit PrecisionCosts(std::map<Precision, std::shared_ptr<const CostModel>> models);

  StageExpense stage(const StageShape& stage) const override;  // Error for a precision that no model has
  Json identity() const override;                              // by precision; of one model alone that one's own

 private:
  std::map<Precision, std::shared_ptr<const CostModel>> models_;
};

}  // namespace triage::plan
