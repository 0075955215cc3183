// What happens to the images of a training, drawn on the host as whole numbers: the loader and a device
// (train/device/augment_tensors.h) carry out the same draws with the same integer arithmetic.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/loader.h"

namespace triage::data {

// Shares, factors and positions of pixels are multiples of 1 / kOne.
constexpr std::int32_t kOne = 1 << 16;

// Where an output pixel comes from: row yy * y + yx * x + y0 and column xy * y + xx * x + x0 of the input.
struct Warp {
  std::int32_t yy = kOne, yx = 0, y0 = 0, xy = 0, xx = kOne, x0 = 0;
  bool operator==(const Warp&) const = default;
};

// An operation on colours; its level is a factor for those that blend with a duller image (brightness: black, contrast:
// the mean grey, saturation: the pixel's grey, sharpness: a smoothed image), the bits that stay, or the least inverted
// value.
enum class ColorOp : std::int32_t {
  none,
  brightness,
  contrast,
  saturation,
  sharpness,
  posterize,
  solarize,
  autocontrast,
  equalize
};

struct Box {  // height 0: none
  int top = 0, left = 0, height = 0, width = 0;
};

// What happens to one image in one epoch.
struct Draw {
  int shift_y = 0, shift_x = 0;  // output pixel (y, x) shows input pixel (y + shift_y, x + shift_x)
  bool flip = false;             // the shifted image is mirrored
  int cut_y = 0, cut_x = 0;      // centre of the cutout (DeVries, Taylor 2017); the square may reach over the border
  Warp warp;                     // a random resized crop and a geometric operation of TrivialAugment, in one
  ColorOp op = ColorOp::none;    // of TrivialAugment
  std::int32_t level = 0;
  std::int32_t brightness = kOne, contrast = kOne, saturation = kOne;  // factors of the colour jitter
  Box erased;                                                          // set to the mean
  std::int32_t share = kOne;  // what stays of the image (and of its label) where it is mixed with the next of its batch
  Box pasted;                 // of cutmix: the next image's there; mixup has none
};

// A function of its arguments alone, mixing apart: `index` is the image's place in the data set. Mixing is drawn for an
// epoch, the rest for a view (epoch_view).
Draw make_draw(const AugmentOptions& options, int height, int width, std::uint64_t seed, std::uint64_t epoch,
               std::uint32_t index);
void mix_draw(Draw& draw, const AugmentOptions& options, int height, int width, std::uint64_t seed, std::uint64_t epoch,
              std::uint32_t index);

// An epoch of a TrainLoader as a table: a row for each image in the order of the batches, the index of the image and
// its draw.
enum class DrawColumn {
  index,
  shift_y,
  shift_x,
  flip,
  cut_y,
  cut_x,
  yy,
  yx,
  y0,
  xy,
  xx,
  x0,
  op,
  level,
  brightness,
  contrast,
  saturation,
  erased_top,
  erased_left,
  erased_height,
  erased_width,
  share,
  pasted_top,
  pasted_left,
  pasted_height,
  pasted_width,
  count
};
constexpr std::size_t kDrawColumns = static_cast<std::size_t>(DrawColumn::count);
std::vector<std::int32_t> draw_rows(const DatasetInfo& info, std::span<const std::uint32_t> indices,
                                    const LoaderOptions& options, std::uint64_t epoch);

// What `epoch` of a loader is made of: the order of the images, as positions in its indices, and the epoch that its
// draws are of.
std::vector<std::uint32_t> epoch_order(std::size_t images, const LoaderOptions& options, std::uint64_t epoch);
std::uint64_t epoch_view(const LoaderOptions& options, std::uint64_t epoch);
bool epoch_mixes(const LoaderOptions& options, std::uint64_t epoch);

}  // namespace triage::data
