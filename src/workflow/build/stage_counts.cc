#include "workflow/build/stage_counts.h"

namespace triage::workflow {

void set_counts(plan::Stage& stage, const model::Counts& counts) {
  stage.macs = counts.macs;
  stage.parameters = counts.parameters;
  stage.weight_bytes = counts.weight_bytes;
}

}  // namespace triage::workflow
