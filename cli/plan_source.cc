#include "cli/plan_source.h"

#include <algorithm>
#include <map>

#include "export/from_network.h"

namespace triage::cli {
namespace {

constexpr std::size_t kParityImages = 256;

// The first validation images as a network's inputs, [count, channels, height, width] in [0, 1].
std::vector<float> parity_images(const Workspace& w, std::size_t count) {
  const data::DatasetInfo& info = w.dataset.info();
  const std::size_t plane = static_cast<std::size_t>(info.height) * info.width, pixels = w.dataset.image_bytes();
  std::vector<float> images(count * pixels);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* from = w.dataset.image(w.splits.validation[i]);
    for (std::size_t p = 0; p < plane; ++p) {
      for (int c = 0; c < info.channels; ++c)
        images[i * pixels + c * plane + p] = static_cast<float>(from[p * info.channels + c]) / 255.0f;
    }
  }
  return images;
}

std::shared_ptr<const runtime::Backend> open_stage(const fs::path& file) {
  auto opened = runtime::open_onnx(file.string(), {});
  if (!opened) fail("{}", opened.error().message);
  return std::move(*opened);
}

// Stages one after the other, each from the map that the one before carries over.
exporting::Engine chain_engine(const std::string& name, std::vector<std::shared_ptr<const runtime::Backend>> chain) {
  return {name, [chain = std::move(chain)](std::span<const float> images, int n) {
            std::vector<float> map(images.begin(), images.end());
            const auto count = static_cast<std::size_t>(n);
            for (std::size_t i = 0;; ++i) {
              const runtime::StageShape& shape = chain[i]->shape();
              const bool last = i + 1 == chain.size();
              std::vector<float> logits(count * shape.classes), features(count * shape.feature_width),
                  carry(last ? 0 : count * shape.carry_size);
              const Status status = chain[i]->run(n, {.input = map.data(),
                                                      .logits = logits.data(),
                                                      .features = features.empty() ? nullptr : features.data(),
                                                      .carry = carry.empty() ? nullptr : carry.data()});
              if (!status) fail("{}", status.error().message);
              if (last) return exporting::NamedOutputs{{"logits", logits}, {"features", features}};
              map = std::move(carry);
            }
          }};
}

}  // namespace

void add_stages(std::vector<StageSource>& stages, const std::string& name, const supernet::Network& network,
                const std::vector<int>& exits) {
  for (std::size_t i = 0; i <= exits.size(); ++i) {
    const bool last = i == exits.size();
    StageSource& stage = stages.emplace_back(last ? name : std::format("{}_exit{}", name, exits[i]), network);
    stage.first_block = i > 0 ? exits[i - 1] + 1 : 0;
    stage.last_block = last ? -1 : exits[i] + 1;
    stage.source = i > 0 ? static_cast<int>(stages.size()) - 2 : -1;
    stage.carry = !last;
  }
}

std::vector<StageSource> trained_stages(const Workspace& w) {
  w.config.require_stages();
  std::vector<StageSource> stages;
  for (const StageConfig& stage : w.config.stages) {
    add_stages(stages, stage.name, train::load_trained(w.job(stage), train::Precision::fp32), stage.supernet.exits);
  }
  return stages;
}

std::string stage_file(const Workspace& w, const std::vector<StageSource>& stages, std::size_t index,
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
  const onnx::ModelProto model = exporting::stage_to_onnx(exporting::stage_from_network(*stage.network, options));
  exporting::check_model(model, stage.name + ".onnx");
  return model.SerializeAsString();
}

void check_stage_parity(const Workspace& w, const std::vector<StageSource>& stages, std::size_t index,
                        const fs::path& directory) {
  const StageSource& stage = stages[index];
  std::vector<std::shared_ptr<const runtime::Backend>> chain;
  for (int at = static_cast<int>(index); at >= 0; at = stages[at].source) {
    chain.insert(chain.begin(), open_stage(directory / (stages[at].name + ".onnx")));
  }
  const std::size_t count = std::min(kParityImages, w.splits.validation.size());
  exporting::ParityOptions options;
  options.outputs = {"logits"};
  if (chain.back()->shape().feature_width > 0) options.outputs.push_back("features");
  exporting::require_parity(exporting::check_parity(
      exporting::network_engine(*stage.network, w.normalization.mean, w.normalization.stddev,
                                static_cast<std::size_t>(stage.end_block())),
      chain_engine("onnxruntime " + stage.name, chain), parity_images(w, count), count, options));
}

}  // namespace triage::cli
