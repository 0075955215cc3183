#include "cost/layers/layer_key.h"

#include <algorithm>
#include <format>
#include <map>

#include "core/error.h"
#include "plan/arch.h"

namespace triage::cost {
namespace {

using family::Activation, family::Layer, family::LayerKind;

constexpr std::pair<LayerKind, const char*> kKinds[] = {
    {LayerKind::conv, "conv"}, {LayerKind::squeeze_excite, "squeeze_excite"}, {LayerKind::linear, "linear"}};
constexpr std::pair<Activation, const char*> kActivations[] = {
    {Activation::none, "none"}, {Activation::relu, "relu"}, {Activation::hard_swish, "hard_swish"}};
constexpr int kMostKernel = 7, kMostStride = 4, kUsualPool = 2;

template <class Value, std::size_t N>
const char* name_of(Value value, const std::pair<Value, const char*> (&names)[N]) {
  return std::ranges::find(names, value, &std::pair<Value, const char*>::first)->second;
}

template <class Value, std::size_t N>
Value named(const JsonReader& json, const char* key, Value usual, const std::pair<Value, const char*> (&names)[N]) {
  if (!json.has(key)) return usual;
  const auto text = json.get<std::string>(key);
  std::string expected;
  for (const auto& [value, name] : names) {
    if (text == name) return value;
    expected += std::format("{}'{}'", expected.empty() ? "one of " : ", ", name);
  }
  json.at(key).fail_here(expected);
}

LayerKey key_of(const Layer& layer) {
  return {.in_channels = layer.in_channels,
          .out_channels = layer.out_channels,
          .height = layer.height,
          .width = layer.width,
          .kind = layer.kind,
          .kernel = layer.kernel,
          .stride = layer.stride,
          .groups = layer.groups,
          .activation = layer.activation,
          .squeezed = layer.squeezed,
          .hard_gate = layer.hard_gate};
}

}  // namespace

std::string LayerKey::text() const {
  const LayerKey usual;
  std::string text = std::format("{} -> {} channels at {}x{}", in_channels, out_channels, height, width);
  if (pool > 0) text += pool == kUsualPool ? ", pool" : std::format(", pool of {}", pool);
  if (kind != usual.kind) text += std::string(", ") + name_of(kind, kKinds);
  if (kind == LayerKind::conv && kernel != usual.kernel) text += std::format(", kernel {}", kernel);
  if (stride != usual.stride) text += std::format(", stride {}", stride);
  if (groups != usual.groups) text += std::format(", {} groups", groups);
  if (add) text += ", sum";
  if (activation != usual.activation) text += std::string(", activation ") + name_of(activation, kActivations);
  if (squeezed > 0) text += std::format(", {} between, {} gate", squeezed, hard_gate ? "hard" : "smooth");
  return text;
}

Json to_json(const LayerKey& key) {
  const LayerKey usual;
  Json json = {{"in_channels", key.in_channels},
               {"out_channels", key.out_channels},
               {"height", key.height},
               {"width", key.width},
               {"pool", key.pool > 0}};
  if (key.pool > 0 && key.pool != kUsualPool) json["pool_kernel"] = key.pool;
  if (key.kind != usual.kind) json["kind"] = name_of(key.kind, kKinds);
  if (key.kernel != usual.kernel) json["kernel"] = key.kernel;
  if (key.stride != usual.stride) json["stride"] = key.stride;
  if (key.groups != usual.groups) json["groups"] = key.groups;
  if (key.activation != usual.activation) json["activation"] = name_of(key.activation, kActivations);
  if (key.add) json["add"] = true;
  if (key.squeezed > 0) json["squeezed"] = key.squeezed;
  if (key.hard_gate) json["hard_gate"] = true;
  return json;
}

LayerKey layer_key_from_json(const JsonReader& json) {
  const LayerKey usual;
  const auto number = [&](const char* key, int or_else, int most) {
    return json.has(key) ? json.get_in(key, 1, most) : or_else;
  };
  LayerKey key{.in_channels = json.get_in("in_channels", 1, plan::kMaxWidth),
               .out_channels = json.get_in("out_channels", 1, plan::kMaxWidth),
               .height = json.get_in("height", 1, plan::kMaxSide),
               .width = json.get_in("width", 1, plan::kMaxSide)};
  if (json.get<bool>("pool")) key.pool = number("pool_kernel", kUsualPool, kMostKernel);
  key.kind = named(json, "kind", usual.kind, kKinds);
  key.kernel = number("kernel", usual.kernel, kMostKernel);
  key.stride = number("stride", usual.stride, kMostStride);
  key.groups = number("groups", usual.groups, plan::kMaxWidth);
  key.activation = named(json, "activation", usual.activation, kActivations);
  key.add = json.get_or("add", usual.add);
  key.squeezed = number("squeezed", usual.squeezed, plan::kMaxWidth);
  key.hard_gate = json.get_or("hard_gate", usual.hard_gate);
  return key;
}

std::vector<KeyedLayer> keyed_layers(std::span<const Layer> net, std::size_t begin, std::size_t end) {
  std::vector<KeyedLayer> keyed;
  std::map<int, std::size_t> home;  // of each layer: its place in `keyed`
  for (std::size_t i = begin; i < end; ++i) {
    const Layer& layer = net[i];
    if (layer.kind == LayerKind::global_average || layer.kind == LayerKind::global_max) continue;
    const bool follows = layer.kind == LayerKind::max_pool || layer.kind == LayerKind::add;
    const std::size_t place = follows ? home.at(layer.input) : keyed.size();
    home[static_cast<int>(i)] = place;
    if (!follows) keyed.push_back({.key = key_of(layer)});
    LayerKey& key = keyed[place].key;
    if (layer.kind == LayerKind::max_pool) key.pool = layer.kernel;
    if (layer.kind == LayerKind::add) {
      key.add = true;
      key.activation = layer.activation;
    }
    keyed[place].layers.push_back(&layer);
  }
  return keyed;
}

}  // namespace triage::cost
