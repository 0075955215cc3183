#include <algorithm>

#include "core/progress.h"
#include "exporting/int8/stage_quantizer.h"
#include "workflow/build/plan_source.h"
#include "workflow/cascade/int8_nets.h"

namespace triage::workflow {
namespace {

std::shared_ptr<const engine::Session> session_of(const ImportedStage& stage) {
  return open_stage(stage.file.parent_path(), stage.file.filename());
}

// What stage `index`, a file, reads; those before it are as they are to be in `stages`.
FormSource source_of(const Workspace& w, const std::vector<StageSource>& in_fp32,
                     const std::vector<StageSource>& stages, std::size_t index) {
  std::vector<PartBefore> parts;
  std::size_t at = index;
  while (stages[at].source >= 0) {
    at = static_cast<std::size_t>(stages[at].source);
    const ImportedStage& part = *stages[at].imported;
    parts.push_back({part.net.stage.sha256, session_of(*in_fp32[at].imported), session_of(part)});
  }
  std::ranges::reverse(parts);
  FormSource source = whole_net(stages[at].imported->net.stage, w.dataset.info());
  source.before = std::move(parts);
  return source;
}

}  // namespace

Json quantize_stages(const Workspace& w, std::vector<StageSource>& stages, std::size_t max_images, bool every_layer,
                     Progress* progress) {
  const std::vector<StageSource> in_fp32 = stages;
  std::optional<exporting::StageQuantizer> quantizer;  // of trained stages, whose images all have one size
  Json report = {{"version", 1}, {"images", std::min(max_images, w.splits.route.size())}, {"stages", Json::object()}};
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    StageSource& stage = stages[i];
    if (stage.precision != plan::Precision::int8) continue;
    if (stage.imported) {
      Int8Stage made = int8_stage(*stage.imported, source_of(w, in_fp32, stages, i),
                                  int8_images(w.dataset, w.splits, w.config.seed), w.run, {.context = w.context});
      stage.imported = std::move(made.stage);
      report["stages"][stage.name] = {{"net", std::move(made.report)}};
      if (progress) progress->update(++done);
      continue;
    }
    if (!quantizer) quantizer.emplace(stage_quantizer(w, max_images));
    const exporting::StageModel model = stage_model(w, stages, i, std::nullopt, plan::PolicyKind::confidence);
    const exporting::StageQuantizer::Quantized made = quantizer->quantize(
        model, i, stage.source < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(stage.source)),
        stage.fp32_layers);
    stage.int8 = made.model.int8;
    Json& shown = report["stages"][stage.name] = {{"options", to_json(made.options)}, {"tried", to_json(made.report)}};
    if (every_layer) {
      for (const auto& [layer, divergence] :
           exporting::layer_divergence(made.model, made.input, quantizer->count(), made.options.batch, w.threads))
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
