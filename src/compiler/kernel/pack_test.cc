// The orders that kernels read weights in, against their definitions in pack.h.
#include "compiler/kernel/pack.h"

#include <gtest/gtest.h>

#include <cstring>

#include "compiler/compiler_test_support.h"
#include "compiler/kernel/winograd.h"

namespace triage::compiler {
namespace {

template <class T>
std::vector<T> values_of(const Packed& packed) {
  std::vector<T> values(packed.bytes.size() / sizeof(T));
  std::memcpy(values.data(), packed.bytes.data(), packed.bytes.size());
  return values;
}

std::vector<int> extents_of(const Packed& packed) {
  std::vector<int> extents;
  int stride = 1;
  for (const engine::Dimension& dimension : packed.dimensions) {
    EXPECT_EQ(dimension.stride, stride);
    EXPECT_EQ(dimension.min, 0);
    extents.push_back(dimension.extent);
    stride *= dimension.extent;
  }
  EXPECT_EQ(packed.bytes.size(), stride * size_of(packed.type));
  return extents;
}

// Every element at its place, all else 0.
template <class To, class From>
void expect_direct(const KernelKey& key, const Schedule& schedule, const Target& target, int group,
                   const std::vector<From>& weight) {
  const Packed packed = packed_weights(key, schedule, target, weight);
  const int block = kLanes * schedule.vectors, groups = (key.in_channels + group - 1) / group;
  const int vectors = (key.out_channels + kLanes - 1) / kLanes, blocks = vectors / schedule.vectors;
  ASSERT_EQ(extents_of(packed), (std::vector{group, block, 9 * groups, blocks})) << key.text();
  const std::vector<To> found = values_of<To>(packed);
  std::size_t at = 0;
  for (int b = 0; b < blocks; ++b)
    for (int tap = 0; tap < 9; ++tap)
      for (int g = 0; g < groups; ++g)
        for (int c = 0; c < block; ++c)
          for (int i = 0; i < group; ++i, ++at) {
            const int out = b * block + c, in = g * group + i;
            const bool exists = out < key.out_channels && in < key.in_channels;
            const To expected = exists ? static_cast<To>(weight[(out * key.in_channels + in) * 9 + tap]) : To{};
            ASSERT_EQ(found[at], expected) << key.text() << ' ' << schedule.text() << " out " << out << " in " << in;
          }
}

TEST(Pack, DirectWeightsLieAsTheirKernelReadsThem) {
  Rng rng(1);
  for (int round = 0; round < 40; ++round) {
    KernelKey key = random_key(rng);
    Schedule schedule;
    schedule.vectors = rng.below(2) == 0 ? 1 : (key.out_channels + kLanes - 1) / kLanes;
    std::vector<float> weight(std::size_t{9} * key.in_channels * key.out_channels);
    std::vector<std::int8_t> weight8(weight.size());
    for (auto& value : weight) value = static_cast<float>(rng.normal());
    for (auto& value : weight8) value = static_cast<std::int8_t>(static_cast<int>(rng.below(255)) - 127);
    for (const Target& target : every_target()) {
      expect_direct<float>(key, schedule, target, 1, weight);
      if (target.dot == DotProduct::none)
        expect_direct<std::int16_t>(key, schedule, target, 2, weight8);
      else
        expect_direct<std::int8_t>(key, schedule, target, 4, weight8);
    }
  }
}

// G g G^T, the position's row in the tile above its column: [block][row * side + column][input channel][channel].
TEST(Pack, WinogradWeightsAreTransformedFilters) {
  Rng rng(2);
  for (const auto algorithm : {Algorithm::winograd2, Algorithm::winograd4}) {
    const KernelKey key = KernelKey::parse("fp32 17->40 8x8");
    const Schedule schedule{.algorithm = algorithm, .vectors = 3, .columns = 1};
    std::vector<float> weight(std::size_t{9} * 17 * 40);
    for (auto& value : weight) value = static_cast<float>(rng.normal());
    const Packed packed = packed_weights(key, schedule, target_from_name("avx2"), weight);
    const int side = algorithm == Algorithm::winograd2 ? 4 : 6;
    ASSERT_EQ(extents_of(packed), (std::vector{48, 17, side * side, 1}));
    const std::vector<float> found = values_of<float>(packed);
    const WinogradMatrix& g = winograd(side - 2).weight;
    std::size_t at = 0;
    for (int j = 0; j < side; ++j)
      for (int i = 0; i < side; ++i)
        for (int in = 0; in < 17; ++in)
          for (int out = 0; out < 48; ++out, ++at) {
            double expected = 0;
            for (int y = 0; y < 3 && out < 40; ++y)
              for (int x = 0; x < 3; ++x)
                expected += double(g.row(j)[y]) * weight[((out * 17 + in) * 3 + y) * 3 + x] * g.row(i)[x];
            ASSERT_NEAR(found[at], expected, 1e-6);
          }
  }
}

// Y = A^T [(G g) * (B^T d)] is the correlation of m + 2 values with 3.
TEST(Pack, WinogradMatricesFilter) {
  for (const int m : {2, 4})
    for (int k = 0; k < 3; ++k)          // a filter of one tap
      for (int p = 0; p < m + 2; ++p) {  // and one value
        const Winograd& w = winograd(m);
        for (int out = 0; out < m; ++out) {
          double sum = 0;
          for (int place = 0; place < m + 2; ++place)
            sum += double(w.output.row(out)[place]) * w.weight.row(place)[k] * w.input.row(place)[p];
          EXPECT_NEAR(sum, p == out + k ? 1 : 0, 1e-6) << m;
        }
      }
}

TEST(Pack, VectorsArePaddedWithZeros) {
  const Packed packed = packed_vector(std::vector<float>{1, 2, 3}, 5);
  EXPECT_EQ(extents_of(packed), std::vector{5});
  EXPECT_EQ(values_of<float>(packed), (std::vector<float>{1, 2, 3, 0, 0}));
  const Packed integers = packed_vector(std::vector<std::int32_t>{-7}, 2);
  EXPECT_EQ(integers.type, engine::ElementType::i32);
  EXPECT_EQ(values_of<std::int32_t>(integers), (std::vector<std::int32_t>{-7, 0}));
}

// bias + sum of w (q - zero) is what the shifted bias and the products of stored values add up to.
TEST(Pack, AShiftedBiasTakesTheZeroPointOff) {
  Rng rng(3);
  const KernelKey key = KernelKey::parse("int8 5->3 4x4");
  std::vector<std::int8_t> weight(9 * 5 * 3);
  for (auto& value : weight) value = static_cast<std::int8_t>(static_cast<int>(rng.below(255)) - 127);
  const std::vector<std::int32_t> bias{100, -2000, 30'000'000};
  for (const Target& target : every_target())
    for (const int zero : {0, 7, 255}) {
      const int offset = target.dot == DotProduct::s8_s8 ? -128 : 0;
      const auto shifted = shifted_bias(key, target, weight, bias, zero);
      for (int out = 0; out < 3; ++out) {
        std::int64_t expected = bias[out], found = shifted[out];
        for (int i = 0; i < 45; ++i) {
          const int q = static_cast<int>(rng.below(256));
          expected += weight[out * 45 + i] * (q - zero);
          found += weight[out * 45 + i] * (q + offset);
        }
        EXPECT_EQ(found, expected);
      }
    }
}

}  // namespace
}  // namespace triage::compiler
