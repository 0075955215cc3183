// The reference of every engine: a graph computed in the plainest way, image by image if need be, slowly. Sums are kept
// in double; what leaves a node is rounded to its type. So it differs from an engine in fp32 by that engine's rounding
// alone. Opaque nodes are refused by name.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/graph.h"

namespace triage::model {

using NamedTensors = std::map<std::string, Tensor>;

// The outputs of a graph by name. inputs: by name, all of them, of the sizes and types that the graph says. visit: sees
// each value that a node gives, as it is made. Throws Error naming node, found and expected.
using Visit = std::function<void(const Value& value, const Tensor& tensor)>;
NamedTensors interpret(const Graph& graph, const NamedTensors& inputs, const Visit& visit = {});

// The outputs of one node; an input is null where the node does without.
std::vector<Tensor> evaluate(const Graph& graph, const Node& node, std::span<const Tensor* const> inputs);

}  // namespace triage::model
