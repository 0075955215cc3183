#include "cost/cost_model.h"

#include <algorithm>

#include "core/error.h"

namespace triage::cost {

std::string Segment::text() const {
  std::string text = arch.text();
  if (first_block > 0 || end_block() < static_cast<int>(arch.blocks.size())) {
    text += std::format("[{}:{}]", first_block, end_block());
  }
  if (carry) text += "+carry";
  return precision == plan::Precision::fp32 ? text : text + "/" + plan::to_string(precision);
}

std::vector<plan::ConvLayer> segment_layers(const Segment& stage, const plan::InputShape& input) {
  const int blocks = static_cast<int>(stage.arch.blocks.size()), end = stage.end_block();
  if (stage.first_block < 0 || stage.first_block >= end || end > blocks) {
    fail("stage '{}': expected blocks in [0, {}), found [{}, {})", stage.arch.text(), blocks, stage.first_block, end);
  }
  std::vector<plan::ConvLayer> layers = plan::conv_layers(stage.arch, input);
  std::erase_if(layers,
                [&](const plan::ConvLayer& layer) { return layer.block < stage.first_block || layer.block >= end; });
  return layers;
}

StageSize stage_size(const Segment& stage, const plan::InputShape& input, int classes) {
  StageSize size;
  const bool int8 = stage.precision == plan::Precision::int8;
  for (const plan::ConvLayer& layer : segment_layers(stage, input)) {
    size.macs += layer.macs;
    size.parameters += layer.parameters;
    const std::int64_t elements = std::int64_t{layer.height} * layer.width * (layer.in_channels + layer.out_channels);
    size.activation_bytes = std::max(size.activation_bytes, elements * (int8 ? 1 : std::int64_t{sizeof(float)}));
    size.weight_bytes +=
        int8 ? layer.parameters + 7 * std::int64_t{layer.out_channels} : layer.parameters * std::int64_t{sizeof(float)};
  }
  const std::int64_t width = stage.arch.blocks[static_cast<std::size_t>(stage.end_block()) - 1].back();
  size.macs += width * classes;
  size.parameters += (width + 1) * classes;
  size.weight_bytes += (width + 1) * classes * std::int64_t{sizeof(float)};
  return size;
}

}  // namespace triage::cost
