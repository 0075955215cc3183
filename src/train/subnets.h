// Subnets of a trained supernet as ordinary networks, and what their exits say.
#pragma once

#include "core/label.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "supernet/network.h"

namespace triage::train {

// Batches of prepared images in the type and on the device that a network takes, made once and asked often.
class ImageBatches {
 public:
  ImageBatches(const data::Dataset& data, std::span<const std::uint32_t> indices, const data::Normalization& norm,
               const supernet::NetworkImpl& network);
  const std::vector<at::Tensor>& batches() const { return batches_; }  // [n, C, H, W], channels last
  std::size_t size() const { return size_; }

 private:
  std::vector<at::Tensor> batches_;
  std::size_t size_;
};

struct RecalibrationOptions {
  std::size_t images = 2048;  // of the train split, not augmented
  std::uint64_t seed = 1;     // which of them
};

// Cuts subnets whose batch statistics are measured for them: a slice of the supernet's own does not fit and costs tens
// of points (Yu, Huang 2019). The supernet is neither owned nor changed.
class SubnetCutter {
 public:
  SubnetCutter(const supernet::Network& supernet, const data::Dataset& data, std::span<const std::uint32_t> train,
               const data::Normalization& normalization, const RecalibrationOptions& options = {});

  // In inference mode. Throws Error when the subnet is not in the supernet's space.
  supernet::Network cut(const plan::ArchSpec& subnet) const;

 private:
  const supernet::Network& supernet_;
  ImageBatches images_;
};

// What every exit says about every image, the last exit at the end. The network is in inference mode.
struct ExitAnswers {
  std::vector<float> logits;     // [exits, images, classes]
  std::vector<char> right;       // [exits, images]: the likeliest class is the label
  std::vector<double> accuracy;  // [exits]: share of those
};
ExitAnswers ask_exits(supernet::Network& network, const ImageBatches& images, std::span<const Label> labels);

}  // namespace triage::train
