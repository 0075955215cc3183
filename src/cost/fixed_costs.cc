#include "cost/fixed_costs.h"

#include "core/error.h"
#include "family/fixed/fixed.h"

namespace triage::cost {

FixedCosts::FixedCosts(std::map<std::string, FixedCost> nets, Json identity)
    : nets_(std::move(nets)), identity_(std::move(identity)) {}

const FixedCost& FixedCosts::of(const Segment& stage) const {
  const auto found = family::is_fixed(stage.arch) && stage.whole() ? nets_.find(stage.arch.body) : nets_.end();
  if (found == nets_.end()) fail("stage '{}': expected a whole net that was measured, found none", stage.text());
  return found->second;
}

StageCost FixedCosts::stage(const Segment& stage) const { return of(stage).cost; }

StageSize FixedCosts::size(const Segment& stage, const plan::InputShape&, int) const { return of(stage).size; }

}  // namespace triage::cost
