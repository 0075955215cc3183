// Map: the warp -> operations on colours -> mixing.
#include "train/device/pixel_tensors.h"

#include <array>

namespace triage::train {
namespace {

using data::ColorOp;
using data::DrawColumn;
using data::kOne;

constexpr std::int64_t kHalf = kOne / 2, kBytes = 256;
constexpr std::int64_t kRed = 19595, kGreen = 38470, kBlue = 7471;  // of Rec. 601, in 1 / 65536

at::Tensor divided(const at::Tensor& value, std::int64_t by) { return at::floor_divide(value, by); }

// Factors are [n, 1, 1, 1].
at::Tensor blend(const at::Tensor& dull, const at::Tensor& value, const at::Tensor& factor) {
  return (dull * (kOne - factor) + value * factor + kHalf).bitwise_right_shift(16).clamp(0, 255);
}

at::Tensor grey_of(const at::Tensor& pixels) {  // [n, H, W, 1]
  if (pixels.size(3) == 1) return pixels;
  const auto channel = [&](std::int64_t c) { return pixels.narrow(3, c, 1); };
  return (channel(0) * kRed + channel(1) * kGreen + channel(2) * kBlue + kHalf).bitwise_right_shift(16);
}

at::Tensor contrast(const at::Tensor& pixels, const at::Tensor& factor) {
  const std::int64_t count = pixels.size(1) * pixels.size(2);
  const at::Tensor sum = grey_of(pixels).sum({1, 2, 3}, /*keepdim=*/true);  // int64
  return blend(divided(sum + count / 2, count).to(at::kInt), pixels, factor);
}

at::Tensor saturation(const at::Tensor& pixels, const at::Tensor& factor) {
  return blend(grey_of(pixels), pixels, factor);
}

at::Tensor sharpness(const at::Tensor& pixels, const at::Tensor& factor) {
  const std::int64_t height = pixels.size(1), width = pixels.size(2);
  if (height < 3 || width < 3) return pixels;
  const auto moved = [&](std::int64_t y, std::int64_t x) {
    return pixels.narrow(1, y, height - 2).narrow(2, x, width - 2);
  };
  at::Tensor sum = moved(1, 1) * 4;
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 3; ++x) sum = sum + moved(y, x);
  at::Tensor result = pixels.clone();
  result.narrow(1, 1, height - 2).narrow(2, 1, width - 2).copy_(blend(divided(sum + 6, 13), moved(1, 1), factor));
  return result;
}

at::Tensor stretched(const at::Tensor& pixels) {  // autocontrast
  const at::Tensor low = pixels.amin({1, 2}, true), range = pixels.amax({1, 2}, true) - low;
  const at::Tensor out = at::floor_divide((pixels - low) * 255 + divided(range, 2), range.clamp_min(1));
  return at::where(range.gt(0), out, pixels);
}

at::Tensor equalized(const at::Tensor& pixels) {
  const std::int64_t n = pixels.size(0), channels = pixels.size(3), count = pixels.size(1) * pixels.size(2);
  const at::Tensor values = pixels.view({n, count, channels}).transpose(1, 2).contiguous().to(at::kLong);  // [n, C, HW]
  at::Tensor counts = at::zeros({n, channels, kBytes}, pixels.options());
  counts.scatter_add_(2, values, at::ones({1}, pixels.options()).expand(values.sizes()));
  const at::Tensor last = counts.gather(2, values.amax(2, true));  // of the largest value
  const at::Tensor step = divided(count - last, 255);
  const at::Tensor below = counts.cumsum(2, at::kInt) - counts + divided(step, 2);
  const at::Tensor table = at::floor_divide(below, step.clamp_min(1)).clamp_max(255);
  const at::Tensor out = table.gather(2, values).transpose(1, 2).reshape(pixels.sizes());
  return at::where(step.transpose(1, 2).unsqueeze(1).gt(0), out, pixels);
}

at::Tensor trivial_color(const at::Tensor& pixels, const at::Tensor& draws) {
  const at::Tensor op = draw_column(draws, DrawColumn::op), level = draw_column(draws, DrawColumn::level);
  at::Tensor result = pixels;
  const auto choose = [&](ColorOp of, const at::Tensor& value) {
    result = at::where(op.eq(static_cast<int>(of)), value, result);
  };
  choose(ColorOp::brightness, blend(at::zeros_like(pixels), pixels, level));
  choose(ColorOp::contrast, contrast(pixels, level));
  choose(ColorOp::saturation, saturation(pixels, level));
  choose(ColorOp::sharpness, sharpness(pixels, level));
  choose(ColorOp::posterize, pixels.bitwise_and(level));
  choose(ColorOp::solarize, at::where(pixels.ge(level), 255 - pixels, pixels));
  choose(ColorOp::autocontrast, stretched(pixels));
  choose(ColorOp::equalize, equalized(pixels));
  return result;
}

}  // namespace

