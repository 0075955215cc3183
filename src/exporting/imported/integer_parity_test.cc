// The interpreter's operators on integers against ONNX Runtime's, each on what ONNX Runtime gave to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/rng.h"
#include "exporting/onnx_engine.h"
#include "model/interpreter/interpreter.h"
#include "model/onnx/read.h"

namespace triage::exporting {
namespace {

using model::Dims;
using model::Op;

// A value as ONNX Runtime computed it, from the real numbers that it stands for.
model::Tensor given(const model::Graph& graph, model::ValueId id, const std::vector<float>& image,
                    const NamedOutputs& real) {
  const model::Value& value = graph.value(id);
  if (value.constant) return model::to_tensor(*value.constant);
  model::Tensor tensor{value.type, {}, {}};
  for (const auto& dimension : *value.shape) tensor.dims.push_back(dimension.fixed() ? dimension.size : 2);
  if (!value.quantization) {
    tensor.values.assign(image.begin(), image.end());
    return tensor;
  }
  for (const float number : real.at(value.name + "/real"))
    tensor.values.push_back(std::nearbyint(number / value.quantization->scale[0]) +
                            static_cast<double>(value.quantization->zero[0]));
  return tensor;
}

// Operators on integers, one behind the other: ONNX Runtime scales sums in fp32, so that a value may be the
// neighbouring integer where it lies next to the middle between two. Few may.
TEST(IntegerParity, EveryOperator) {
  onnx::ModelProto model = new_model("integers");
  auto& microsoft = *model.add_opset_import();
  microsoft.set_domain("com.microsoft");
  microsoft.set_version(1);
  GraphBuilder builder(*model.mutable_graph());
  Rng rng(7);
  const Dims dims{2, 4, 6, 6};
  *builder.graph().add_input() = value_info("x", kFloat, {{2, {}}, {4, {}}, {6, {}}, {6, {}}});
  int count = 0;
  std::map<std::string, std::pair<std::string, std::string>> grids;  // of each value
  const auto grid = [&](float scale, std::uint8_t zero) {
    const std::string name = std::format("g{}", count++);
    return std::pair{builder.constant(name + "/s", scale),
                     builder.constant(name + "/z", {}, std::span<const std::uint8_t>(&zero, 1))};
  };
  const auto operands = [&](std::vector<std::string> values) {
    std::vector<std::string> inputs;
    for (const auto& value : values) inputs.insert(inputs.end(), {value, grids[value].first, grids[value].second});
    return inputs;
  };
  const auto add = [&](const std::string& op, std::vector<std::string> inputs, float scale, std::uint8_t zero,
                       bool grid_first = false) {
    const auto to = grid(scale, zero);
    inputs.insert(grid_first ? inputs.begin() : inputs.end(), {to.first, to.second});
    const std::string name = builder.node(op, inputs, std::format("q{}", count++));
    const bool own = op == "QuantizeLinear" || op == "QLinearConv" || op == "QLinearMatMul";
    if (!own) builder.graph().mutable_node(builder.graph().node_size() - 1)->set_domain("com.microsoft");
    grids[name] = to;
    return name;
  };
  std::vector<std::int8_t> weight(std::size_t{4} * 2 * 9), zeros(4, 0);
  for (auto& w : weight) w = static_cast<std::int8_t>(static_cast<int>(rng.below(255)) - 127);
  const std::vector<float> scales{0.004f, 0.005f, 0.006f, 0.003f};
  const std::vector<std::int32_t> bias{100, -200, 300, 0};

  const std::string x = add("QuantizeLinear", {"x"}, 0.03f, 128);
  std::vector<std::string> inputs = operands({x});
  inputs.insert(inputs.end(), {builder.constant("w", {4, 2, 3, 3}, std::span<const std::int8_t>(weight)),
                               builder.constant("ws", {4}, std::span<const float>(scales)),
                               builder.constant("wz", {4}, std::span<const std::int8_t>(zeros))});
  const auto conv_grid = grid(0.05f, 100);
  inputs.insert(inputs.end(),
                {conv_grid.first, conv_grid.second, builder.constant("b", {4}, std::span<const std::int32_t>(bias))});
  const std::string conv = builder.node("QLinearConv", inputs, "conv");
  builder.attribute("group", 2).attribute("pads", {1, 1, 1, 1}).attribute("kernel_shape", {3, 3});
  grids[conv] = conv_grid;
  const std::string sum = add("QLinearAdd", operands({conv, x}), 0.0617f, 110);
  const std::string product = add("QLinearMul", operands({sum, x}), 0.1f, 120);
  const std::string curve = add("QLinearSigmoid", operands({sum}), 1.0f / 255, 0);
  const std::string leaky = add("QLinearLeakyRelu", operands({product}), 0.08f, 60);
  const std::string all = add("QLinearConcat", operands({sum, product, leaky, curve}), 0.1f, 118, true);
  builder.attribute("axis", 1);
  const std::string pooled = add("QLinearGlobalAveragePool", operands({all}), 0.02f, 90);
  for (const auto& value : {x, conv, sum, product, curve, leaky, all, pooled}) {
    const std::string real = builder.node("DequantizeLinear", operands({value}), value + "/real");
    *builder.graph().add_output() = value_info(real, kFloat, {});
    builder.graph()
        .mutable_output(builder.graph().output_size() - 1)
        ->mutable_type()
        ->mutable_tensor_type()
        ->clear_shape();
  }
  std::vector<float> image(static_cast<std::size_t>(model::elements(dims)));
  for (float& value : image) value = static_cast<float>(rng.normal());
  const NamedOutputs expected = onnx_engine("integers", model).run(image, 2);
  const model::Graph graph = model::from_onnx(model, "integers", {});
  int compared = 0;
  for (const model::Node& node : graph.nodes) {
    if (node.op == Op::dequantize) continue;
    std::vector<model::Tensor> tensors;
    for (const model::ValueId id : node.inputs) tensors.push_back(given(graph, id, image, expected));
    std::vector<const model::Tensor*> read;
    for (const auto& tensor : tensors) read.push_back(&tensor);
    const model::Tensor found = model::evaluate(graph, node, read).front();
    const model::Tensor wanted = given(graph, node.output(), image, expected);
    ASSERT_EQ(found.values.size(), wanted.values.size()) << graph.label(node);
    int neighbours = 0;
    for (std::size_t i = 0; i < found.values.size(); ++i) {
      EXPECT_LE(std::abs(found.values[i] - wanted.values[i]), 1) << graph.label(node);
      neighbours += found.values[i] != wanted.values[i] ? 1 : 0;
    }
    EXPECT_LE(neighbours, static_cast<int>(2 + found.values.size() / 40)) << graph.label(node);
    ++compared;
  }
  EXPECT_EQ(compared, 8);
}

}  // namespace
}  // namespace triage::exporting
