// Many subnets in one pass of a Network.
#include <algorithm>

#include "core/error.h"
#include "supernet/network.h"
#include "supernet/ops/layer_ops.h"

namespace triage::supernet {

NetworkOutput NetworkImpl::forward_groups(const at::Tensor& images, const at::Tensor& channels) {
  check_images(images);
  if (!is_training()) fail("network {}: expected training mode for groups of subnets", space_.text());
  NetworkOutput output;
  at::Tensor x = images.to(options_.bf16 ? at::kBFloat16 : at::kFloat);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const plan::ConvLayer& place = layers_[i];
    const bool optional =
        space_.blocks[static_cast<std::size_t>(place.block)][static_cast<std::size_t>(place.index)].optional;
    x = train_layer_of_groups(x, weights_[i].weight, weights_[i].bias, place.pool, options_.epsilon,
                              has_identity(place), channels.select(1, std::int64_t(i)).narrow(1, 0, place.out_channels),
                              optional);
    if (i + 1 < layers_.size() && layers_[i + 1].block == place.block) continue;
    const auto exit = std::ranges::find(options_.exits, place.block);
    if (exit == options_.exits.end()) continue;
    const Head& head = heads_[static_cast<std::size_t>(exit - options_.exits.begin())];
    output.exits.push_back(run_head(head, passing_back(aten_ops().global_max(x)), head.weight.size(1)));
  }
  output.logits = run_head(heads_.back(), aten_ops().global_max(x), heads_.back().weight.size(1));
  return output;
}

at::Tensor NetworkImpl::channels_of(const std::vector<plan::ArchSpec>& subnets) const {
  int widest = 0;
  for (const plan::ConvLayer& layer : layers_) widest = std::max(widest, layer.out_channels);
  at::Tensor channels = at::zeros({std::ssize(subnets), std::ssize(layers_), widest}, at::kBool);
  bool* row = channels.mutable_data_ptr<bool>();
  for (const plan::ArchSpec& subnet : subnets) {
    space_.check(subnet);
    for (const plan::ConvLayer& layer : layers_) {
      const std::vector<int>& block = subnet.blocks[static_cast<std::size_t>(layer.block)];
      const auto index = static_cast<std::size_t>(layer.index);
      if (index < block.size()) std::fill_n(row, block[index], true);
      row += widest;
    }
  }
  return channels;
}

}  // namespace triage::supernet
