// StageGraph: a stage file (docs/formats.md) read back as plain numbers, what the compiler starts from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "plan/arch.h"

namespace triage::compiler {

struct Grid {  // of a map in int8: real = scale * (q - zero), q from 0 to 255
  float scale = 1;
  int zero = 0;
};

struct GraphConv {
  plan::ConvLayer layer;
  bool int8 = false;
  std::vector<float> weight, bias;   // fp32: [out, in, 3, 3], [out]
  std::vector<std::int8_t> weight8;  // int8, the same shapes
  std::vector<std::int32_t> bias32;
  std::vector<float> weight_scale;  // int8: [out]
};

struct StageGraph {
  plan::InputShape input;  // what the stage reads: an image, or a carried map
  bool reads_image = true;
  std::vector<float> mean;  // of an image's channels, subtracted; empty: none
  std::vector<GraphConv> convs;
  std::vector<std::optional<Grid>> grids;  // [convs + 1]: of what each convolution reads, and of what the head reads
  int classes = 0;
  std::vector<float> head_weight, head_bias;  // [classes, channels], [classes]
  int features_conv = -1, carry_conv = -1;    // behind which convolution they are taken; -1: no such output
  bool int8() const;                          // a convolution is
};

// Both throw Error naming the file, the tensor, found and expected. `origin`: the file's name, for messages.
StageGraph read_stage(const fs::path& file);
StageGraph parse_stage(const std::string& bytes, const std::string& origin);

}  // namespace triage::compiler
