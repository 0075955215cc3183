#include "exporting/int8/stage_quantizer.h"

#include <algorithm>

#include "core/error.h"
#include "exporting/onnx_engine.h"

namespace triage::exporting {
namespace {

std::vector<float> carried(const StageModel& stage, std::span<const float> input, std::size_t count, int batch) {
  const Engine engine = onnx_engine(stage.name, stage_to_onnx(stage));
  const std::size_t size = input.size() / count;
  std::vector<float> maps;
  for (std::size_t first = 0; first < count; first += static_cast<std::size_t>(batch)) {
    const std::size_t n = std::min<std::size_t>(static_cast<std::size_t>(batch), count - first);
    const std::vector<float> part = engine.run(input.subspan(first * size, n * size), static_cast<int>(n)).at("carry");
    maps.insert(maps.end(), part.begin(), part.end());
  }
  return maps;
}

}  // namespace

StageQuantizer::StageQuantizer(std::vector<float> images, std::size_t count, Int8Options options)
    : images_(std::move(images)), count_(count), options_(std::move(options)) {}

StageQuantizer::Quantized StageQuantizer::quantize(const StageModel& stage, std::size_t index,
                                                   std::optional<std::size_t> source,
                                                   std::span<const std::string> fp32_layers) {
  Quantized made{.options = options_, .input = images_};
  made.options.fp32.clear();
  for (const plan::ConvLayer& layer : stage_layers(stage)) {
    if (std::ranges::find(fp32_layers, layer.name()) != fp32_layers.end()) made.options.fp32.push_back(layer.name());
  }
  made.options.input.reset();
  if (source) {
    const auto found = handed_over_.find(*source);
    if (found == handed_over_.end()) {
      fail("stage '{}': expected that stage {}, from which it goes on, hands over a map in int8", stage.name, *source);
    }
    made.input = found->second.maps;
    made.options.input = found->second.grid;
  }
  made.model = quantize_stage(stage, made.input, count_, made.options, &made.report);
  if (made.model.carry_block >= 0) {
    HandedOver& handed_over = handed_over_[index];
    handed_over.maps = carried(made.model, made.input, count_, made.options.batch);
    const Int8Stage& int8 = *made.model.int8;
    if (int8.rounds(int8.convs.size())) handed_over.grid = int8.maps.back();
  }
  return made;
}

}  // namespace triage::exporting
