// The nodes of a stage's file inside another graph.
#pragma once

#include <set>
#include <string>

#include "exporting/graph_builder.h"

namespace triage::exporting {

// Copies the nodes behind `wanted`, outputs of `from`, and their constants. Every name is prefixed, inside the graphs
// that nodes hold, too; except the one input of `from`, which becomes `input`. Throws Error naming `stage`.
void append_stage(onnx::GraphProto& into, const std::string& stage, const onnx::GraphProto& from,
                  const std::set<std::string>& wanted, const std::string& input, const std::string& prefix);

}  // namespace triage::exporting
