// The three passes against sums in double over the same bf16 values.
//
// Tolerances. Inputs are drawn as bf16, weights rounded to bf16 for the reference too, so products are exact in fp32
// and what remains is: the order and rounding of fp32 sums, at most about sqrt(terms) * 2^-24 of the sum of magnitudes
// for random signs (vdpbf16ps itself rounds twice a step), taken as 2^-18 of that sum; and the final rounding of
// activations to bf16, half a unit in the last place: 2^-8 of the result (2^-9, doubled for results that rounding moves
// across a tie).
#include "supernet/kernels/conv3x3_bf16.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "core/system/cpu.h"
#include "core/test_support.h"
#include "supernet/kernels/kernels_test_support.h"

namespace triage::supernet {
namespace {

bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<bf16>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
float to_float(bf16 value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }

struct Case {
  Conv3x3Shape shape;
  std::vector<bf16> x, dy;
  std::vector<float> weight;

  explicit Case(const Conv3x3Shape& s, unsigned seed = 1) : shape(s) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    x.resize(pixels() * s.in_channels);
    dy.resize(pixels() * s.out_channels);
    weight.resize(std::size_t{9} * s.in_channels * s.out_channels);
    for (bf16& v : x) v = to_bf16(normal(random));
    for (bf16& v : dy) v = to_bf16(normal(random));
    for (float& v : weight) v = normal(random);
  }
  std::size_t pixels() const { return std::size_t{1} * shape.batch * shape.height * shape.width; }
  std::vector<bf16> forward(bool winograd = false) const {
    std::vector<bf16> y(dy.size(), 0x7fc0);
    (winograd ? conv3x3_winograd_forward : conv3x3_forward)(shape, x.data(), weight.data(), y.data());
    return y;
  }
  std::vector<bf16> backward_data(bool winograd = false) const {
    std::vector<bf16> dx(x.size(), 0x7fc0);
    (winograd ? conv3x3_winograd_backward_data : conv3x3_backward_data)(shape, dy.data(), weight.data(), dx.data());
    return dx;
  }
  std::vector<float> backward_weights(bool winograd = false) const {
    std::vector<float> dweight(weight.size(), NAN);
    (winograd ? conv3x3_winograd_backward_weights : conv3x3_backward_weights)(shape, x.data(), dy.data(),
                                                                              dweight.data());
    return dweight;
  }
};

struct Reference {
  std::vector<Sum> y, dx, dweight;

  explicit Reference(const Case& c) : y(c.dy.size()), dx(c.x.size()), dweight(c.weight.size()) {
    const auto& s = c.shape;
    for (int n = 0; n < s.batch; ++n)
      for (int h = 0; h < s.height; ++h)
        for (int w = 0; w < s.width; ++w)
          for (int tap = 0; tap < 9; ++tap) {
            const int from_h = h + tap / 3 - 1, from_w = w + tap % 3 - 1;
            if (from_h < 0 || from_h >= s.height || from_w < 0 || from_w >= s.width) continue;
            const std::size_t in = ((std::size_t{1} * n * s.height + from_h) * s.width + from_w) * s.in_channels;
            const std::size_t out = ((std::size_t{1} * n * s.height + h) * s.width + w) * s.out_channels;
            for (int o = 0; o < s.out_channels; ++o)
              for (int i = 0; i < s.in_channels; ++i) {
                const std::size_t at = (std::size_t{1} * o * s.in_channels + i) * 9 + tap;
                const double weight = to_float(to_bf16(c.weight[at]));
                const double x_value = to_float(c.x[in + i]), dy_value = to_float(c.dy[out + o]);
                y[out + o].add(weight * x_value);
                dx[in + i].add(weight * dy_value);
                dweight[at].add(x_value * dy_value);
              }
          }
  }
};

constexpr double kSumTolerance = 0x1p-18, kRoundingTolerance = 0x1p-8;

// The number of values off, with the first of them in the message.
template <class Value, class ToFloat>
void expect_near(const char* pass, const std::vector<Value>& got, const std::vector<Sum>& expected, double rounding,
                 ToFloat value_of) {
  std::size_t off = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double value = value_of(got[i]),
                 limit = kSumTolerance * expected[i].magnitude + rounding * std::abs(expected[i].value);
    if (!(std::abs(value - expected[i].value) <= limit) && off++ == 0) {
      ADD_FAILURE() << pass << ": at " << i << " got " << value << ", expected " << expected[i].value << " within "
                    << limit;
    }
  }
  EXPECT_EQ(off, 0u) << pass << ": values off of " << got.size();
}

