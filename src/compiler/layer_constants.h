// The numbers of a layer out of its node's constants, checked; stage_graph.cc's own.
#pragma once

#include <format>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/stage_graph.h"
#include "core/error.h"

namespace triage::compiler {

// Throws Error naming the node.
template <class... Args>
[[noreturn]] void refuse(const model::Graph& graph, const model::Node& node, std::format_string<Args...> format,
                         Args&&... args) {
  fail("{}: {}", graph.label(node), std::format(format, std::forward<Args>(args)...));
}

// An input of the node as numbers; refused unless it is a constant of this type and size.
template <class T>
std::vector<T> numbers_of(const model::Graph& graph, const model::Node& node, std::size_t input, model::Type type,
                          const model::Dims& dims);

model::Grid grid_of(const model::Graph& graph, const model::Node& node);  // of a QuantizeLinear or DequantizeLinear

// A 3x3 convolution with stride 1 and padding 1 of a map of the given size. weights, biases: the nodes that give them;
// null: none does. grid: of the map. The layer's pool is not known here.
GraphConv read_convolution(const model::Graph& graph, const model::Node& node, const model::Node* weights,
                           const model::Node* biases, const plan::InputShape& map,
                           const std::optional<model::Grid>& grid);

struct Linear {
  int classes = 0;
  std::vector<float> weight, bias;  // [classes, channels], [classes]
};
Linear read_linear(const model::Graph& graph, const model::Node& node, int channels);  // of a Gemm

}  // namespace triage::compiler
