// Models of different operator sets brought to one: a file has one version of ONNX's own operators.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "exporting/graph_builder.h"

namespace triage::exporting {

int opset_of(const onnx::ModelProto& model);  // of ONNX's own operators; 0: the model names none

// The model with a later operator set. Nodes whose operators are the same in both stay as they are; where some are not,
// libonnx's version converter rewrites them, and ONNX Runtime runs both models on random images: the outputs have to
// agree to kConvertedTolerance of their largest value. Functions of the model are put in place of their calls. Throws
// Error naming `what`, the node where it is known, and both operator sets.
inline constexpr double kConvertedTolerance = 1e-4;
onnx::ModelProto with_opset(const onnx::ModelProto& model, int opset, const std::string& what);

// Models in the latest operator set of theirs, `least` at least. whats: of each model, for errors.
std::vector<onnx::ModelProto> of_one_opset(std::span<const onnx::ModelProto> models, int least,
                                           std::span<const std::string> whats);

// Operators other than ONNX's own that the models use become known in `into`. Throws Error where versions differ.
void add_domains(std::span<const onnx::ModelProto> models, std::span<const std::string> whats, onnx::ModelProto& into);

}  // namespace triage::exporting
