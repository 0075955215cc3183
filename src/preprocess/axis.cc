#include "preprocess/axis.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace triage::preprocess {
namespace {

struct Filter {  // as a function of the distance in pixels
  double support;
  double (*weight)(double distance);
};

double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

double triangle(double x) { return std::max(1 - std::abs(x), 0.0); }

// Keys' cubic convolution.
double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

Filter pillow_filter(Interpolation interpolation) {
  if (interpolation == Interpolation::area) return {0.5, box};
  if (interpolation == Interpolation::bicubic) return {2, [](double x) { return cubic(x, -0.5); }};
  return {1, triangle};
}

// Weights of the pixels first, first + 1, ... of the image.
struct Pixels {
  int first = 0;
  std::vector<double>& weights;
};

// precompute_coeffs of Pillow: the filter is widened where the image shrinks.
void pillow_pixels(const AxisWindow& window, const Filter& filter, int i, Pixels& pixels) {
  const double scale = static_cast<double>(window.in) / window.resized, widened = std::max(scale, 1.0);
  const double support = filter.support * widened, centre = (i + 0.5) * scale, inverse = 1 / widened;
  const auto cut_off = [](double value) { return static_cast<int>(value); };
  pixels.first = std::max(cut_off(centre - support + 0.5), 0);
  const int end = std::min(cut_off(centre + support + 0.5), window.in);
  double sum = 0;
  for (int x = 0; x < end - pixels.first; ++x) {
    const double weight = filter.weight((x + pixels.first - centre + 0.5) * inverse);
    pixels.weights.push_back(weight);
    sum += weight;
  }
  for (double& weight : pixels.weights) {
    if (sum != 0) weight /= sum;
  }
}

// Pixels outside the image are those at its edge.
void add_clamped(const AxisWindow& window, int at, double weight, Pixels& pixels) {
  const int inside = std::clamp(at, 0, window.in - 1);
  if (pixels.weights.empty()) pixels.first = inside;
  const auto index = static_cast<std::size_t>(inside - pixels.first);
  if (index >= pixels.weights.size()) pixels.weights.resize(index + 1);
  pixels.weights[index] += weight;
}

// computeResizeAreaTab of OpenCV: how much of each pixel lies in the cell.
void opencv_area(const AxisWindow& window, double scale, int i, Pixels& pixels) {
  constexpr double kSliver = 1e-3;  // of a pixel: not counted
  const double begin = i * scale, end = begin + scale, cell = std::min(scale, window.in - begin);
  const int last = std::min(static_cast<int>(std::floor(end)), window.in - 1);
  const int first = std::min(static_cast<int>(std::ceil(begin)), last);
  if (first - begin > kSliver) add_clamped(window, first - 1, (first - begin) / cell, pixels);
  for (int x = first; x < last; ++x) add_clamped(window, x, 1 / cell, pixels);
  if (end - last > kSliver) add_clamped(window, last, std::min(std::min(end - last, 1.0), cell) / cell, pixels);
}

void opencv_pixels(const AxisKey& key, int i, Pixels& pixels) {
  const AxisWindow& window = key.window;
  const double inverse = static_cast<double>(window.resized) / window.in, scale = 1 / inverse;
  if (key.interpolation == Interpolation::area && key.shrinks) return opencv_area(window, scale, i, pixels);
  auto at = static_cast<float>((i + 0.5) * scale - 0.5);
  int left = static_cast<int>(std::floor(at));
  float part = at - static_cast<float>(left);
  if (key.interpolation == Interpolation::area) {  // enlarged: between two pixels only where the cell covers both
    left = static_cast<int>(std::floor(i * scale));
    part = static_cast<float>((i + 1) - (left + 1) * inverse);
    part = part <= 0 ? 0 : part - std::floor(part);
  }
  if (key.interpolation == Interpolation::bicubic) {
    for (int t = -1; t <= 2; ++t) add_clamped(window, left + t, cubic(t - part, -0.75), pixels);
  } else {
    add_clamped(window, left, 1 - part, pixels);
    add_clamped(window, left + 1, part, pixels);
  }
}

// Positions are summed up as the libraries do, since the last bits decide.
void fill_nearest(const AxisKey& key, AxisTable& table) {
  const AxisWindow& window = key.window;
  const double pillow_step = static_cast<double>(window.in) / window.resized;
  const double opencv_step = 1 / (static_cast<double>(window.resized) / window.in);
  double at = pillow_step * 0.5;
  for (int i = 0; i < window.first + window.count; ++i, at += pillow_step) {
    if (i < window.first) continue;
    const double position = key.resampler == Resampler::pillow ? at : std::floor(i * opencv_step);
    table.first.push_back(std::min(static_cast<int>(position), window.in - 1));
  }
}

std::int32_t fixed_point(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

// Leaves `taps` of the table's, as many as any pixel needs: those that would lie behind the image are moved into it.
void keep_taps(int taps, AxisTable& table) {
  const int in = table.key.window.in, from = table.taps;
  for (std::size_t i = 0; i < table.first.size(); ++i) {
    const int moved = std::max(table.first[i] + taps - in, 0);
    const auto weights = table.weights.begin() + static_cast<std::ptrdiff_t>(i) * from;
    std::rotate(weights, weights + taps - moved, weights + taps);  // what comes in front is 0
    std::copy_n(weights, taps, table.weights.begin() + static_cast<std::ptrdiff_t>(i) * taps);
    table.first[i] -= moved;
  }
  table.weights.resize(table.first.size() * static_cast<std::size_t>(taps));
  table.taps = taps;
}

}  // namespace

AxisWindow centre_window(int in, int resized, int output) {
  AxisWindow window{.in = in, .resized = resized, .count = std::min(resized, output), .output = output};
  if (resized < output) {
    window.before = (output - resized) / 2;
  } else {
    const int cut = resized - output, half = cut / 2;
    window.first = cut % 2 == 1 && half % 2 == 1 ? half + 1 : half;
  }
  return window;
}

Windows windows(const Preprocess& preprocess, int height, int width) {
  for (const int side : {height, width}) {
    if (side < 1 || side > kMaxImageSide)
      fail("image: found {}x{} (height x width), expected 1 to {} pixels a side", height, width, kMaxImageSide);
  }
  const Resize& resize = preprocess.resize;
  int rows = height, columns = width;
  if (resize.mode == ResizeMode::exact) {
    rows = resize.height, columns = resize.width;
  } else if (resize.mode == ResizeMode::shorter) {
    const auto longer =
        static_cast<int>(std::int64_t{resize.height} * std::max(height, width) / std::min(height, width));
    rows = height <= width ? resize.height : longer;
    columns = height <= width ? longer : resize.height;
  }
  return {.rows = centre_window(height, rows, preprocess.height),
          .columns = centre_window(width, columns, preprocess.width)};
}

void fill_table(const AxisKey& key, AxisTable& table) {
  const AxisWindow& window = key.window;
  const auto count = static_cast<std::size_t>(window.count);
  table.key = key;
  table.copies = window.in == window.resized;
  table.first.clear();
  table.weights.clear();
  table.taps = 1;
  if (table.copies) {
    for (int i = 0; i < window.count; ++i) table.first.push_back(window.first + i);
  } else if (key.interpolation == Interpolation::nearest) {
    fill_nearest(key, table);
  }
  if (!table.first.empty()) {
    table.weights.assign(count, 1 << kWeightBits);
    return;
  }
  const bool pillow = key.resampler == Resampler::pillow;
  const Filter filter = pillow_filter(key.interpolation);
  const double shrink = std::max(static_cast<double>(window.in) / window.resized, 1.0);
  const double support = pillow ? filter.support * shrink : key.interpolation == Interpolation::bicubic ? 2 : shrink;
  table.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  table.weights.assign(count * static_cast<std::size_t>(table.taps), 0);
  int most = 1;
  for (std::size_t i = 0; i < count; ++i) {
    table.one.clear();
    Pixels pixels{.weights = table.one};
    const int at = window.first + static_cast<int>(i);
    if (pillow) {
      pillow_pixels(window, filter, at, pixels);
    } else {
      opencv_pixels(key, at, pixels);
    }
    table.first.push_back(pixels.first);
    most = std::max(most, static_cast<int>(pixels.weights.size()));
    std::ranges::transform(pixels.weights, table.weights.begin() + static_cast<std::ptrdiff_t>(i) * table.taps,
                           fixed_point);
  }
  keep_taps(most, table);
}

}  // namespace triage::preprocess
