// Subnets of a trained supernet as ordinary networks, and what their exits say.
#pragma once

#include <map>
#include <tuple>

#include "core/label.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "supernet/any_network.h"

namespace triage::train {

// Batches of prepared images in the type and size and on the device that a network takes, made once and asked often.
class ImageBatches {
 public:
  ImageBatches(const data::Dataset& data, std::span<const std::uint32_t> indices, const data::Normalization& norm,
               const supernet::AnyNetworkImpl& network);
  const std::vector<at::Tensor>& batches() const { return batches_; }  // [n, C, H, W], channels last
  std::size_t size() const { return size_; }

 private:
  std::vector<at::Tensor> batches_;
  std::size_t size_;
};

// Images of a data set as each network sees them: at its resolution, in its type. Made when the first network of a kind
// asks, then kept. Not thread-safe; the data set must outlive it.
class SeenImages {
 public:
  SeenImages(const data::Dataset& data, std::span<const std::uint32_t> indices, data::Normalization normalization);
  const ImageBatches& of(const supernet::AnyNetworkImpl& network) const;

 private:
  const data::Dataset& data_;
  std::vector<std::uint32_t> indices_;
  data::Normalization normalization_;
  mutable std::map<std::tuple<int, int, bool>, ImageBatches> images_;  // by height, width, bf16
};

struct RecalibrationOptions {
  std::size_t images = 2048;  // of the train split, not augmented
  std::uint64_t seed = 1;     // which of them
};

// Cuts subnets whose batch statistics are measured for them: a slice of the supernet's own does not fit and costs tens
// of points (Yu, Huang 2019); each sees the images at its own resolution. The supernet is not changed. Not thread-safe;
// the data set must outlive it.
class SubnetCutter {
 public:
  SubnetCutter(supernet::AnyNetwork supernet, const data::Dataset& data, std::span<const std::uint32_t> train,
               const data::Normalization& normalization, const RecalibrationOptions& options = {});

  // In inference mode. Throws Error when the subnet is not in the supernet's space.
  supernet::AnyNetwork cut(const family::ArchSpec& subnet) const;

 private:
  supernet::AnyNetwork supernet_;
  SeenImages images_;
};

// What every exit says about every image, the last exit at the end. The network is in inference mode.
struct ExitAnswers {
  std::vector<float> logits;     // [exits, images, classes]
  std::vector<char> right;       // [exits, images]: the likeliest class is the label
  std::vector<double> accuracy;  // [exits]: share of those
};
ExitAnswers ask_exits(supernet::AnyNetworkImpl& network, const ImageBatches& images, std::span<const Label> labels);

}  // namespace triage::train
