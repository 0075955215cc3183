#include "exporting/int8/int8_nodes.h"

namespace triage::exporting {

using model::Graph;
using model::Op;
using model::ValueId;

namespace {

// A node that gives as many numbers as the value holds.
ValueId add_like(Graph& graph, Op op, std::vector<ValueId> inputs, const std::string& name, model::Type type,
                 model::Attributes attributes = {}) {
  const auto shape = graph.value(inputs.front()).shape;
  const ValueId id = graph.add_node(op, std::move(inputs), name, std::move(attributes));
  graph.value(id).type = type;
  graph.value(id).shape = shape;
  return id;
}

}  // namespace

ValueId add_rounding(Graph& graph, const model::Grid& grid, ValueId value, const std::string& name,
                     const std::optional<model::Grid>& read_as) {
  struct Values {
    ValueId scale, zero;
  };
  const auto values_of = [&](const model::Grid& of, const std::string& place) {
    const auto zero = static_cast<std::uint8_t>(of.zero);
    const ValueId scale = graph.add_constant(place + "/scale", model::float_data({}, std::span(&of.scale, 1)));
    return Values{scale, graph.add_constant(place + "/zero", model::uint8_data({}, std::span(&zero, 1)))};
  };
  const Values to = values_of(grid, name);
  const Values read = read_as && *read_as != grid ? values_of(*read_as, name + "/read") : to;
  const ValueId rounded =
      add_like(graph, Op::quantize, {value, to.scale, to.zero}, name + "/rounded", model::Type::uint8);
  return add_like(graph, Op::dequantize, {rounded, read.scale, read.zero}, name + "/real", model::Type::float32);
}

ConvInputs add_int8_weights(Graph& graph, const model::IntegerWeights& conv, const model::Grid& input,
                            const model::Dims& dims, const std::string& name, int axis, bool with_bias) {
  const auto out = static_cast<std::int64_t>(conv.scale.size());
  const std::vector<std::int8_t> zero8(conv.scale.size(), 0);
  const std::vector<std::int32_t> zero32(conv.scale.size(), 0);
  std::vector<float> bias_scale;
  for (const float scale : conv.scale) bias_scale.push_back(input.scale * scale);

  const ValueId weight = graph.add_constant(name + "/weight/int8", model::int8_data(dims, conv.weight));
  ValueId bias = model::kNone;
  if (with_bias) bias = graph.add_constant(name + "/bias/int32", model::int32_data({out}, conv.bias));
  const auto real = [&](ValueId integers, const std::string& place, const std::vector<float>& scales,
                        model::TensorData zeros, int along) {
    const ValueId scale = graph.add_constant(place + "/scale", model::float_data({out}, scales));
    const ValueId zero = graph.add_constant(place + "/zero", std::move(zeros));
    return add_like(graph, Op::dequantize, {integers, scale, zero}, place, model::Type::float32,
                    {{"axis", std::int64_t{along}}});
  };
  ConvInputs inputs;
  inputs.weight = real(weight, name + "/weight", conv.scale, model::int8_data({out}, zero8), axis);
  if (with_bias) inputs.bias = real(bias, name + "/bias", bias_scale, model::int32_data({out}, zero32), 0);
  return inputs;
}

}  // namespace triage::exporting
