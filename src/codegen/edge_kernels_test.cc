// The kernels around the convolutions against their definitions in edge_key.h, on maps of all widths.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "codegen/codegen_test_support.h"
#include "codegen/kernel_code.h"
#include "codegen/machine_code.h"
#include "core/rng.h"

namespace triage::codegen {
namespace {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

using Floats = Halide::Buffer<float>;

// One map in memory with its border, and what its values mean.
struct EdgeMap {
  EdgeKey key;
  DotTypes types;
  float scale = 1;
  int zero = 0;
  Halide::Buffer<> memory;  // (channel, x, y), both from -1

  EdgeMap(const EdgeKey& of, const Target& target, Rng& rng)
      : key(of),
        types(dot_types(of.precision, target)),
        memory(halide_type(types.map), of.stored, of.width + 2, of.height + 2) {
    memory.translate({0, -1, -1});
    if (!int8()) return;
    scale = static_cast<float>(0.01 + rng.uniform());
    zero = static_cast<int>(rng.below(256));
  }
  bool int8() const { return key.precision == plan::Precision::int8; }

  Halide::Buffer<> inside() {
    Halide::Buffer<> view = memory;
    view.crop(1, 0, key.width);
    view.crop(2, 0, key.height);
    return view;
  }
  Floats grid() const {
    Floats grid(2);
    grid(0) = scale;
    grid(1) = static_cast<float>(zero + types.offset);
    return grid;
  }
  template <class Action>
  void visit(int c, int x, int y, const Action& action) {
    switch (types.map) {
      case engine::ElementType::u8:
        return action(memory.as<std::uint8_t>()(c, x, y));
      case engine::ElementType::i8:
        return action(memory.as<std::int8_t>()(c, x, y));
      case engine::ElementType::i16:
        return action(memory.as<std::int16_t>()(c, x, y));
      default:
        return action(memory.as<float>()(c, x, y));
    }
  }
  void set(int c, int x, int y, float value) {
    visit(c, x, y, [&]<class T>(T& to) { to = static_cast<T>(value); });
  }
  float stored(int c, int x, int y) {
    float found = 0;
    visit(c, x, y, [&](auto& value) { found = static_cast<float>(value); });
    return found;
  }
  double real(int c, int x, int y) {
    const double value = stored(c, x, y);
    return int8() ? (value - types.offset - zero) * double(scale) : value;
  }
  // A real value as it is stored.
  float rounded(float value) const {
    if (!int8()) return value;
    return std::clamp(std::nearbyint(value / scale) + static_cast<float>(zero), 0.0f, 255.0f) +
           static_cast<float>(types.offset);
  }
  void fill(Rng& rng) {
    for (int y = -1; y <= key.height; ++y)
      for (int x = -1; x <= key.width; ++x)
        for (int c = 0; c < key.stored; ++c)
          set(c, x, y,
              int8() ? static_cast<float>(rng.below(256)) + static_cast<float>(types.offset)
                     : static_cast<float>(rng.normal()));
  }
};

LoadedKernel callable(const EdgeKey& key, const Target& target) {
  return LoadedKernel(edge_code(key, target), key.text(), target);
}

Floats random_floats(const std::vector<int>& sizes, Rng& rng) {
  Floats buffer(sizes);
  buffer.for_each_value([&](float& value) { value = static_cast<float>(rng.normal()); });
  return buffer;
}

void check_prepare(const EdgeKey& key, const Target& target, Rng& rng) {
  EdgeMap map(key, target, rng);
  map.fill(rng);
  const float border = map.stored(0, -1, 0);
  Floats image = random_floats({key.width, key.height, key.channels}, rng), mean = random_floats({key.channels}, rng);
  Halide::Buffer<> inside = map.inside();
  ASSERT_EQ(callable(key, target)(image, mean, map.grid(), inside), 0);
  for (int y = 0; y < key.height; ++y)
    for (int x = 0; x < key.width; ++x)
      for (int c = 0; c < key.stored; ++c)
        ASSERT_EQ(map.stored(c, x, y), map.rounded(c < key.channels ? image(x, y, c) - mean(c) : 0.0f))
            << key.text() << ": " << c << ' ' << x << ' ' << y;
  EXPECT_EQ(map.stored(0, -1, 0), border);
}

void check_readers(EdgeKey key, const Target& target, Rng& rng) {
  EdgeMap map(key, target, rng);
  map.fill(rng);
  Halide::Buffer<> inside = map.inside();
  key.kind = EdgeKind::carry_out;
  Floats carried(key.width, key.height, key.channels);
  ASSERT_EQ(callable(key, target)(inside, map.grid(), carried), 0);
  key.kind = EdgeKind::mean;
  Floats means(key.channels);
  ASSERT_EQ(callable(key, target)(inside, map.grid(), means), 0);
  key.kind = EdgeKind::head, key.classes = 3;
  Floats weight = random_floats({key.stored, 3}, rng), bias = random_floats({3}, rng), logits(3);
  ASSERT_EQ(callable(key, target)(inside, map.grid(), weight, bias, logits), 0);
  std::vector<double> expected(bias.begin(), bias.end());
  for (int c = 0; c < key.stored; ++c) {
    double sum = 0, largest = -1e30;
    for (int y = 0; y < key.height; ++y)
      for (int x = 0; x < key.width; ++x) {
        const double value = map.real(c, x, y);
        if (c < key.channels) {
          ASSERT_NEAR(carried(x, y, c), value, 1e-5 * (1 + std::abs(value))) << key.text();
        }
        sum += value;
        largest = std::max(largest, value);
      }
    if (c < key.channels) {
      ASSERT_NEAR(means(c), sum / (key.width * key.height), 1e-3) << key.text();
    }
    for (int k = 0; k < 3; ++k) expected[k] += weight(c, k) * largest;
  }
  for (int k = 0; k < 3; ++k)
    EXPECT_NEAR(logits(k), expected[k], 1e-4 * (1 + std::abs(expected[k]) + key.stored * 255 * map.scale))
        << key.text();
}

// From fp32 to the grid and back.
void check_conversions(EdgeKey key, const Target& target, Rng& rng) {
  EdgeMap map(key, target, rng);
  key.precision = plan::Precision::fp32;
  EdgeMap from(key, target, rng), back(key, target, rng);
  key.precision = plan::Precision::int8;
  from.fill(rng);
  Halide::Buffer<> map_inside = map.inside(), from_inside = from.inside(), back_inside = back.inside();
  key.kind = EdgeKind::round;
  ASSERT_EQ(callable(key, target)(from_inside, map.grid(), map_inside), 0);
  key.kind = EdgeKind::real;
  ASSERT_EQ(callable(key, target)(map_inside, map.grid(), back_inside), 0);
  for (int y = 0; y < key.height; ++y)
    for (int x = 0; x < key.width; ++x)
      for (int c = 0; c < key.stored; ++c) {
        ASSERT_EQ(map.stored(c, x, y), map.rounded(from.stored(c, x, y))) << key.text();
        ASSERT_FLOAT_EQ(back.stored(c, x, y), static_cast<float>(map.real(c, x, y))) << key.text();
      }
}

// Sizes of which some fit no vector; carried maps of many channels, where early exits go on.
TEST(EdgeKernels, AreTheirDefinitions) {
  Rng rng(1);
  for (const Target& target : targets_and_dots_here())
    for (const auto precision : {plan::Precision::fp32, plan::Precision::int8})
      for (const auto& [height, width] : {std::pair{1, 1}, {3, 7}, {9, 13}}) {
        EdgeKey key{.precision = precision, .height = height, .width = width};
        key.channels = 1 + static_cast<int>(rng.below(4)), key.stored = 4;
        check_prepare(key, target, rng);
        key.channels = 5 + static_cast<int>(rng.below(28)), key.stored = stored_channels(key.channels);
        check_prepare(key, target, rng);  // a carried map
        check_readers(key, target, rng);
        if (precision == plan::Precision::int8) check_conversions(key, target, rng);
      }
}

}  // namespace
}  // namespace triage::codegen
