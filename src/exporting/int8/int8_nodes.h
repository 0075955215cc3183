// Int8 in a graph: standard QuantizeLinear and DequantizeLinear pairs around standard operators, which engines with
// 8-bit kernels fuse and others run in fp32 on the same grids.
#pragma once

#include <optional>
#include <string>

#include "exporting/int8/int8.h"
#include "model/graph.h"

namespace triage::exporting {

// Rounds a value to the grid: a pair of nodes, NAME/rounded and NAME/real. Returns the latter's output. read_as: the
// grid that the integers are numbers of from then on; none: the same.
model::ValueId add_rounding(model::Graph& graph, const model::Grid& grid, model::ValueId value, const std::string& name,
                            const std::optional<model::Grid>& read_as = {});

// A product's weight and bias as DequantizeLinear nodes over integers, NAME/weight and NAME/bias. dims: of the weight,
// the outputs along `axis`. bias: kNone without `with_bias`.
struct ConvInputs {
  model::ValueId weight = model::kNone, bias = model::kNone;
};
ConvInputs add_int8_weights(model::Graph& graph, const model::IntegerWeights& conv, const model::Grid& input,
                            const model::Dims& dims, const std::string& name, int axis = 0, bool with_bias = true);

}  // namespace triage::exporting
