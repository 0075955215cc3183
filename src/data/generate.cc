// Each class is a shape in a colour range. An image's difficulty is drawn first: an easy one is large, of its class
// colour and nearly clean; a hard one is small, of any colour, pale, and deep in noise, so that only its shape tells.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/rng.h"
#include "core/system/limits.h"
#include "data/import/import.h"

namespace triage::data {
namespace {

constexpr int kShapes = 8;

// Is the point inside? Coordinates in units of the shape's radius, y downwards.
bool inside(int shape, double x, double y) {
  const double r = std::hypot(x, y), ax = std::abs(x), ay = std::abs(y);
  switch (shape) {
    case 0:
      return r < 1;  // disc
    case 1:
      return (ax < 0.3 && ay < 1) || (ay < 0.3 && ax < 1);  // cross
    case 2:
      return ay < 0.9 && ax < (y + 0.9) / 1.8;  // triangle
    case 3:
      return r < 1 && r > 0.6;  // ring
    case 4:
      return ay < 0.35 && ax < 1;  // lying bar
    case 5:
      return ax < 0.35 && ay < 1;  // standing bar
    case 6:
      return std::abs(x - y) < 0.45 && std::max(ax, ay) < 0.9;  // diagonal
    default:
      return std::max(ax, ay) < 0.85;  // square
  }
}

std::array<double, 3> colour_of(double hue) {
  std::array<double, 3> rgb;
  for (int c = 0; c < 3; ++c) rgb[c] = 0.5 + 0.5 * std::cos(2 * std::numbers::pi * (hue - c / 3.0));
  return rgb;
}

void draw(const GeneratedOptions& options, int label, Rng& rng, std::uint8_t* pixels) {
  const double hard = rng.uniform();
  const double radius = std::min(options.height, options.width) * (0.42 - 0.17 * hard);
  const double centre_y = 0.5 * options.height + (rng.uniform() - 0.5) * 0.3 * options.height;
  const double centre_x = 0.5 * options.width + (rng.uniform() - 0.5) * 0.3 * options.width;
  const double contrast = 0.8 - 0.45 * hard;
  const double hue = rng.uniform() < hard ? rng.uniform() : (label + 0.5 * rng.uniform()) / options.classes;
  const auto colour = options.channels == 3 ? colour_of(hue) : std::array<double, 3>{1, 1, 1};
  const double base = 0.1 + 0.15 * rng.uniform();
  for (int y = 0; y < options.height; ++y) {
    for (int x = 0; x < options.width; ++x) {
      const bool in = inside(label % kShapes, (x + 0.5 - centre_x) / radius, (y + 0.5 - centre_y) / radius);
      for (int c = 0; c < options.channels; ++c) {
        const double value = base + (in ? contrast * (0.35 + 0.65 * colour[c]) : 0.0) +
                             options.noise * (0.2 + 0.8 * hard) * 0.6 * rng.normal();
        *pixels++ = static_cast<std::uint8_t>(std::clamp(std::lround(255 * value), 0L, 255L));
      }
    }
  }
}

void check(const GeneratedOptions& options) {
  if (options.classes < 2 || options.classes > kShapes) {
    fail("generate: {} classes, expected 2 to {}", options.classes, kShapes);
  }
  if (options.channels != 1 && options.channels != 3) fail("generate: {} channels, expected 1 or 3", options.channels);
  for (const int side : {options.height, options.width}) {
    if (side < 8 || side > 256) fail("generate: a side of {} pixels, expected 8 to 256", side);
  }
  const auto classes = static_cast<std::uint32_t>(options.classes);
  if (options.train_count < classes || options.test_count < classes) {
    fail("generate: {} training and {} test images, expected at least one per class ({})", options.train_count,
         options.test_count, classes);
  }
  if (!(options.noise >= 0 && options.noise <= 10)) fail("generate: noise {}, expected 0 to 10", options.noise);
}

}  // namespace

RawDataset generate(const GeneratedOptions& options) {
  check(options);
  RawDataset raw;
  raw.info.name = "generated";
  raw.info.source = std::format("generated shapes, noise {}, seed {}", options.noise, options.seed);
  raw.info.channels = options.channels;
  raw.info.height = options.height;
  raw.info.width = options.width;
  static constexpr const char* kNames[kShapes] = {"disc",      "cross",        "triangle", "ring",
                                                  "lying bar", "standing bar", "diagonal", "square"};
  raw.info.classes.assign(kNames, kNames + options.classes);
  raw.info.train_count = options.train_count;
  raw.info.test_count = options.test_count;
  const std::size_t image_bytes = static_cast<std::size_t>(options.channels) * options.height * options.width;
  const std::size_t count = std::size_t{options.train_count} + options.test_count;
  require_memory(std::format("the pixels of {} images", count), count * image_bytes);
  raw.pixels.resize(count * image_bytes);
  raw.labels.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const bool test = i >= options.train_count;
    const auto label = static_cast<int>((test ? i - options.train_count : i) % options.classes);
    Rng rng(derive_seed(options.seed, test ? "generate.test" : "generate.train", test ? i - options.train_count : i));
    draw(options, label, rng, raw.pixels.data() + i * image_bytes);
    raw.labels[i] = static_cast<Label>(label);
  }
  return raw;
}

}  // namespace triage::data
