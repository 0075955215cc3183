// A stage with random weights: costs depend on the shape alone, so no trained net is needed to measure one.
#pragma once

#include <cstdint>
#include <string>

#include "cost/cost_model.h"

namespace triage::costing {

// Its ONNX file, named after the shape. Weights keep the activations' size from layer to layer (He et al. 2015), so
// that no map fades to denormals or grows without bound. In int8 all is in 8 bits that can be. No score and no
// features. classes >= 2. Throws Error for a bad shape.
std::string random_stage_onnx(const cost::Segment& stage, const plan::InputShape& input, int classes,
                              std::uint64_t seed);

}  // namespace triage::costing
