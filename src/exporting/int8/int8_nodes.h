// Int8 in ONNX: standard QuantizeLinear and DequantizeLinear pairs around standard operators, which engines with 8-bit
// kernels fuse and others run in fp32 on the same grids.
#pragma once

#include <string>

#include "exporting/graph_builder.h"
#include "exporting/int8/int8.h"
#include "plan/arch.h"

namespace triage::exporting {

// Rounds a value to the grid: a pair of nodes, NAME/rounded and NAME/real. Returns the latter's output.
std::string add_rounding(GraphBuilder& builder, const Int8Grid& grid, const std::string& value,
                         const std::string& name);

// The convolution's weight and bias as DequantizeLinear nodes over integers, NAME/weight and NAME/bias.
struct ConvInputs {
  std::string weight, bias;
};
ConvInputs add_int8_weights(GraphBuilder& builder, const Int8Conv& conv, const Int8Grid& input,
                            const plan::ConvLayer& layer, const std::string& name);

}  // namespace triage::exporting
