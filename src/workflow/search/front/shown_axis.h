// How a search's axis of cost is shown.
#pragma once

#include "cost/plan_cost.h"

namespace triage::workflow {

struct ShownAxis {
  double scale;  // a cost over this is shown in `unit`
  const char *unit, *title;
};
ShownAxis shown(cost::CostAxis axis);

}  // namespace triage::workflow
