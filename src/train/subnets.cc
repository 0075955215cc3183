#include "train/subnets.h"

#include <algorithm>

#include "core/rng.h"
#include "train/trainer.h"

namespace triage::train {
namespace {

constexpr std::size_t kBatch = 512;

// `count` of `all`, in an order that depends on the seed alone.
std::vector<std::uint32_t> choose(std::span<const std::uint32_t> all, std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> chosen(all.begin(), all.end());
  Rng rng(derive_seed(seed, "recalibration images"));
  count = std::min(count, chosen.size());
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(chosen[i], chosen[i + rng.below(static_cast<std::uint32_t>(chosen.size() - i))]);
  }
  chosen.resize(count);
  return chosen;
}

}  // namespace

ImageBatches::ImageBatches(const data::Dataset& data, std::span<const std::uint32_t> indices,
                           const data::Normalization& norm, const supernet::NetworkImpl& network)
    : size_(indices.size()) {
  const at::Device device = network.state().front().tensor.device();
  const data::PixelType type = network.options().bf16 ? data::PixelType::bf16 : data::PixelType::fp32;
  for (std::size_t first = 0; first < indices.size(); first += kBatch) {
    const auto part = indices.subspan(first, std::min(kBatch, indices.size() - first));
    const data::Batch batch = data::make_eval_batch(data, part, norm, type);
    batches_.push_back(to_tensor(batch, data, type, device).clone());  // the batch owns its pixels
  }
}

SubnetCutter::SubnetCutter(const supernet::Network& supernet, const data::Dataset& data,
                           std::span<const std::uint32_t> train, const data::Normalization& normalization,
                           const RecalibrationOptions& options)
    : supernet_(supernet), images_(data, choose(train, options.images, options.seed), normalization, *supernet) {}

supernet::Network SubnetCutter::cut(const plan::ArchSpec& subnet) const {
  const at::NoGradGuard no_grad;
  supernet::Network network(supernet_->extract(subnet));
  network->train();
  network->recalibrate_begin();
  for (const at::Tensor& batch : images_.batches()) network->forward(batch);
  network->recalibrate_end();
  network->eval();
  return network;
}

at::Tensor exit_logits(supernet::Network& network, const ImageBatches& images) {
  const at::NoGradGuard no_grad;
  const auto exits = static_cast<std::int64_t>(network->options().exits.size()) + 1;
  at::Tensor all = at::empty({exits, static_cast<std::int64_t>(images.size()), network->classes()});
  std::int64_t first = 0;
  for (const at::Tensor& batch : images.batches()) {
    const supernet::NetworkOutput output = network->forward(batch);
    for (std::int64_t e = 0; e < exits; ++e) {
      const at::Tensor& logits = e + 1 < exits ? output.exits[static_cast<std::size_t>(e)] : output.logits;
      all[e].narrow(0, first, batch.size(0)).copy_(logits);
    }
    first += batch.size(0);
  }
  return all;
}

}  // namespace triage::train
