#include "workflow/search/front/shown_axis.h"

namespace triage::workflow {

ShownAxis shown(cost::CostAxis axis) {
  switch (axis) {
    case cost::CostAxis::latency:
      return {1, "us", "mean latency (us)"};
    case cost::CostAxis::macs:
      return {1e6, "MMAC", "mean multiply-adds (million)"};
    case cost::CostAxis::energy:
      break;
  }
  return {1, "uJ", "mean energy (uJ)"};
}

}  // namespace triage::workflow
