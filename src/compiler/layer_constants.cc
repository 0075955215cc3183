#include "compiler/layer_constants.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace triage::compiler {

using model::Graph;
using model::Grid;
using model::kNone;
using model::Node;
using model::Op;
using model::ValueId;

template <class T>
std::vector<T> numbers_of(const Graph& graph, const Node& node, std::size_t input, model::Type type,
                          const model::Dims& dims) {
  const ValueId id = node.input(input);
  if (!graph.constant(id)) refuse(graph, node, "input {}: found no constant, expected one", input);
  const model::TensorData& data = graph.data(id);
  const auto text = [](const model::Dims& sizes) {
    model::Shape shape;
    for (const std::int64_t size : sizes) shape.push_back({size, {}});
    return model::to_string(shape);
  };
  if (data.type != type || (data.dims != dims && !(data.size() == 1 && model::elements(dims) == 1)))
    refuse(graph, node, "input {}: found {} {}, expected {} {}", input, to_string(data.type), text(data.dims),
           to_string(type), text(dims));
  std::vector<T> numbers(static_cast<std::size_t>(data.size()));
  std::memcpy(numbers.data(), data.bytes->data(), data.bytes->size());
  return numbers;
}

template std::vector<std::uint8_t> numbers_of(const Graph&, const Node&, std::size_t, model::Type, const model::Dims&);
template std::vector<float> numbers_of(const Graph&, const Node&, std::size_t, model::Type, const model::Dims&);

namespace {

// A scale for each of `count` channels, or one for all.
std::vector<float> scales_of(const Graph& graph, const Node& node, std::int64_t count) {
  const ValueId id = node.input(1);
  const bool one = graph.constant(id) && graph.data(id).size() == 1;
  std::vector<float> scales =
      numbers_of<float>(graph, node, 1, model::Type::float32, one ? model::Dims{} : model::Dims{count});
  for (const float scale : scales)
    if (!std::isfinite(scale) || scale <= 0) refuse(graph, node, "scale: found {}, expected above 0", scale);
  scales.resize(static_cast<std::size_t>(count), scales.front());
  return scales;
}

model::IntegerWeights read_integers(const Graph& graph, const Node& node, const Node& weights, const Node* biases,
                                    const model::Dims& dims, const std::optional<Grid>& grid) {
  model::IntegerWeights integers;
  const std::int64_t out = dims.front();
  if (graph.data(weights.input(1)).size() > 1 && weights.integer("axis") != 0)
    refuse(graph, weights, "axis: found {}, expected 0", weights.integer("axis"));
  integers.scale = scales_of(graph, weights, out);
  integers.weight = numbers_of<std::int8_t>(graph, weights, 0, model::Type::int8, dims);
  for (const Node* quantized : {&weights, biases}) {
    if (quantized == nullptr || quantized->input(2) == kNone) continue;
    if (!graph.constant(quantized->input(2)) ||
        std::ranges::any_of(graph.data(quantized->input(2)).numbers(), [](double zero) { return zero != 0; }))
      refuse(graph, *quantized, "zero point: found another than 0, expected 0");
  }
  integers.bias.assign(static_cast<std::size_t>(out), 0);
  if (node.input(2) == kNone) return integers;
  if (biases == nullptr || biases->op != Op::dequantize)
    refuse(graph, node, "bias: found no DequantizeLinear of integers, expected one where the weights have one");
  integers.bias = numbers_of<std::int32_t>(graph, *biases, 0, model::Type::int32, {out});
  if (!grid) return integers;  // which the layer refuses
  const std::vector<float> scales = scales_of(graph, *biases, out);
  for (std::size_t o = 0; o < scales.size(); ++o) {
    const float expected = grid->scale * integers.scale[o];
    if (std::abs(scales[o] - expected) > 1e-5f * expected)
      refuse(graph, *biases, "scale: found {}, expected the map's times the weight's, {}", scales[o], expected);
  }
  return integers;
}

}  // namespace

Grid grid_of(const Graph& graph, const Node& node) {
  return {scales_of(graph, node, 1).front(), numbers_of<std::uint8_t>(graph, node, 2, model::Type::uint8, {}).front()};
}

