#include "exporting/from_network.h"

#include <algorithm>

#include "core/error.h"

namespace triage::exporting {
namespace {

std::vector<float> values(const at::Tensor& tensor) {
  const auto dense = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const float* data = dense.const_data_ptr<float>();
  return {data, data + dense.numel()};
}

at::Tensor per_channel(const std::vector<float>& numbers, int channels, const char* what) {
  if (static_cast<int>(numbers.size()) != channels)
    fail("network engine: {}: found {} values, expected {}", what, numbers.size(), channels);
  return torch::tensor(numbers, torch::kFloat32).view({1, channels, 1, 1});
}

}  // namespace

StageModel stage_from_network(const supernet::NetworkImpl& network, const StageOptions& options) {
  if (static_cast<int>(options.classes.size()) != network.classes())
    fail("stage {}: found {} class names, the network has {} classes", options.name, options.classes.size(),
         network.classes());
  StageModel stage;
  stage.name = options.name;
  stage.arch = network.arch();
  stage.input = network.input();
  stage.classes = options.classes;
  stage.mean = options.mean;
  stage.stddev = options.stddev;
  stage.first_block = options.first_block;
  stage.last_block = options.last_block;
  for (const auto& layer : network.folded()) {
    if (layer.layer.block < stage.first_block || layer.layer.block >= stage.end_block()) continue;
    stage.convs.push_back({values(layer.weight), values(layer.bias)});
  }
  const auto head = network.folded_head(static_cast<std::size_t>(stage.end_block()));
  stage.head_weight = values(head.weight);
  stage.head_bias = values(head.bias);
  const int features = network.options().features_block;
  if (options.features && features >= stage.first_block && features < stage.end_block())
    stage.features_block = features;
  if (options.carry) stage.carry_block = stage.end_block() - 1;
  stage.exit = options.exit;
  stage.policy = options.policy;
  check_stage_model(stage);
  return stage;
}

Engine network_engine(const supernet::AnyNetworkImpl& network, const std::vector<float>& mean,
                      const std::vector<float>& stddev, std::size_t blocks) {
  const plan::InputShape input = network.seen();
  const supernet::AnyNetwork copy = network.copy(/*bf16=*/false);
  copy->eval();
  const auto centre = per_channel(mean, input.channels, "mean"), spread = per_channel(stddev, input.channels, "stddev");

  const std::vector<int>& exits = network.exits();
  const family::AnySpace space = network.any_space();
  const auto exit = std::ranges::find(exits, static_cast<int>(blocks) - 1) - exits.begin();
  if (blocks > 0 && blocks < space->sections() && exit == std::ssize(exits)) {
    fail("network engine: expected an exit behind {} blocks of {}, found none", blocks, space->largest().text());
  }
  return {"libtorch", [copy, centre, spread, input, exit](std::span<const float> images, int n) {
            const torch::NoGradGuard no_gradients;
            auto pixels = torch::empty({n, input.channels, input.height, input.width}, torch::kFloat32);
            if (pixels.numel() != static_cast<std::int64_t>(images.size()))
              fail("libtorch: found {} values for {} images, expected {}", images.size(), n, pixels.numel());
            std::copy(images.begin(), images.end(), pixels.data_ptr<float>());
            const auto output = copy->forward(((pixels - centre) / spread).contiguous(at::MemoryFormat::ChannelsLast),
                                              /*features=*/true);
            const bool last = exit == std::ssize(output.exits);
            const at::Tensor& logits = last ? output.logits : output.exits[static_cast<std::size_t>(exit)];
            return NamedOutputs{{"logits", values(logits)}, {"features", values(output.features)}};
          }};
}

}  // namespace triage::exporting
