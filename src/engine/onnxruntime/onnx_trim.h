// Cuts an ONNX model down to the outputs that are wanted.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace triage::engine {

// Serialised model in, serialised model out: only the graph outputs named in `wanted` stay (those of them that
// exist), with the nodes, initializers and inputs they need, also through the subgraphs of If and Loop. `origin` is
// what messages call the model. Throws Failure: damaged when the bytes are no model, when an output has no producer
// or when nothing wanted is there; unsupported for weights in external files.
std::string trim_model(std::string_view bytes, std::span<const std::string_view> wanted, const std::string& origin);

}  // namespace triage::engine
