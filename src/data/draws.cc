// Map: the geometry of an image -> its colours -> what is erased -> mixing -> an epoch as a table.
#include "data/draws.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/rng.h"
#include "data/sized_images.h"

namespace triage::data {
namespace {

// The space of TrivialAugment (Müller, Hutter 2021, "wide"), levels 0 to kLevels. Translations end at half the side,
// which on small images is less than its 32 pixels.
constexpr std::uint32_t kLevels = 30;
constexpr double kRotate = 135 * std::numbers::pi / 180, kShear = 0.99, kTranslate = 32, kBlend = 0.99;
constexpr int kPosterized = 6;  // bits that go at the highest level
enum class Trivial {
  identity,
  rotate,
  shear_x,
  shear_y,
  translate_x,
  translate_y,
  brightness,
  contrast,
  saturation,
  sharpness,
  posterize,
  solarize,
  autocontrast,
  equalize,
  count
};

// Random erasing (Zhong et al. 2020): share of the area, aspect ratio from this to its inverse.
constexpr double kErasedLeast = 0.02, kErasedMost = 0.33, kErasedAspect = 0.3;
constexpr int kErasedTries = 10;

std::int32_t fixed(double value) { return static_cast<std::int32_t>(std::lround(value * kOne)); }

struct Affine {  // in doubles, output to input
  double yy = 1, yx = 0, y0 = 0, xy = 0, xx = 1, x0 = 0;
};

// Around the middle of the image: (y, x) - m -> the matrix -> + m.
Affine around_middle(double yy, double yx, double xy, double xx, int height, int width) {
  const double my = (height - 1) / 2.0, mx = (width - 1) / 2.0;
  return {yy, yx, my - yy * my - yx * mx, xy, xx, mx - xy * my - xx * mx};
}

// First `inner`, of the output, then the crop's part of the image, between the centres of pixels.
Warp through_crop(const Affine& inner, const Crop& crop, int height, int width) {
  const double sy = static_cast<double>(crop.height) / height, sx = static_cast<double>(crop.width) / width;
  const double oy = 0.5 * sy - 0.5 + crop.top, ox = 0.5 * sx - 0.5 + crop.left;
  return {fixed(sy * inner.yy), fixed(sy * inner.yx), fixed(sy * inner.y0 + oy),
          fixed(sx * inner.xy), fixed(sx * inner.xx), fixed(sx * inner.x0 + ox)};
}

Affine trivial_geometry(Trivial op, double level, int height, int width) {
  const auto moved = [&](int side) { return level * std::min(kTranslate, side / 2.0); };
  const double angle = level * kRotate, shear = level * kShear;
  switch (op) {
    case Trivial::rotate:
      return around_middle(std::cos(angle), std::sin(angle), -std::sin(angle), std::cos(angle), height, width);
    case Trivial::shear_x:
      return around_middle(1, 0, shear, 1, height, width);
    case Trivial::shear_y:
      return around_middle(1, shear, 0, 1, height, width);
    case Trivial::translate_x:
      return {.x0 = moved(width)};
    case Trivial::translate_y:
      return {.y0 = moved(height)};
    default:
      return {};
  }
}

// level: 0 to kLevels; sign: of the factor's distance from 1.
void trivial_color(Draw& draw, Trivial op, int level, double sign) {
  const double part = static_cast<double>(level) / kLevels;
  const auto blend = [&](ColorOp color) {
    draw.op = color;
    draw.level = fixed(1 + sign * part * kBlend);
  };
  switch (op) {
    case Trivial::brightness:
      return blend(ColorOp::brightness);
    case Trivial::contrast:
      return blend(ColorOp::contrast);
    case Trivial::saturation:
      return blend(ColorOp::saturation);
    case Trivial::sharpness:
      return blend(ColorOp::sharpness);
    case Trivial::posterize:
      draw.op = ColorOp::posterize;
      draw.level = 0xff & ~((1 << std::lround(part * kPosterized)) - 1);
      return;
    case Trivial::solarize:
      draw.op = ColorOp::solarize;
      draw.level = static_cast<std::int32_t>(std::lround(255 * (1 - part)));
      return;
    case Trivial::autocontrast:
      draw.op = ColorOp::autocontrast;
      return;
    case Trivial::equalize:
      draw.op = ColorOp::equalize;
      return;
    default:
      return;
  }
}

void draw_geometry_and_op(Draw& draw, const AugmentOptions& options, int height, int width, std::uint64_t seed,
                          std::uint64_t epoch, std::uint32_t index) {
  Crop crop{0, 0, height, width};
  if (options.crop_area < 1)
    crop = random_crop(height, width, {.height = height, .width = width, .min_area = options.crop_area}, seed, epoch,
                       index);
  Affine inner;
  if (options.trivial_augment > 0) {
    Rng rng(derive_seed(derive_seed(seed, "trivial augment", epoch), "image", index));
    if (rng.uniform() < options.trivial_augment) {
      const auto op = static_cast<Trivial>(rng.below(static_cast<std::uint32_t>(Trivial::count)));
      const auto level = static_cast<int>(rng.below(kLevels + 1));
      const double sign = rng.below(2) == 0 ? -1 : 1;
      inner = trivial_geometry(op, sign * level / kLevels, height, width);
      trivial_color(draw, op, level, sign);
    }
  }
  draw.warp = through_crop(inner, crop, height, width);
}

void draw_jitter(Draw& draw, const AugmentOptions& options, std::uint64_t seed, std::uint64_t epoch,
                 std::uint32_t index) {
  Rng rng(derive_seed(derive_seed(seed, "color jitter", epoch), "image", index));
  const auto factor = [&](double most) { return fixed(1 + most * (2 * rng.uniform() - 1)); };
  draw.brightness = factor(options.brightness);
  draw.contrast = factor(options.contrast);
  draw.saturation = factor(options.saturation);
}

int random_place(Rng& rng, int room) { return static_cast<int>(rng.below(static_cast<std::uint32_t>(room) + 1)); }

void draw_erased(Draw& draw, const AugmentOptions& options, int height, int width, std::uint64_t seed,
                 std::uint64_t epoch, std::uint32_t index) {
  Rng rng(derive_seed(derive_seed(seed, "random erasing", epoch), "image", index));
  if (rng.uniform() >= options.erase) return;
  for (int i = 0; i < kErasedTries; ++i) {
    const double area = height * width * (kErasedLeast + (kErasedMost - kErasedLeast) * rng.uniform());
    const double aspect = std::pow(kErasedAspect, 2 * rng.uniform() - 1);
    const auto h = static_cast<int>(std::lround(std::sqrt(area * aspect)));
    const auto w = static_cast<int>(std::lround(std::sqrt(area / aspect)));
    if (h < 1 || w < 1 || h > height || w > width) continue;
    draw.erased.top = random_place(rng, height - h);
    draw.erased.left = random_place(rng, width - w);
    draw.erased.height = h;
    draw.erased.width = w;
    return;
  }
}

// Marsaglia, Tsang 2000; a shape below 1 through the one above it.
double gamma_draw(Rng& rng, double shape) {
  if (shape < 1) return gamma_draw(rng, shape + 1) * std::pow(rng.uniform(), 1 / shape);
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = rng.normal(), root = 1 + c * x, v = root * root * root;
    if (v > 0 && std::log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double beta_draw(Rng& rng, double alpha) {
  const double a = gamma_draw(rng, alpha), b = gamma_draw(rng, alpha);
  return a + b > 0 ? a / (a + b) : 1;
}

// The square of cutmix (Yun et al. 2019), cut off at the border: the share is what is left.
void draw_pasted(Draw& draw, Rng& rng, double share, int height, int width) {
  const double side = std::sqrt(1 - share);
  const auto range = [&](int length, int& begin, int& count) {
    const auto wanted = static_cast<int>(std::lround(side * length)), middle = random_place(rng, length - 1);
    begin = std::clamp(middle - wanted / 2, 0, length);
    count = std::clamp(middle - wanted / 2 + wanted, 0, length) - begin;
  };
  range(height, draw.pasted.top, draw.pasted.height);
  range(width, draw.pasted.left, draw.pasted.width);
  if (draw.pasted.height <= 0 || draw.pasted.width <= 0) draw.pasted = {};
  draw.share =
      fixed(1 - static_cast<double>(draw.pasted.height) * draw.pasted.width / (static_cast<double>(height) * width));
}

}  // namespace

Draw make_draw(const AugmentOptions& options, int height, int width, std::uint64_t seed, std::uint64_t epoch,
               std::uint32_t index) {
  Draw draw;
  Rng rng(derive_seed(derive_seed(seed, "augment", epoch), "image", index));
  if (options.shift > 0) {
    const auto choices = static_cast<std::uint32_t>(2 * options.shift + 1);
    draw.shift_y = static_cast<int>(rng.below(choices)) - options.shift;
    draw.shift_x = static_cast<int>(rng.below(choices)) - options.shift;
  }
  if (options.flip) draw.flip = ((derive_seed(seed, "flip", index) ^ epoch) & 1) != 0;
  if (options.cutout > 0) {
    draw.cut_y = static_cast<int>(rng.below(static_cast<std::uint32_t>(height)));
    draw.cut_x = static_cast<int>(rng.below(static_cast<std::uint32_t>(width)));
  }
  if (options.warps()) draw_geometry_and_op(draw, options, height, width, seed, epoch, index);
  if (options.jitters()) draw_jitter(draw, options, seed, epoch, index);
  if (options.erase > 0) draw_erased(draw, options, height, width, seed, epoch, index);
  return draw;
}

void mix_draw(Draw& draw, const AugmentOptions& options, int height, int width, std::uint64_t seed, std::uint64_t epoch,
              std::uint32_t index) {
  Rng rng(derive_seed(derive_seed(seed, "mixing", epoch), "image", index));
  const bool both = options.mixup > 0 && options.cutmix > 0;
  const bool pastes = both ? rng.below(2) == 1 : options.cutmix > 0;
  const double share = beta_draw(rng, pastes ? options.cutmix : options.mixup);
  if (pastes)
    draw_pasted(draw, rng, share, height, width);
  else
    draw.share = fixed(share);
}

std::vector<std::uint32_t> epoch_order(std::size_t images, const LoaderOptions& options, std::uint64_t epoch) {
  return random_permutation(static_cast<std::uint32_t>(images), derive_seed(options.seed, "order", epoch));
}

std::uint64_t epoch_view(const LoaderOptions& options, std::uint64_t epoch) {
  return options.views > 0 ? epoch % static_cast<std::uint64_t>(options.views) : epoch;
}

bool epoch_mixes(const LoaderOptions& options, std::uint64_t epoch) {
  return options.augment.mixes() && epoch < options.mixed_epochs;
}

std::vector<std::int32_t> draw_rows(const DatasetInfo& info, std::span<const std::uint32_t> indices,
                                    const LoaderOptions& options, std::uint64_t epoch) {
  const std::vector<std::uint32_t> order = epoch_order(indices.size(), options, epoch);
  const std::uint64_t view = epoch_view(options, epoch);
  const bool mixes = epoch_mixes(options, epoch);
  const std::size_t count = indices.size() - indices.size() % static_cast<std::size_t>(options.batch);
  std::vector<std::int32_t> rows;
  rows.reserve(count * kDrawColumns);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t index = indices[order[i]];
    Draw d = make_draw(options.augment, info.height, info.width, options.seed, view, index);
    if (mixes) mix_draw(d, options.augment, info.height, info.width, options.seed, epoch, index);
    rows.insert(rows.end(), {static_cast<std::int32_t>(index),
                             d.shift_y,
                             d.shift_x,
                             d.flip,
                             d.cut_y,
                             d.cut_x,
                             d.warp.yy,
                             d.warp.yx,
                             d.warp.y0,
                             d.warp.xy,
                             d.warp.xx,
                             d.warp.x0,
                             static_cast<std::int32_t>(d.op),
                             d.level,
                             d.brightness,
                             d.contrast,
                             d.saturation,
                             d.erased.top,
                             d.erased.left,
                             d.erased.height,
                             d.erased.width,
                             d.share,
                             d.pasted.top,
                             d.pasted.left,
                             d.pasted.height,
                             d.pasted.width});
  }
  return rows;
}

}  // namespace triage::data
