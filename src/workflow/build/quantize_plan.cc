#include "workflow/build/quantize_plan.h"

#include <algorithm>

#include "compiler/compile_stage.h"
#include "core/progress.h"
#include "core/system/machine.h"
#include "core/warning.h"
#include "engine/names.h"
#include "exporting/from_graph.h"
#include "exporting/int8/int8_reference.h"
#include "exporting/onnx_engine.h"
#include "family/plain/plain.h"
#include "runtime/convert.h"
#include "workflow/build/attach_costs.h"
#include "workflow/build/measure_plan.h"
#include "workflow/build/plan_source.h"
#include "workflow/build/plan_with_curve.h"
#include "workflow/build/stage_counts.h"
#include "workflow/cascade/int8_nets.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kCheckedImages = 16;

// Layers that the run's configuration keeps in fp32, by the plan's stage that they are part of.
std::vector<std::string> fp32_layers_of(const RunConfig& config, const std::string& stage) {
  for (const StageConfig& net : config.stages) {
    const std::vector<std::string> names = plan_stage_names(net.name, net.supernet.exits);
    if (std::ranges::find(names, stage) != names.end()) return net.fp32_layers;
  }
  return {};
}

class Quantizer {
 public:
  Quantizer(const Workspace& workspace, const fs::path& from, fs::path to, bool any_data, const Int8Choice& nets)
      : w_(workspace), from_(from), to_(std::move(to)), before_(plan::load_plan(from)), plan_(before_), nets_(nets) {
    const data::DatasetInfo& info = w_.dataset.info();
    runtime::require_shape({info.channels, info.height, info.width}, plan_.input, w_.config.data + ": images");
    if (info.classes != plan_.classes)
      fail("{}: found classes that differ from those of plan '{}'", w_.config.data, plan_.name);
    if (!any_data) require_images_of(w_, plan_, from_ / "plan.json");
  }

  plan::Plan run() {
    exporting::StageQuantizer quantizer = stage_quantizer(w_, static_cast<std::size_t>(w_.config.int8_images));
    Progress progress(w_.context, "quantise", plan_.stages.size(), "stages");
    for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
      quantize(quantizer, i);
      progress.update(i + 1);
    }
    progress.finish();
    if (std::ranges::find(plan_.stages, plan::Precision::int8, &plan::Stage::precision) == plan_.stages.end())
      fail("{}: all stages stay as they are", from_.string());
    const cost::CostTable costs = measure_plan(w_, plan_, to_, {});
    for (const std::string& text : measure::disturbed_rows(costs)) warn(text);
    attach_costs(plan_, costs, /*threads=*/1);
    measure_preprocessing(w_, plan_);
    const plan::Metric metric = plan_.predicted ? plan_.predicted->metric : plan::Metric::accuracy;
    plan_.name += " int8";
    plan_.predicted.reset();
    plan_.provenance = {{"command", "triage quantize " + from_.string()},
                        {"git", git_revision()},
                        {"date", iso_time_now()},
                        {"from", plan_.provenance}};
    const data::DatasetInfo& info = w_.dataset.info();
    save_plan_with_curve(to_, plan_,
                         route::score_plan(plan_, to_, w_.dataset, w_.splits.validation, {}, w_.threads,
                                           {.label = "score validation split", .context = w_.context}),
                         metric, {{"name", info.name}, {"sha256", info.sha256}});
    return plan_;
  }

 private:
  void quantize(exporting::StageQuantizer& quantizer, std::size_t i) {
    plan::Stage& stage = plan_.stages[i];
    if (stage.arch.blocks.empty()) {
      quantize_net(i);
      return;
    }
    std::optional<std::size_t> source;
    if (stage.input == plan::StageInput::features) source = static_cast<std::size_t>(stage.source);
    const exporting::StageQuantizer::Quantized made =
        quantizer.quantize(exporting::stage_from_graph(compiler::graph_of_plan(from_, stage), plan_, i), i, source,
                           fp32_layers_of(w_.config, stage.name));
    const onnx::ModelProto file = exporting::stage_to_onnx(made.model);
    const exporting::Engine engine = exporting::onnx_engine(engine::kOnnxRuntime, file, w_.threads);
    const std::size_t size = made.input.size() / quantizer.count(), asked = std::min(quantizer.count(), kCheckedImages);
    exporting::require_parity(exporting::check_parity(exporting::int8_reference(made.model), engine,
                                                      made.input.first(asked * size), asked, {.outputs = {"logits"}}));
    exporting::save_model(to_ / stage.onnx, file);
    stage.sha256 = sha256_file(to_ / stage.onnx);
    stage.precision = plan::Precision::int8;
    stage.artifacts.clear();
    set_counts(stage, model::count(exporting::stage_to_graph(made.model)));
    const cost::Segment segment{.arch = family::plain_spec(stage.arch),
                                .first_section = made.model.first_block,
                                .last_section = made.model.last_block,
                                .carry = made.model.carry_block >= 0,
                                .precision = plan::Precision::int8};
    stage.activation_bytes =
        cost::stage_size(segment, plan_.input, static_cast<int>(plan_.classes.size())).activation_bytes;
  }

  void quantize_net(std::size_t i) {  // of another family than plain, or that others made
    std::vector<std::string> notes;
    quantize_stage_of_net(plan_, i, before_, from_, to_, int8_images(w_.dataset, w_.splits, w_.config.seed), nets_,
                          notes);
    for (const std::string& note : notes) w_.context.message(note);
  }

  const Workspace& w_;
  fs::path from_, to_;
  plan::Plan before_, plan_;  // as it stands in from_, as it becomes in to_
  Int8Choice nets_;
};

}  // namespace

plan::Plan quantize_plan(const Workspace& workspace, const fs::path& from, const fs::path& to, bool any_data,
                         const Int8Choice& nets) {
  return Quantizer(workspace, from, to, any_data, nets).run();
}

}  // namespace triage::workflow
