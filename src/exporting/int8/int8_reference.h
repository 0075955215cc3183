// The integer arithmetic of model/int8.h, literally: what engines with 8-bit kernels are held against.
#pragma once

#include "exporting/parity.h"
#include "exporting/stage_model.h"

namespace triage::exporting {

// The stage as an engine with the outputs "logits" and, where the stage has them, "features" and "carry".
// Convolutions that stay in fp32 are summed in fp32. Slow (no blocking), some GMAC a second. Throws Error where the
// stage is not in int8.
Engine int8_reference(const StageModel& stage);

}  // namespace triage::exporting
