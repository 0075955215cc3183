#include "core/progress.h"
#include "exporting/int8/stage_quantizer.h"
#include "workflow/build/plan_source.h"

namespace triage::workflow {

Json quantize_stages(const Workspace& w, std::vector<StageSource>& stages, std::size_t max_images, bool every_layer,
                     Progress* progress) {
  exporting::StageQuantizer quantizer = stage_quantizer(w, max_images);
  Json report = {{"version", 1}, {"images", quantizer.count()}, {"stages", Json::object()}};
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    StageSource& stage = stages[i];
    if (stage.precision != plan::Precision::int8) continue;
    const exporting::StageModel model = stage_model(w, stages, i, std::nullopt, plan::PolicyKind::confidence);
    const exporting::StageQuantizer::Quantized made = quantizer.quantize(
        model, i, stage.source < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(stage.source)),
        stage.fp32_layers);
    stage.int8 = made.model.int8;
    Json& shown = report["stages"][stage.name] = {{"options", to_json(made.options)}, {"tried", to_json(made.report)}};
    if (every_layer) {
      for (const auto& [layer, divergence] :
           exporting::layer_divergence(made.model, made.input, quantizer.count(), made.options.batch, w.threads))
        shown["layer_divergence"][layer] = divergence;
    }
    if (progress) progress->update(++done);
  }
  return report;
}

exporting::StageQuantizer stage_quantizer(const Workspace& w, std::size_t max_images) {
  const std::size_t count = std::min(max_images, w.splits.route.size());
  exporting::Int8Options options = w.config.int8;
  options.threads = w.threads;
  return {network_inputs(w, std::span(w.splits.route).first(count)), count, options};
}

}  // namespace triage::workflow