at::Tensor draw_column(const at::Tensor& draws, DrawColumn column) {
  return draws.select(1, static_cast<int>(column)).view({-1, 1, 1, 1});
}

at::Tensor warped_pixels(const StoredImages& images, const at::Tensor& draws, const data::AugmentOptions& options) {
  const std::int64_t n = draws.size(0), h = images.height, w = images.width, c = images.channels;
  const auto line = at::TensorOptions(draws.device()).dtype(at::kInt);
  const at::Tensor y = at::arange(h, line).view({1, h, 1}), x = at::arange(w, line).view({1, 1, w});
  const auto column = [&](DrawColumn of) { return draw_column(draws, of).squeeze(3); };  // [n, 1, 1]
  const at::Tensor first = column(DrawColumn::index).to(at::kLong) * (h * w);
  const auto taken = [&](const at::Tensor& row, const at::Tensor& place) {
    return images.pixels.index_select(0, (first + row * w + place).flatten()).view({n, h, w, c}).to(at::kInt);
  };
  if (!options.warps()) return taken(y, x);
  const at::Tensor row = column(DrawColumn::yy) * y + column(DrawColumn::yx) * x + column(DrawColumn::y0);
  const at::Tensor place = column(DrawColumn::xy) * y + column(DrawColumn::xx) * x + column(DrawColumn::x0);
  const auto outside = [](const at::Tensor& position, std::int64_t side) {
    return position.lt(-kHalf).logical_or(position.ge(side * kOne - kHalf));
  };
  const auto near = [](const at::Tensor& position, std::int64_t add, std::int64_t side) {
    return (position.bitwise_right_shift(16) + add).clamp(0, side - 1);
  };
  const at::Tensor down = row.bitwise_right_shift(8).bitwise_and(255).unsqueeze(3);
  const at::Tensor right = place.bitwise_right_shift(8).bitwise_and(255).unsqueeze(3);
  const auto across = [&](std::int64_t add) {
    const at::Tensor from = near(row, add, h);
    return (256 - right) * taken(from, near(place, 0, w)) + right * taken(from, near(place, 1, w));
  };
  const at::Tensor inside = ((256 - down) * across(0) + down * across(1) + kHalf).bitwise_right_shift(16);
  return at::where(outside(row, h).logical_or(outside(place, w)).unsqueeze(3), images.fill, inside);
}

at::Tensor colored_pixels(const at::Tensor& pixels, const at::Tensor& draws, const data::AugmentOptions& options) {
  at::Tensor result = pixels;
  if (options.jitters()) {
    result = blend(at::zeros_like(result), result, draw_column(draws, DrawColumn::brightness));
    result = contrast(result, draw_column(draws, DrawColumn::contrast));
    result = saturation(result, draw_column(draws, DrawColumn::saturation));
  }
  return options.trivial_augment > 0 ? trivial_color(result, draws) : result;
}

at::Tensor mixed_pixels(const at::Tensor& pixels, const at::Tensor& draws) {
  const at::Tensor pasted =
      inside_box(draws, DrawColumn::pasted_top, static_cast<int>(pixels.size(1)), static_cast<int>(pixels.size(2)));
  const at::Tensor pastes = draw_column(draws, DrawColumn::pasted_height).gt(0);
  const at::Tensor blended = at::where(pastes, kOne, draw_column(draws, DrawColumn::share));
  const at::Tensor share = at::where(pasted, 0, blended).to(at::kInt);
  return (pixels * share + pixels.roll(-1, 0) * (kOne - share) + kHalf).bitwise_right_shift(16);
}

at::Tensor inside_box(const at::Tensor& draws, DrawColumn top, int height, int width) {
  const auto column = [&](int offset) {
    return draw_column(draws, static_cast<DrawColumn>(static_cast<int>(top) + offset));
  };
  const auto line = at::TensorOptions(draws.device()).dtype(at::kInt);
  const auto within = [](const at::Tensor& position, const at::Tensor& begin, const at::Tensor& count) {
    return position.ge(begin).logical_and(position.lt(begin + count));
  };
  const at::Tensor y = at::arange(height, line).view({1, height, 1, 1}),
                   x = at::arange(width, line).view({1, 1, width, 1});
  return within(y, column(0), column(2)).logical_and(within(x, column(1), column(3)));
}

}  // namespace triage::train
