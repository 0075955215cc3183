#include "family/blueprint.h"

#include "core/error.h"

namespace triage::family {

std::vector<WeightSpec> weights_of(const Layer& layer) {
  const std::int64_t in = layer.in_channels, out = layer.out_channels, squeezed = layer.squeezed;
  switch (layer.kind) {
    case LayerKind::conv:
      return {{layer.name + "/weight", {out, in / layer.groups, layer.kernel, layer.kernel}},
              {layer.name + "/bias", {out}}};
    case LayerKind::squeeze_excite:
      return {{layer.name + "/squeeze/weight", {squeezed, in, 1, 1}},
              {layer.name + "/squeeze/bias", {squeezed}},
              {layer.name + "/excite/weight", {in, squeezed, 1, 1}},
              {layer.name + "/excite/bias", {in}}};
    case LayerKind::linear:
      return {{layer.name + "/weight", {out, in}}, {layer.name + "/bias", {out}}};
    default:
      return {};
  }
}

NetSize size_of(std::span<const Layer> layers) {
  NetSize size;
  for (const Layer& layer : layers) {
    std::int64_t weights = 0;  // each used once for a place of the map; squeeze_excite's map is one place
    for (const WeightSpec& spec : weights_of(layer)) {
      std::int64_t numbers = 1;
      for (const std::int64_t dim : spec.dims) numbers *= dim;
      size.parameters += numbers;
      if (spec.dims.size() > 1) weights += numbers;
    }
    const bool map = layer.kind == LayerKind::conv;
    size.macs += weights * (map ? std::int64_t{layer.height} * layer.width : 1);
  }
  return size;
}

BlueprintBuilder::BlueprintBuilder(const plan::InputShape& input, int classes) {
  plan::check_input_shape(input);
  if (classes < 1 || classes > plan::kMaxClasses) {
    fail("expected 1 to {} classes, found {}", plan::kMaxClasses, classes);
  }
  made_.input = input;
  made_.classes = classes;
}

int BlueprintBuilder::channels(int layer) const {
  return layer == kImage ? made_.input.channels : made_.layers.at(static_cast<std::size_t>(layer)).out_channels;
}

Layer& BlueprintBuilder::append(LayerKind kind, std::string name, int from) {
  Layer layer{.kind = kind, .name = std::move(name), .input = from};
  layer.in_channels = layer.out_channels = channels(from);
  layer.height = from == kImage ? made_.input.height : made_.layers[static_cast<std::size_t>(from)].height;
  layer.width = from == kImage ? made_.input.width : made_.layers[static_cast<std::size_t>(from)].width;
  made_.layers.push_back(std::move(layer));
  return made_.layers.back();
}

int BlueprintBuilder::conv(std::string name, int from, int channels, const Conv& how) {
  Layer& layer = append(LayerKind::conv, std::move(name), from);
  layer.out_channels = channels;
  layer.kernel = how.kernel;
  layer.stride = how.stride;
  layer.groups = how.depthwise ? layer.in_channels : 1;
  layer.activation = how.activation;
  layer.height = (layer.height - 1) / how.stride + 1;
  layer.width = (layer.width - 1) / how.stride + 1;
  return static_cast<int>(made_.layers.size()) - 1;
}

int BlueprintBuilder::max_pool(std::string name, int from, int kernel) {
  Layer& layer = append(LayerKind::max_pool, std::move(name), from);
  layer.kernel = kernel;
  layer.stride = 2;
  const int padding = 2 * ((kernel - 1) / 2);
  layer.height = (layer.height + padding - kernel) / 2 + 1;
  layer.width = (layer.width + padding - kernel) / 2 + 1;
  return static_cast<int>(made_.layers.size()) - 1;
}

int BlueprintBuilder::add(std::string name, int from, int other, Activation activation) {
  Layer& layer = append(LayerKind::add, std::move(name), from);
  layer.other = other;
  layer.activation = activation;
  return static_cast<int>(made_.layers.size()) - 1;
}

int BlueprintBuilder::squeeze_excite(std::string name, int from, int squeezed, bool hard_gate) {
  Layer& layer = append(LayerKind::squeeze_excite, std::move(name), from);
  layer.squeezed = squeezed;
  layer.hard_gate = hard_gate;
  return static_cast<int>(made_.layers.size()) - 1;
}

int BlueprintBuilder::global_pool(int from, LayerKind kind) {
  Layer& layer = append(kind, "head/pool", from);
  layer.height = layer.width = 1;
  return static_cast<int>(made_.layers.size()) - 1;
}

int BlueprintBuilder::linear(std::string name, int from, int outputs, Activation activation) {
  Layer& layer = append(LayerKind::linear, std::move(name), from);
  layer.out_channels = outputs;
  layer.activation = activation;
  return static_cast<int>(made_.layers.size()) - 1;
}

Blueprint BlueprintBuilder::finish(int from, LayerKind pool) {
  const LayerKind last = made_.layers.at(static_cast<std::size_t>(from)).kind;
  const bool pooled = last == LayerKind::linear || last == LayerKind::global_average || last == LayerKind::global_max;
  linear("head", pooled ? from : global_pool(from, pool), made_.classes, Activation::none);
  return std::move(made_);
}

}  // namespace triage::family
