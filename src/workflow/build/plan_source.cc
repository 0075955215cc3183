#include "workflow/build/plan_source.h"

#include <algorithm>
#include <map>

#include "engine/registry.h"
#include "exporting/from_network.h"
#include "exporting/int8/int8_reference.h"
#include "family/plain/plain.h"
#include "runtime/image_inputs.h"
#include "runtime/open_stage.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kInt8ParityImages = 16;  // the integer reference is slow

}  // namespace

std::shared_ptr<const engine::Session> open_stage(const fs::path& directory, const std::string& file) {
  runtime::StageOpener opener(directory, {});
  return opener.open({.name = file, .onnx = file});
}

cost::Segment StageSource::segment() const {
  return {family::plain_spec(network->arch()), first_block, last_block, carry,
          int8 ? plan::Precision::int8 : plan::Precision::fp32};
}

std::vector<float> network_inputs(const Workspace& w, std::span<const std::uint32_t> indices,
                                  const std::optional<preprocess::Preprocess>& preprocess) {
  const data::DatasetInfo& info = w.dataset.info();
  const runtime::ImageInputs inputs(
      {.input = {info.channels, info.height, info.width}, .stages = {{.preprocess = preprocess}}});
  const std::size_t values = inputs.elements(0);
  std::vector<float> images(indices.size() * values);
  preprocess::Scratch scratch;
  data::Image storage;
  for (std::size_t i = 0; i < indices.size(); ++i)
    inputs.convert(0, w.dataset.view(indices[i], storage), &images[i * values], scratch);
  return images;
}

void add_stages(std::vector<StageSource>& stages, const Workspace& w, const StagedNet& net) {
  if (!net.network->any_space().is_plain()) return add_family_stages(stages, w, net);
  const supernet::Network network = supernet::plain_network(net.network);
  const std::vector<std::string> names = plan_stage_names(net.name, net.exits);
  for (std::size_t i = 0; i <= net.exits.size(); ++i) {
    const bool last = i == net.exits.size();
    StageSource& stage = stages.emplace_back(names[i], network);
    stage.first_block = i > 0 ? net.exits[i - 1] + 1 : 0;
    stage.last_block = last ? -1 : net.exits[i] + 1;
    stage.source = i > 0 ? static_cast<int>(stages.size()) - 2 : -1;
    stage.carry = !last;
    stage.precision = net.precision;
    stage.fp32_layers = net.fp32_layers;
  }
}

void write_net(const Workspace& w, const supernet::AnyNetwork& network, const std::string& name,
               const fs::path& directory) {
  if (!network->any_space().is_plain()) return write_family_net(w, network, name, directory);
  // As if a stage followed: the file has features.
  const supernet::Network plain = supernet::plain_network(network);
  const std::vector<StageSource> stages{{name, plain}, {"next", plain}};
  write_file_atomic(directory / (name + ".onnx"), stage_file(w, stages, 0, std::nullopt, plan::PolicyKind::confidence));
  check_stage_parity(w, stages, 0, directory);
}

std::vector<StageSource> trained_stages(const Workspace& w) {
  w.config.require_stages();
  std::vector<StageSource> stages;
  std::vector<ImportedStage> imported = import_stages(w);
  auto next = imported.begin();
  for (const StageConfig& stage : w.config.stages) {
    if (stage.onnx) {
      stages.push_back({.name = stage.name,
                        .network = nullptr,
                        .precision = stage.inference_precision,
                        .imported = std::move(*next++)});
      continue;
    }
    add_stages(stages, w,
               {.name = stage.name,
                .network = train::load_trained(w.job(stage), train::ComputeType::fp32),
                .exits = stage.supernet.exits,
                .precision = stage.inference_precision,
                .fp32_layers = stage.fp32_layers,
                .weights = w.run / (stage.name + "_best.pt")});
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

namespace {

// Features are for the router of an exit: the last stage has none.
std::string imported_file(const ImportedStage& stage, bool last) {
  std::string bytes = read_file(stage.file);
  if (!last || stage.net.stage.feature_width == 0) return bytes;
  onnx::ModelProto model;
  model.ParseFromString(bytes);
  auto& outputs = *model.mutable_graph()->mutable_output();
  outputs.erase(
      std::remove_if(outputs.begin(), outputs.end(), [](const auto& out) { return out.name() == "features"; }),
      outputs.end());
  return model.SerializeAsString();
}

}  // namespace

std::string stage_file(const Workspace& w, const std::vector<StageSource>& stages, std::size_t index,
                       const std::optional<plan::Exit>& exit, plan::PolicyKind policy) {
  if (stages[index].imported) return imported_file(*stages[index].imported, index + 1 == stages.size());
  const onnx::ModelProto model = exporting::stage_to_onnx(stage_model(w, stages, index, exit, policy));
  exporting::check_model(model, stages[index].name + ".onnx");
  return model.SerializeAsString();
}

void check_stage_parity(const Workspace& w, const std::vector<StageSource>& stages, std::size_t index,
                        const fs::path& directory) {
  const StageSource& stage = stages[index];
  if (stage.imported) return;
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
