// Batches for training: shuffled, augmented and normalised on a prefetch thread. Every batch is a function of
// (seed, step) alone, so a loader opened at any step yields what an uninterrupted one would have.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/sized_images.h"

namespace triage::data {

// What is done to training images, in the order of pixel_ops.h; 0 (crop_area: 1) leaves a part out.
struct AugmentOptions {
  int shift = 2;         // pixels, reflected border, uniform in [-shift, shift] in x and y
  bool flip = true;      // horizontal; alternating: images flipped in odd epochs are not in even ones (Jordan 2024)
  int cutout = 0;        // side of a square set to the mean
  double crop_area = 1;  // least share of a random crop that is brought back to size (Szegedy et al. 2015)
  double trivial_augment = 0;  // share of the images that TrivialAugment changes (Müller, Hutter 2021)
  double brightness = 0, contrast = 0, saturation = 0;  // color jitter: factors are uniform in 1 - this to 1 + this
  double erase = 0;  // share of the images of which a rectangle is set to the mean (random erasing, Zhong et al. 2020)
  // Images are mixed with the next of their batch, and labels with them; the share is drawn from Beta(this, this):
  // blended (mixup, Zhang et al. 2018), or a rectangle pasted (cutmix, Yun et al. 2019). Both: each half of the time.
  double mixup = 0, cutmix = 0;
  int clean_epochs = 0;  // at the end, without mixing

  bool warps() const { return crop_area < 1 || trivial_augment > 0; }
  bool jitters() const { return brightness > 0 || contrast > 0 || saturation > 0; }
  bool mixes() const { return mixup > 0 || cutmix > 0; }
};

struct Normalization {  // per channel, of values in [0, 1]: (x - mean) / stddev
  std::vector<float> mean, stddev;
};
// Of an encoded set at most 10,000 of the images are decoded, evenly spaced in `indices`.
Normalization measure_normalization(const Dataset& dataset, std::span<const std::uint32_t> indices);

enum class PixelType { bf16, fp32 };

struct LoaderOptions {
  int batch = 512;
  int first = 0, count = 0;  // the part of each batch that is made: so many images from there; 0: all
  std::uint64_t seed = 1;
  PixelType pixels = PixelType::bf16;
  AugmentOptions augment;  // of an image that has its size
  SizeOptions size;        // encoded sets: of the network's input; each image is a random crop of the stored one
  int prefetch = 3;        // batches made ahead
  int threads = 1;         // that make them, one batch each
  int views = 0;           // augmentation repeats after this many epochs (order does not), so that something computed
                           // for an augmented image can be kept; 0: every epoch differs. Mixing never repeats
  std::uint64_t mixed_epochs = ~std::uint64_t{0};  // epochs from here on are not mixed
};

struct Batch {
  std::uint64_t step = 0;
  int size = 0, height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;  // [size, height, width, channels] of PixelType, normalised
  std::vector<std::int64_t> labels;
  std::vector<std::uint32_t> indices;  // into the Dataset
  // Of each image in what it was mixed into; the rest is of the next image of the batch, of the last one the first,
  // which is of class partners[i]. Both empty: not mixed.
  std::vector<float> shares;
  std::vector<std::int64_t> partners;
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

// Evaluation: `indices` in order, no augmentation; as SizedImages::centre() gives them.
Batch make_eval_batch(const Dataset& dataset, std::span<const std::uint32_t> indices,
                      const Normalization& normalization, PixelType pixels, const SizeOptions& size = {});

}  // namespace triage::data
