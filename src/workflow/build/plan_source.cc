#include "workflow/build/plan_source.h"

#include <algorithm>
#include <map>

#include "engine/registry.h"
#include "exporting/from_network.h"
#include "exporting/int8/int8_reference.h"
#include "runtime/convert.h"
#include "runtime/open_stage.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kParityImages = 256, kInt8ParityImages = 16;  // the integer reference is slow

// A file that was just written, as the runtime opens it.
std::shared_ptr<const engine::Session> open_stage(const fs::path& directory, const std::string& file) {
  runtime::StageOpener opener(directory, {});
  return opener.open({.name = file, .onnx = file});
}

}  // namespace

cost::Segment StageSource::segment() const {
  return {network->arch(), first_block, last_block, carry, int8 ? plan::Precision::int8 : plan::Precision::fp32};
}

std::vector<float> network_inputs(const Workspace& w, std::span<const std::uint32_t> indices) {
  const data::DatasetInfo& info = w.dataset.info();
  const std::size_t pixels = w.dataset.image_bytes();
  std::vector<float> images(indices.size() * pixels);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const ImageView image{w.dataset.image(indices[i]), info.height, info.width, info.channels};
    runtime::to_input(image, &images[i * pixels]);
  }
  return images;
}

void add_stages(std::vector<StageSource>& stages, const std::string& name, const supernet::Network& network,
                const std::vector<int>& exits, plan::Precision precision, const std::vector<std::string>& fp32_layers) {
  const std::vector<std::string> names = plan_stage_names(name, exits);
  for (std::size_t i = 0; i <= exits.size(); ++i) {
    const bool last = i == exits.size();
    StageSource& stage = stages.emplace_back(names[i], network);
    stage.first_block = i > 0 ? exits[i - 1] + 1 : 0;
    stage.last_block = last ? -1 : exits[i] + 1;
    stage.source = i > 0 ? static_cast<int>(stages.size()) - 2 : -1;
    stage.carry = !last;
    stage.precision = precision;
    stage.fp32_layers = fp32_layers;
  }
}

std::vector<StageSource> trained_stages(const Workspace& w) {
  w.config.require_stages();
  std::vector<StageSource> stages;
  for (const StageConfig& stage : w.config.stages) {
    add_stages(stages, stage.name, train::load_trained(w.job(stage), train::ComputeType::fp32), stage.supernet.exits,
               stage.inference_precision, stage.fp32_layers);
  }
  return stages;
}

exporting::StageModel stage_model(const Workspace& w, const std::vector<StageSource>& stages, std::size_t index,
                                  const std::optional<plan::Exit>& exit, plan::PolicyKind policy) {
  const StageSource& stage = stages[index];
  exporting::StageOptions options;
  options.name = stage.name;
  options.classes = w.dataset.info().classes;
  options.mean = w.normalization.mean;
  options.stddev = w.normalization.stddev;
  options.first_block = stage.first_block;
  options.last_block = stage.last_block;
  options.carry = stage.carry;
  options.features = index + 1 < stages.size();
  options.exit = exit;
  options.policy = policy;
  exporting::StageModel model = exporting::stage_from_network(*stage.network, options);
  model.int8 = stage.int8;
  return model;
}

std::string stage_file(const Workspace& w, const std::vector<StageSource>& stages, std::size_t index,
                       const std::optional<plan::Exit>& exit, plan::PolicyKind policy) {
  const onnx::ModelProto model = exporting::stage_to_onnx(stage_model(w, stages, index, exit, policy));
  exporting::check_model(model, stages[index].name + ".onnx");
  return model.SerializeAsString();
}

void check_stage_parity(const Workspace& w, const std::vector<StageSource>& stages, std::size_t index,
                        const fs::path& directory) {
  const StageSource& stage = stages[index];
  std::vector<exporting::Engine> chain, references;
  exporting::ParityOptions options;
  options.outputs = {"logits"};
  for (int at = static_cast<int>(index); at >= 0; at = stages[at].source) {
    const auto session = open_stage(directory, stages[at].name + ".onnx");
    if (at == static_cast<int>(index) && session->info().feature_width > 0) options.outputs.push_back("features");
    chain.insert(chain.begin(), exporting::session_engine(stages[at].name, session));
    if (!stage.int8) continue;
    const exporting::StageModel model =
        stage_model(w, stages, static_cast<std::size_t>(at), std::nullopt, plan::PolicyKind::confidence);
    references.insert(references.begin(), exporting::int8_reference(model));
  }
  const std::size_t count = std::min(stage.int8 ? kInt8ParityImages : kParityImages, w.splits.validation.size());
  const std::vector<float> images = network_inputs(w, std::span(w.splits.validation).first(count));
  const exporting::Engine reference =
      stage.int8 ? exporting::chained("int8 reference of " + stage.name, references)
                 : exporting::network_engine(*stage.network, w.normalization.mean, w.normalization.stddev,
                                             static_cast<std::size_t>(stage.end_block()));
  exporting::require_parity(exporting::check_parity(
      reference, exporting::chained(engine::kOnnxRuntime + (" " + stage.name), chain), images, count, options));
}

}  // namespace triage::workflow
