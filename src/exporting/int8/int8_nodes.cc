#include "exporting/int8/int8_nodes.h"

namespace triage::exporting {

std::string add_rounding(GraphBuilder& builder, const Int8Grid& grid, const std::string& value,
                         const std::string& name) {
  const auto zero = static_cast<std::uint8_t>(grid.zero);
  const auto scale = builder.constant(name + "/scale", grid.scale);
  const auto zero_point = builder.constant(name + "/zero", {}, std::span<const std::uint8_t>(&zero, 1));
  const auto rounded = builder.node("QuantizeLinear", {value, scale, zero_point}, name + "/rounded");
  return builder.node("DequantizeLinear", {rounded, scale, zero_point}, name + "/real");
}

ConvInputs add_int8_weights(GraphBuilder& builder, const Int8Conv& conv, const Int8Grid& input,
                            const plan::ConvLayer& layer, const std::string& name) {
  const std::int64_t out = layer.out_channels;
  const std::vector<std::int8_t> zero8(conv.scale.size(), 0);
  const std::vector<std::int32_t> zero32(conv.scale.size(), 0);
  std::vector<float> bias_scale;
  for (const float scale : conv.scale) bias_scale.push_back(input.scale * scale);

  const auto weight = builder.constant(name + "/weight/int8", {out, layer.in_channels, 3, 3},
                                       std::span<const std::int8_t>(conv.weight));
  const auto bias = builder.constant(name + "/bias/int32", {out}, std::span<const std::int32_t>(conv.bias));
  ConvInputs inputs;
  inputs.weight = builder.node("DequantizeLinear",
                               {weight, builder.constant(name + "/weight/scale", {out}, conv.scale),
                                builder.constant(name + "/weight/zero", {out}, std::span<const std::int8_t>(zero8))},
                               name + "/weight");
  builder.attribute("axis", 0);
  inputs.bias = builder.node("DequantizeLinear",
                             {bias, builder.constant(name + "/bias/scale", {out}, bias_scale),
                              builder.constant(name + "/bias/zero", {out}, std::span<const std::int32_t>(zero32))},
                             name + "/bias");
  builder.attribute("axis", 0);
  return inputs;
}

}  // namespace triage::exporting
