// without_onnx.cc stands in its place where there are no graphs.
#include "apps/triage/arch_net.h"

#include "family/lower.h"
#include "model/onnx/write.h"

namespace triage::cli {
namespace {

// The layers with numbers of their own, in order.
Json layers_of(const family::Blueprint& net, const model::Counts& counts) {
  Json layers = Json::array();
  for (const family::Layer& layer : net.layers) {
    const std::vector<family::WeightSpec> weights = family::weights_of(layer);
    if (weights.empty()) continue;
    std::int64_t parameters = 0, macs = 0;
    for (const family::WeightSpec& weight : weights) parameters += model::elements(weight.dims);
    const bool last = &layer == &net.layers.back();
    for (const model::NodeCount& node : counts.nodes) {
      const bool own = node.node == layer.name || (last && node.node == "logits") ||
                       node.node == layer.name + "/squeeze" || node.node == layer.name + "/excite";
      if (own) macs += node.macs;
    }
    layers.push_back({{"name", layer.name},
                      {"in_channels", layer.in_channels},
                      {"out_channels", layer.out_channels},
                      {"kernel", layer.kernel},
                      {"stride", layer.stride},
                      {"groups", layer.groups},
                      {"height", layer.height},
                      {"width", layer.width},
                      {"macs", macs},
                      {"parameters", parameters}});
  }
  return layers;
}

}  // namespace

Json describe_net(const family::ArchSpec& arch, const plan::InputShape& input, int classes) {
  const family::Blueprint net = family::blueprint(arch, input, classes);
  const model::Counts counts = family::count(arch, input, classes);
  return {{"arch", arch.text()},
          {"input", to_json(net.input)},
          {"classes", classes},
          {"macs", counts.macs},
          {"parameters", counts.parameters},
          {"peak_activation_elements", counts.peak_activation_bytes / 4},
          {"layers", layers_of(net, counts)}};
}

void write_random_net(const family::ArchSpec& arch, const plan::InputShape& input, int classes, std::uint64_t seed,
                      const std::string& file) {
  const family::Blueprint net = family::blueprint(arch, input, classes);
  model::write_onnx(file, family::lower(net, family::random_weights(seed)).graph);
}

}  // namespace triage::cli
