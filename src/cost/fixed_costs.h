// FixedCosts: what nets that a search takes as they are cost, each measured whole.
#pragma once

#include <map>
#include <string>

#include "cost/cost_model.h"

namespace triage::cost {

struct FixedCost {
  StageCost cost;
  StageSize size;
};

class FixedCosts : public CostModel {
 public:
  // By the name of each net of the family "fixed". identity: what the times depend on.
  FixedCosts(std::map<std::string, FixedCost> nets, Json identity);

  StageCost stage(const Segment& stage) const override;  // Error for a part of a net, and for one that is not there
  StageSize size(const Segment& stage, const plan::InputShape& input, int classes) const override;
  Json identity() const override { return identity_; }

 private:
  const FixedCost& of(const Segment& stage) const;

  std::map<std::string, FixedCost> nets_;
  Json identity_;
};

}  // namespace triage::cost
