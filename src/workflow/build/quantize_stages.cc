// Stages of a plan in int8. A stage that goes on from another's features is calibrated on what that one hands over, and
// reads it on the same grid, so that nothing is lost between them.
#include <algorithm>

#include "core/progress.h"
#include "exporting/onnx_engine.h"
#include "workflow/build/plan_source.h"

namespace triage::workflow {
namespace {

// What the stages of one network hand over, for all calibration images.
std::vector<float> carried(const exporting::StageModel& stage, std::span<const float> images, std::size_t count,
                           int batch) {
  const exporting::Engine engine = exporting::onnx_engine(stage.name, exporting::stage_to_onnx(stage));
  const std::size_t size = images.size() / count;
  std::vector<float> maps;
  for (std::size_t first = 0; first < count; first += static_cast<std::size_t>(batch)) {
    const std::size_t n = std::min<std::size_t>(static_cast<std::size_t>(batch), count - first);
    const std::vector<float> part = engine.run(images.subspan(first * size, n * size), static_cast<int>(n)).at("carry");
    maps.insert(maps.end(), part.begin(), part.end());
  }
  return maps;
}

exporting::Int8Options options_of(const Workspace& w, const StageSource& stage, const exporting::StageModel& model) {
  exporting::Int8Options options = w.config.int8;
  options.threads = w.threads;
  for (const plan::ConvLayer& layer : exporting::stage_layers(model)) {
    if (std::ranges::find(stage.fp32_layers, layer.name()) != stage.fp32_layers.end())
      options.fp32.push_back(layer.name());
  }
  return options;
}

}  // namespace

Json quantize_stages(const Workspace& w, std::vector<StageSource>& stages, std::size_t max_images, bool every_layer,
                     Progress* progress) {
  const std::size_t count = std::min(max_images, w.splits.route.size());
  const std::vector<float> images = network_inputs(w, std::span(w.splits.route).first(count));
  std::vector<std::vector<float>> maps(stages.size());  // carried by each stage
  Json report = {{"version", 1}, {"images", count}, {"stages", Json::object()}};
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    StageSource& stage = stages[i];
    if (stage.precision != plan::Precision::int8) continue;
    exporting::StageModel model = stage_model(w, stages, i, std::nullopt, plan::PolicyKind::confidence);
    exporting::Int8Options options = options_of(w, stage, model);
    std::span<const float> input = images;
    if (stage.source >= 0) {
      const auto source = static_cast<std::size_t>(stage.source);
      input = maps[source];
      if (stages[source].int8->rounds(stages[source].int8->convs.size()))
        options.input = stages[source].int8->maps.back();
    }
    exporting::Int8Report tried;
    model = exporting::quantize_stage(model, input, count, options, &tried);
    stage.int8 = model.int8;
    if (stage.carry) maps[i] = carried(model, input, count, options.batch);
    Json& said = report["stages"][stage.name] = {{"options", to_json(options)}, {"tried", to_json(tried)}};
    if (every_layer) {
      for (const auto& [layer, divergence] : exporting::layer_divergence(model, input, count, options.batch, w.threads))
        said["layer_divergence"][layer] = divergence;
    }
    if (progress) progress->update(++done);
  }
  return report;
}

}  // namespace triage::workflow
