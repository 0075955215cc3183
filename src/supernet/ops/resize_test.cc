#include "supernet/ops/resize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace triage::supernet {
namespace {

// What each pixel of an axis is made of, as Pillow says it (Resample.c): a triangle around the pixel's centre, as wide
// as an output pixel where the axis shrinks, cut off at the borders; the weights sum to 1.
std::vector<std::vector<double>> filter_of(int in, int out) {
  const double scale = static_cast<double>(in) / out, wide = std::max(1.0, scale);
  std::vector<std::vector<double>> all;
  for (int o = 0; o < out; ++o) {
    const double centre = (o + 0.5) * scale;
    std::vector<double> weights;
    double sum = 0;
    for (int i = 0; i < in; ++i) {
      weights.push_back(std::max(0.0, 1 - std::abs(i + 0.5 - centre) / wide));
      sum += weights.back();
    }
    for (double& weight : weights) weight /= sum;
    all.push_back(std::move(weights));
  }
  return all;
}

TEST(Resized, PixelsAreTheSumsOfPillowsFilter) {
  torch::manual_seed(1);
  const int sizes[][4] = {{8, 8, 6, 6}, {8, 8, 12, 12}, {9, 7, 4, 16}, {32, 32, 24, 24}, {8, 8, 1, 1}};
  for (const auto& [height, width, to_height, to_width] : sizes) {
    const at::Tensor images = at::randn({2, 3, height, width}).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor found = resized(images, to_height, to_width, at::kFloat);
    ASSERT_EQ(found.sizes(), at::IntArrayRef({2, 3, to_height, to_width}));
    const auto rows = filter_of(height, to_height), columns = filter_of(width, to_width);
    const auto from = images.accessor<float, 4>(), to = found.accessor<float, 4>();
    for (int n = 0; n < 2; ++n) {
      for (int c = 0; c < 3; ++c) {
        for (int y = 0; y < to_height; ++y) {
          for (int x = 0; x < to_width; ++x) {
            double expected = 0;
            for (int i = 0; i < height; ++i)
              for (int k = 0; k < width; ++k) expected += rows[y][i] * columns[x][k] * from[n][c][i][k];
            EXPECT_NEAR(to[n][c][y][x], expected, 1e-5) << height << "x" << width << " at " << y << ", " << x;
          }
        }
      }
    }
  }
}

TEST(Resized, TheTypeIsTheOneAskedFor) {
  const at::Tensor images = at::randn({1, 3, 8, 8});
  EXPECT_EQ(resized(images.to(at::kBFloat16), 6, 6, at::kFloat).scalar_type(), at::kFloat);
  EXPECT_EQ(resized(images, 6, 6, at::kDouble).scalar_type(), at::kDouble);
  EXPECT_FALSE(resized(images.clone().requires_grad_(), 6, 6, at::kFloat).requires_grad());
}

}  // namespace
}  // namespace triage::supernet