// The same for Winograd, against the standard deviation of a result.
template <class Value, class ToFloat>
void expect_near_on_average(const char* pass, const std::vector<Value>& got, const std::vector<Sum>& expected,
                            double terms, ToFloat value_of) {
  double squares = 0, largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(value_of(got[i]) - expected[i].value) / std::sqrt(terms);
    squares += error * error;
    largest = error <= largest ? largest : error;  // keeps a NaN
  }
  EXPECT_LE(largest, 8 * 0.006) << pass;
  if (got.size() > 500) {
    EXPECT_LE(std::sqrt(squares / static_cast<double>(got.size())), 0.006) << pass;
  }
}

TEST(Conv3x3Bf16OnOtherCpus, SaysSo) {
  const CpuOverride only(kAvx512Build);
  EXPECT_FALSE(conv3x3_bf16_supported());
  EXPECT_THAT(error_of([] { conv3x3_forward({1, 1, 1, 1, 1}, nullptr, nullptr, nullptr); }),
              testing::HasSubstr("got a CPU without AVX512-BF16"));
}

class Conv3x3Bf16 : public testing::TestWithParam<Conv3x3Shape> {
 protected:
  void SetUp() override {
    if (!conv3x3_bf16_supported()) GTEST_SKIP() << "this CPU has no AVX512-BF16";
  }
};

TEST_P(Conv3x3Bf16, AgreesWithSumsInDouble) {
  const Case c(GetParam());
  const Reference reference(c);
  const auto same = [](float v) { return v; };
  expect_near("forward", c.forward(), reference.y, kRoundingTolerance, to_float);
  expect_near("backward-data", c.backward_data(), reference.dx, kRoundingTolerance, to_float);
  expect_near("backward-weights", c.backward_weights(), reference.dweight, 0, same);

  const Conv3x3Shape& s = c.shape;
  expect_near_on_average("Winograd forward", c.forward(true), reference.y, 9. * s.in_channels, to_float);
  expect_near_on_average("Winograd backward-data", c.backward_data(true), reference.dx, 9. * s.out_channels, to_float);
  expect_near_on_average("Winograd backward-weights", c.backward_weights(true), reference.dweight,
                         static_cast<double>(c.pixels()), same);
}

TEST_P(Conv3x3Bf16, SameBitsForEveryThreadCountAndRun) {
  const Case c(GetParam(), 2);
  const int threads = omp_get_max_threads();
  for (bool winograd : {false, true}) {
    const auto y = c.forward(winograd), dx = c.backward_data(winograd);
    const auto dweight = c.backward_weights(winograd);
    for (int count : {1, 2, 3, 5}) {
      omp_set_num_threads(count);
      EXPECT_EQ(c.forward(winograd), y) << count << " threads";
      EXPECT_EQ(c.backward_data(winograd), dx) << count << " threads";
      EXPECT_EQ(c.backward_weights(winograd), dweight) << count << " threads";
    }
    omp_set_num_threads(threads);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Conv3x3Bf16,
    testing::Values(Conv3x3Shape{1, 1, 1, 1, 1}, Conv3x3Shape{1, 1, 5, 3, 2}, Conv3x3Shape{2, 7, 1, 5, 7},
                    Conv3x3Shape{3, 2, 2, 9, 8}, Conv3x3Shape{8, 3, 3, 8, 16}, Conv3x3Shape{5, 32, 32, 3, 24},
                    Conv3x3Shape{17, 28, 28, 1, 16}, Conv3x3Shape{7, 14, 14, 24, 40}, Conv3x3Shape{33, 7, 7, 40, 56},
                    Conv3x3Shape{64, 4, 4, 96, 88}, Conv3x3Shape{9, 8, 8, 100, 49}, Conv3x3Shape{16, 4, 4, 256, 200},
                    Conv3x3Shape{10, 32, 20, 64, 31}, Conv3x3Shape{3, 50, 70, 33, 17}, Conv3x3Shape{300, 2, 3, 17, 23}),
    [](const auto& instance) {
      const Conv3x3Shape& s = instance.param;
      return std::to_string(s.batch) + "x" + std::to_string(s.height) + "x" + std::to_string(s.width) + "_" +
             std::to_string(s.in_channels) + "to" + std::to_string(s.out_channels);
    });

TEST(Conv3x3Bf16Arguments, EmptyShapesAreErrors) {
  EXPECT_ANY_THROW(conv3x3_forward({0, 4, 4, 8, 8}, nullptr, nullptr, nullptr));
}

}  // namespace
}  // namespace triage::supernet
