// ArchSpec: one concrete plain 3x3 convolution net, named by its widths.
//
// Text form "24-64,64-192,192-256,256": blocks joined by '-', the layers' widths of a block joined by ','. The first
// block works at the input's resolution; every later block halves it with a 2x2 max pool behind its first
// convolution. A layer is: 3x3 convolution (stride 1, zero padding 1, no bias), [max pool], batch normalisation
// (no learned scale, so the pool may be moved behind it), ReLU. The head is a global max pool and a linear layer.
// An odd map loses its last row and column in a pool.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace triage::plan {

inline constexpr int kMaxWidth = 4096, kMaxLayers = 256, kMaxSide = 4096, kMaxClasses = 100'000;

struct InputShape {
  int channels = 3, height = 32, width = 32;  // height and width 0: images of any size
  bool any_size() const { return height == 0; }
  bool operator==(const InputShape&) const = default;
};
void check_input_shape(const InputShape& input);  // throws Error where a side or the channels are out of bounds

struct ArchSpec {
  std::vector<std::vector<int>> blocks;

  static ArchSpec parse(std::string_view text);  // throws Error with the text and the offending part
  std::string text() const;
  int head_width() const { return blocks.back().back(); }
  ArchSpec prefix(std::size_t count) const;  // the first `count` blocks
  bool operator==(const ArchSpec&) const = default;
};

struct ConvLayer {
  int block = 0, index = 0;  // place in ArchSpec::blocks
  int in_channels = 0, out_channels = 0;
  int height = 0, width = 0;  // of the convolution's input and output; a pool comes after
  bool pool = false;
  std::int64_t macs = 0, parameters = 0;  // parameters: weights and the shift that batch norm folds into
  std::string name() const;               // "block1.conv0"
};

// Throws Error when a block would pool a map smaller than 2x2.
std::vector<ConvLayer> conv_layers(const ArchSpec& arch, const InputShape& input);

struct ArchCost {
  std::int64_t macs = 0, parameters = 0;      // per image; head (with its bias) included
  std::int64_t peak_activation_elements = 0;  // largest input + output of one convolution
};
ArchCost arch_cost(const ArchSpec& arch, const InputShape& input, int classes);

Json to_json(const InputShape& input);
InputShape input_shape_from_json(const JsonReader& json);

}  // namespace triage::plan
