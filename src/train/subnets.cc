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

ExitAnswers ask_exits(supernet::Network& network, const ImageBatches& images, std::span<const Label> labels) {
  const at::NoGradGuard no_grad;
  if (labels.size() != images.size()) fail("expected {} labels, found {}", images.size(), labels.size());
  const std::size_t exits = network->options().exits.size() + 1, classes = static_cast<std::size_t>(network->classes());
  ExitAnswers answers{std::vector<float>(exits * images.size() * classes), std::vector<char>(exits * images.size()),
                      std::vector<double>(exits)};
  std::size_t first = 0;
  for (const at::Tensor& batch : images.batches()) {
    const supernet::NetworkOutput output = network->forward(batch);
    const auto count = static_cast<std::size_t>(batch.size(0));
    for (std::size_t exit = 0; exit < exits; ++exit) {
      const at::Tensor logits = (exit + 1 < exits ? output.exits[exit] : output.logits).cpu().contiguous();
      const float* from = logits.const_data_ptr<float>();
      std::copy_n(from, count * classes, &answers.logits[(exit * images.size() + first) * classes]);
      for (std::size_t i = 0; i < count; ++i, from += classes) {
        const bool right = std::max_element(from, from + classes) - from == labels[first + i];
        answers.right[exit * images.size() + first + i] = right;
        answers.accuracy[exit] += right;
      }
    }
    first += count;
  }
  for (double& accuracy : answers.accuracy) accuracy /= std::max(1.0, static_cast<double>(images.size()));
  return answers;
}

}  // namespace triage::train
