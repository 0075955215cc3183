#include "workflow/search/int8_subnets.h"

#include <algorithm>

#include "exporting/imported/quantize_onnx.h"
#include "exporting/onnx_engine.h"
#include "workflow/build/plan_source.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kImages = 256;
constexpr int kCarriedTogether = 64;

Int8Subnet plain_subnet(const Workspace& w, const StagedNet& net) {
  std::vector<StageSource> stages;
  add_stages(stages, w, net);
  quantize_stages(w, stages, kImages, false);
  Int8Subnet made;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    exporting::StageModel model = stage_model(w, stages, i, std::nullopt, plan::PolicyKind::confidence);
    model.features_block = -1;
    made.stages.push_back(exporting::onnx_engine(stages[i].name, exporting::stage_to_onnx(model), w.threads));
  }
  return made;
}

// What a stage carries on, of all images.
std::vector<float> carried(const exporting::Engine& stage, std::span<const float> inputs, std::size_t count) {
  const std::size_t size = inputs.size() / count;
  std::vector<float> maps;
  for (std::size_t first = 0; first < count; first += kCarriedTogether) {
    const std::size_t n = std::min<std::size_t>(kCarriedTogether, count - first);
    const exporting::NamedOutputs outputs = stage.run(inputs.subspan(first * size, n * size), static_cast<int>(n));
    const std::vector<float>& part = outputs.at("carry");
    maps.insert(maps.end(), part.begin(), part.end());
  }
  return maps;
}

Int8Subnet family_subnet(const Workspace& w, const StagedNet& net) {
  std::vector<std::uint32_t> images = int8_images(w.dataset, w.splits, w.config.seed).ranges;
  images.resize(std::min(images.size(), kImages));
  Int8Subnet made{.stages = {}, .preprocess = own_preprocess(*net.network)};
  std::vector<float> inputs = network_inputs(w, images, made.preprocess);
  exporting::QuantizeOptions options;
  options.range = w.config.int8.range;
  options.percentile = w.config.int8.percentile;
  options.probes = 0;
  options.batch = kCarriedTogether;
  options.threads = w.threads;
  for (model::Graph& graph : family_graphs(w, net)) {
    const bool last = made.stages.size() == net.exits.size();
    const std::string name = graph.name;
    onnx::ModelProto model;
    model.ParseFromString(exporting::quantize_graph(std::move(graph), inputs, images.size(), options).bytes);
    made.stages.push_back(exporting::onnx_engine(name, model, w.threads));
    if (!last) inputs = carried(made.stages.back(), inputs, images.size());
  }
  return made;
}

}  // namespace

Int8Subnet int8_subnet(const Workspace& w, const supernet::AnyNetwork& subnet) {
  const StagedNet net{
      .name = "subnet", .network = subnet, .exits = subnet->exits(), .precision = plan::Precision::int8};
  return subnet->any_space().is_plain() ? plain_subnet(w, net) : family_subnet(w, net);
}

}  // namespace triage::workflow
