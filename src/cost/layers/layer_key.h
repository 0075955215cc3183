// LayerKey: all that the time of a net's layer depends on. A layer is here what an engine may run as one: a convolution
// with its activation and the max pool or sum behind it, a squeeze-and-excite, or a linear layer before the head.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "core/json.h"
#include "family/blueprint.h"

namespace triage::cost {

struct LayerKey {  // by default a plain net's: a 3x3 convolution and a rectifier
  int in_channels = 0, out_channels = 0, height = 0, width = 0;  // height, width: of what it gives, before a pool
  int pool = 0;                                                  // kernel of the max pool of stride 2 behind it
  family::LayerKind kind = family::LayerKind::conv;              // or squeeze_excite, linear
  int kernel = 3, stride = 1, groups = 1;
  family::Activation activation = family::Activation::relu;  // behind the sum where there is one
  bool add = false;                                          // another map is added
  int squeezed = 0;                                          // channels of a squeeze_excite between
  bool hard_gate = false;

  std::string text() const;  // "32 -> 64 channels at 16x16, pool"; what is not as by default behind it
  auto operator<=>(const LayerKey&) const = default;
};

// A JSON object's members; what is as by default is left out but for the first five.
Json to_json(const LayerKey& key);
LayerKey layer_key_from_json(const JsonReader& json);

struct KeyedLayer {
  LayerKey key;
  std::vector<const family::Layer*> layers;  // the convolution (...) and what is run with it, in order
  const std::string& name() const { return layers.front()->name; }
};

// Of net[begin, end), in the order they run; pools over the whole map, which are a head's, are none. They point into
// `net`.
std::vector<KeyedLayer> keyed_layers(std::span<const family::Layer> net, std::size_t begin, std::size_t end);

}  // namespace triage::cost
