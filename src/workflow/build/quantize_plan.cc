#include "workflow/build/quantize_plan.h"

#include <algorithm>

#include "compiler/compile_stage.h"
#include "core/progress.h"
#include "core/system/machine.h"
#include "core/warning.h"
#include "exporting/from_graph.h"
#include "exporting/int8/int8_reference.h"
#include "exporting/int8/quantize.h"
#include "exporting/onnx_engine.h"
#include "measure/stages/stage_engine.h"
#include "workflow/build/plan_source.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kCheckedImages = 16, kTimedImages = 256;

class Quantizer {
 public:
  Quantizer(const Workspace& workspace, const fs::path& from, fs::path to, bool any_data)
      : w_(workspace), from_(from), to_(std::move(to)), plan_(plan::load_plan(from)) {
    const data::DatasetInfo& info = w_.dataset.info();
    const plan::InputShape shape{info.channels, info.height, info.width};
    if (shape != plan_.input || info.classes != plan_.classes)
      fail("{}: found images or classes that differ from those of plan '{}'", w_.config.data, plan_.name);
    if (!any_data) require_images_of(w_, plan_, from_ / "plan.json");
    count_ = std::min<std::size_t>(static_cast<std::size_t>(w_.config.int8_images), w_.splits.route.size());
    images_ = network_inputs(w_, std::span(w_.splits.route).first(count_));
  }

  plan::Plan run() {
    std::vector<exporting::StageModel> models;
    Progress progress("quantise", plan_.stages.size(), "stages");
    for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
      const plan::Stage& stage = plan_.stages[i];
      models.push_back(exporting::stage_from_graph(compiler::stage_of_plan(from_, stage), plan_, i));
      quantize(models, i);
      progress.update(i + 1);
    }
    progress.finish();
    attach_costs();
    plan_.name += " int8";
    plan_.predicted.reset();
    plan_.provenance = {{"command", "triage quantize " + from_.string()},
                        {"git", git_revision()},
                        {"date", iso_time_now()},
                        {"from", plan_.provenance}};
    plan::save_plan(to_, plan_);
    return plan_;
  }

 private:
  void quantize(std::vector<exporting::StageModel>& models, std::size_t i) {
    plan::Stage& stage = plan_.stages[i];
    exporting::Int8Options options = w_.config.int8;
    options.threads = w_.threads;
    std::span<const float> input = images_;
    if (stage.input == plan::StageInput::features) {
      const exporting::StageModel& source = models[static_cast<std::size_t>(stage.source)];
      input = carried_[static_cast<std::size_t>(stage.source)];
      options.input = source.int8->maps.back();
    }
    models[i] = exporting::quantize_stage(models[i], input, count_, options);
    const onnx::ModelProto file = exporting::stage_to_onnx(models[i]);
    const exporting::Engine engine = exporting::onnx_engine("onnxruntime", file, w_.threads);
    const std::size_t size = input.size() / count_, asked = std::min(count_, kCheckedImages);
    exporting::require_parity(exporting::check_parity(exporting::int8_reference(models[i]), engine,
                                                      input.first(asked * size), asked, {.outputs = {"logits"}}));
    if (models[i].carry_block >= 0) carried_[i] = engine.run(input, static_cast<int>(count_)).at("carry");

    exporting::save_model(to_ / stage.onnx, file);
    stage.sha256 = sha256_file(to_ / stage.onnx);
    stage.precision = plan::Precision::int8;
    stage.compiled.reset();
    const cost::StageSize in_int8 = cost::stage_size({.arch = stage.arch,
                                                      .first_block = models[i].first_block,
                                                      .last_block = models[i].last_block,
                                                      .carry = models[i].carry_block >= 0,
                                                      .precision = plan::Precision::int8},
                                                     plan_.input, static_cast<int>(plan_.classes.size()));
    stage.weight_bytes = in_int8.weight_bytes;
    stage.activation_bytes = in_int8.activation_bytes;
  }

  void attach_costs() {
    std::vector<std::uint8_t> pixels;
    const std::size_t count = std::min(w_.splits.validation.size(), kTimedImages);
    for (const std::uint32_t index : std::span(w_.splits.validation).first(count)) {
      const std::uint8_t* image = w_.dataset.image(index);
      pixels.insert(pixels.end(), image, image + w_.dataset.image_bytes());
    }
    measure::ProfileOptions options;
    options.measure.max_seconds = w_.config.profile_seconds * 3;
    options.measure.min_seconds = w_.config.profile_seconds;
    const plan::InputShape& shape = plan_.input;
    const measure::Profile measured = measure::profile_stages(
        plan_, to_, {pixels, static_cast<int>(count), shape.height, shape.width, shape.channels}, options);
    cost::save_cost_table(to_ / "costs.json", measured.table);
    for (const std::string& text : measure::disturbed_rows(measured.table)) warn(text);
    for (plan::Stage& stage : plan_.stages) {
      const cost::CostSample* entry = measured.table.find(measure::row_key(options.provider, &stage, 1, 1));
      if (!entry) fail("{}: expected the cost of stage '{}', found none", to_.string(), stage.name);
      stage.cost = plan::MeasuredCost{entry->latency_us, entry->first_inference_us, entry->load_ms};
    }
  }

  const Workspace& w_;
  fs::path from_, to_;
  plan::Plan plan_;
  std::size_t count_ = 0;
  std::vector<float> images_;
  std::map<std::size_t, std::vector<float>> carried_;  // by stage, of all images
};

}  // namespace

plan::Plan quantize_plan(const Workspace& workspace, const fs::path& from, const fs::path& to, bool any_data) {
  return Quantizer(workspace, from, to, any_data).run();
}

}  // namespace triage::workflow
