// Batches for training: shuffled, augmented and normalised on a prefetch thread. Every batch is a function of
// (seed, step) alone, so a loader opened at any step yields what an uninterrupted one would have.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/sized_images.h"

namespace triage::data {

struct AugmentOptions {
  int shift = 2;     // pixels, reflected border, uniform in [-shift, shift] in x and y
  bool flip = true;  // horizontal; alternating: images flipped in odd epochs are not in even ones (Jordan 2024)
  int cutout = 0;    // side of a square set to the mean; 0: none
};

struct Normalization {  // per channel, of values in [0, 1]: (x - mean) / stddev
  std::vector<float> mean, stddev;
};
// Of an encoded set at most 10,000 of the images are decoded, evenly spaced in `indices`.
Normalization measure_normalization(const Dataset& dataset, std::span<const std::uint32_t> indices);

enum class PixelType { bf16, fp32 };

struct LoaderOptions {
  int batch = 512;
  std::uint64_t seed = 1;
  PixelType pixels = PixelType::bf16;
  AugmentOptions augment;  // of an image that has its size
  SizeOptions size;        // encoded sets: of the network's input; each image is a random crop of the stored one
  int prefetch = 3;        // batches made ahead
  int threads = 1;         // that make them, one batch each
  int views = 0;           // augmentation repeats after this many epochs (order does not), so that something computed
                           // for an augmented image can be kept; 0: every epoch differs
};

struct Batch {
  std::uint64_t step = 0;
  int size = 0;
  std::vector<std::uint8_t> pixels;  // [size, height, width, channels] of PixelType, normalised
  std::vector<std::int64_t> labels;
  std::vector<std::uint32_t> indices;  // into the Dataset
};

// Infinite stream of full batches over `indices`, reshuffled each epoch; the remainder of an epoch is dropped.
class TrainLoader {
 public:
  TrainLoader(const Dataset& dataset, std::vector<std::uint32_t> indices, const Normalization& normalization,
              LoaderOptions options, std::uint64_t first_step);
  ~TrainLoader();
  std::uint64_t steps_per_epoch() const;
  Batch next();                 // blocks; throws what the thread threw
  void recycle(Batch&& batch);  // optional: hands the buffers back

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Evaluation: `indices` in order, the middle of each image, no augmentation. size: as LoaderOptions.
Batch make_eval_batch(const Dataset& dataset, std::span<const std::uint32_t> indices,
                      const Normalization& normalization, PixelType pixels, const SizeOptions& size = {});

}  // namespace triage::data