GraphConv read_convolution(const Graph& graph, const Node& node, const Node* weights, const Node* biases,
                           const plan::InputShape& map, const std::optional<Grid>& grid) {
  GraphConv conv{.name = node.name.empty() ? graph.value(node.output()).name : node.name};
  const bool int8 = weights != nullptr && weights->op == Op::dequantize;
  const ValueId weight = int8 ? weights->input(0) : node.input(1);
  if (!graph.constant(weight)) refuse(graph, node, "weight: found none that is constant, expected one");
  const model::Dims& dims = graph.data(weight).dims;
  const std::int64_t out = dims.empty() ? 0 : dims.front();
  if (out < 1 || out > plan::kMaxWidth || dims != model::Dims{out, map.channels, 3, 3})
    refuse(graph, node, "weight: found {}, expected [1 to {}, {}, 3, 3]", model::to_string(*graph.value(weight).shape),
           plan::kMaxWidth, map.channels);
  const std::int64_t sides[] = {map.height, map.width}, kernel[] = {3, 3};
  const model::Window window = window_of(graph, node, sides, kernel);
  const std::vector<std::int64_t> one{1, 1};
  const auto expect = [&](const char* attribute, const std::vector<std::int64_t>& found) {
    if (found != one) refuse(graph, node, "{}: found [{}, {}], expected [1, 1]", attribute, found[0], found[1]);
  };
  expect("strides", window.strides);
  expect("dilations", window.dilations);
  expect("pads, at the beginning", window.begin);
  expect("pads, at the end", window.end);
  if (window.groups != 1) refuse(graph, node, "group: found {}, expected 1", window.groups);
  conv.layer = {
      .in_channels = map.channels, .out_channels = static_cast<int>(out), .height = map.height, .width = map.width};

  if (int8) {
    conv.int8 = read_integers(graph, node, *weights, biases, dims, grid);
    return conv;
  }
  conv.weight = numbers_of<float>(graph, node, 1, model::Type::float32, dims);
  conv.bias = node.input(2) == kNone ? std::vector<float>(static_cast<std::size_t>(out))
                                     : numbers_of<float>(graph, node, 2, model::Type::float32, {out});
  return conv;
}

Linear read_linear(const Graph& graph, const Node& node, int channels) {
  Linear last;
  for (const char* factor : {"alpha", "beta"})
    if (node.real(factor) != 1) refuse(graph, node, "{}: found {}, expected 1", factor, node.real(factor));
  if (node.integer("transA") != 0) refuse(graph, node, "transA: found {}, expected 0", node.integer("transA"));
  const bool turned = node.integer("transB") != 0;
  if (!graph.constant(node.input(1)) || graph.data(node.input(1)).dims.size() != 2)
    refuse(graph, node, "input 1: found no constant matrix, expected one");
  const std::int64_t classes = graph.data(node.input(1)).dims[turned ? 0 : 1];
  if (classes < 2 || classes > plan::kMaxClasses)
    refuse(graph, node, "found {} classes, expected 2 to {}", classes, plan::kMaxClasses);
  const auto weight = numbers_of<float>(graph, node, 1, model::Type::float32,
                                        turned ? model::Dims{classes, channels} : model::Dims{channels, classes});
  last.classes = static_cast<int>(classes);
  last.weight = weight;
  const auto rows = static_cast<std::size_t>(classes), columns = static_cast<std::size_t>(channels);
  for (std::size_t k = 0; k < rows && !turned; ++k)
    for (std::size_t c = 0; c < columns; ++c) last.weight[k * columns + c] = weight[c * rows + k];
  const bool row = graph.constant(node.input(2)) && graph.data(node.input(2)).dims.size() == 2;
  last.bias.assign(rows, 0.0f);
  if (node.input(2) != kNone)
    last.bias =
        numbers_of<float>(graph, node, 2, model::Type::float32, row ? model::Dims{1, classes} : model::Dims{classes});
  return last;
}

}  // namespace triage::compiler
