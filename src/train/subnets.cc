#include "train/subnets.h"

#include <algorithm>

#include "core/rng.h"
#include "supernet/each_batch.h"
#include "train/trainer.h"

namespace triage::train {
namespace {

constexpr std::size_t kBatch = 512;
constexpr std::int64_t kPiece = 128;  // images that a thread asks about at a time

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
                           const data::Normalization& norm, const supernet::AnyNetworkImpl& network)
    : size_(indices.size()) {
  const at::Device device = network.device();
  const data::PixelType type = network.bf16() ? data::PixelType::bf16 : data::PixelType::fp32;
  for (std::size_t first = 0; first < indices.size(); first += kBatch) {
    const auto part = indices.subspan(first, std::min(kBatch, indices.size() - first));
    const data::Batch batch = data::make_eval_batch(data, part, norm, type, seen_size(network));
    batches_.push_back(to_tensor(batch, type, device).clone());  // the batch owns its pixels
  }
}

SeenImages::SeenImages(const data::Dataset& data, std::span<const std::uint32_t> indices,
                       data::Normalization normalization)
    : data_(data), indices_(indices.begin(), indices.end()), normalization_(std::move(normalization)) {}

const ImageBatches& SeenImages::of(const supernet::AnyNetworkImpl& network) const {
  const std::tuple kind(network.seen().height, network.seen().width, network.bf16());
  return images_.try_emplace(kind, data_, indices_, normalization_, network).first->second;
}

SubnetCutter::SubnetCutter(supernet::AnyNetwork supernet, const data::Dataset& data,
                           std::span<const std::uint32_t> train, const data::Normalization& normalization,
                           const RecalibrationOptions& options)
    : supernet_(std::move(supernet)), images_(data, choose(train, options.images, options.seed), normalization) {
  images_.of(*supernet_);
}

supernet::AnyNetwork SubnetCutter::cut(const family::ArchSpec& subnet) const {
  const at::NoGradGuard no_grad;
  const supernet::AnyNetwork network = supernet_->cut(subnet);
  network->train();
  network->recalibrate(images_.of(*network).batches());
  network->eval();
  return network;
}

ExitAnswers ask_exits(supernet::AnyNetworkImpl& network, const ImageBatches& images, std::span<const Label> labels) {
  const at::NoGradGuard no_grad;
  if (labels.size() != images.size()) fail("expected {} labels, found {}", images.size(), labels.size());
  const std::size_t exits = network.exits().size() + 1, classes = static_cast<std::size_t>(network.classes());
  ExitAnswers answers{std::vector<float>(exits * images.size() * classes), std::vector<char>(exits * images.size()),
                      std::vector<double>(exits)};
  struct Piece {
    at::Tensor images;
    std::size_t first;
  };
  std::vector<Piece> pieces;
  std::size_t asked = 0;
  const at::Device device = network.device();
  for (const at::Tensor& batch : images.batches()) {
    const std::int64_t most = device.is_cpu() ? kPiece : batch.size(0);
    for (std::int64_t at = 0; at < batch.size(0); at += most) {
      const std::int64_t count = std::min(most, batch.size(0) - at);
      pieces.push_back({batch.narrow(0, at, count), asked});
      asked += static_cast<std::size_t>(count);
    }
  }
  supernet::for_each_batch(device, pieces.size(), [&](std::size_t piece) {
    const supernet::NetworkOutput output = network.forward(pieces[piece].images);
    const std::size_t first = pieces[piece].first;
    const auto count = static_cast<std::size_t>(pieces[piece].images.size(0));
    for (std::size_t exit = 0; exit < exits; ++exit) {
      const at::Tensor logits = (exit + 1 < exits ? output.exits[exit] : output.logits).cpu().contiguous();
      const float* from = logits.const_data_ptr<float>();
      std::copy_n(from, count * classes, &answers.logits[(exit * images.size() + first) * classes]);
      for (std::size_t i = 0; i < count; ++i, from += classes) {
        const bool right = std::max_element(from, from + classes) - from == labels[first + i];
        answers.right[exit * images.size() + first + i] = right;
      }
    }
  });
  for (std::size_t exit = 0; exit < exits; ++exit) {
    const auto right = answers.right.begin() + static_cast<std::ptrdiff_t>(exit * images.size());
    const auto count = std::count(right, right + static_cast<std::ptrdiff_t>(images.size()), 1);
    answers.accuracy[exit] = static_cast<double>(count) / std::max(1.0, static_cast<double>(images.size()));
  }
  return answers;
}

}  // namespace triage::train
