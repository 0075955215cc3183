// Blueprint: a network's layers with their sizes, what lower.h makes a graph of and a trainable module is built from.
// A layer's name and weights are the same in every subnet of a space, so that a subnet's weight is a slice of the
// largest's of that name: the first channels of each dimension, the centre of a kernel.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/arch.h"

namespace triage::family {

enum class LayerKind { conv, max_pool, add, squeeze_excite, global_average, global_max, linear };
enum class Activation { none, relu, hard_swish };

inline constexpr int kImage = -1;  // as a layer's input

struct Layer {
  LayerKind kind = LayerKind::conv;
  std::string name;               // "section1.block0.expand"
  int input = kImage, other = 0;  // indices into Blueprint::layers; other: of an add
  int in_channels = 0, out_channels = 0;
  int height = 0, width = 0;                 // of what it gives; 1 behind a global pool
  int kernel = 1, stride = 1;                // of a convolution or pool; padded by (kernel - 1) / 2 on each side
  int groups = 1;                            // 1, or in_channels: depthwise
  Activation activation = Activation::none;  // of a convolution (behind its batch norm), add or linear layer
  int squeezed = 0;                          // squeeze_excite: channels between
  bool hard_gate = false;                    // squeeze_excite: hard sigmoid, not sigmoid

  bool depthwise() const { return groups > 1; }
};

// One tensor of a layer in the exported net: batch norm is folded in.
struct WeightSpec {
  std::string name;                // the layer's and "/weight", "/bias", "/squeeze/weight", ...
  std::vector<std::int64_t> dims;  // convolutions [out, in / groups, kernel, kernel]; linear [out, in]; biases [out]
};
std::vector<WeightSpec> weights_of(const Layer& layer);

struct Blueprint {
  plan::InputShape input;  // what the net sees
  int classes = 0;
  std::vector<Layer> layers;      // in an order to run in; the last one gives the logits
  std::vector<int> section_ends;  // layers that give a section's map: nothing else passes from one to the next
};

struct NetSize {
  std::int64_t macs = 0, parameters = 0;  // per image; as count() (lower.h) has them of the graph
};
NetSize size_of(std::span<const Layer> layers);
inline NetSize size_of(const Blueprint& net) { return size_of(net.layers); }

// Adds layers; sizes follow from what a layer reads.
class BlueprintBuilder {
 public:
  BlueprintBuilder(const plan::InputShape& input, int classes);  // throws Error where they are out of bounds

  struct Conv {
    int kernel = 3, stride = 1;
    bool depthwise = false;
    Activation activation = Activation::relu;
  };
  int conv(std::string name, int from, int channels, const Conv& how);
  int max_pool(std::string name, int from, int kernel);  // of stride 2
  int add(std::string name, int from, int other, Activation activation);
  int squeeze_excite(std::string name, int from, int squeezed, bool hard_gate);
  int global_pool(int from, LayerKind kind);
  int linear(std::string name, int from, int outputs, Activation activation);
  void end_section(int layer) { made_.section_ends.push_back(layer); }
  int channels(int layer) const;  // that it gives
  const std::vector<Layer>& layers() const { return made_.layers; }

  Blueprint finish(int from, LayerKind pool);  // a pooled or unpooled map; adds the pool if need be, and the head

 private:
  Layer& append(LayerKind kind, std::string name, int from);
  Blueprint made_;
};

}  // namespace triage::family
