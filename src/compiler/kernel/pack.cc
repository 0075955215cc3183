#include "compiler/kernel/pack.h"

#include <cstring>

#include "compiler/kernel/winograd.h"
#include "core/error.h"

namespace triage::compiler {
namespace {

using engine::ElementType;

template <class T>
Packed packed_as(const std::vector<T>& values, ElementType type, std::vector<engine::Dimension> dimensions) {
  Packed packed{
      .bytes = std::vector<std::uint8_t>(values.size() * sizeof(T)), .type = type, .dimensions = std::move(dimensions)};
  std::memcpy(packed.bytes.data(), values.data(), packed.bytes.size());
  return packed;
}

int vectors_in(const KernelKey& key) { return (key.out_channels + kLanes - 1) / kLanes; }

// Dense dimensions, innermost first.
std::vector<engine::Dimension> dense(std::initializer_list<int> extents) {
  std::vector<engine::Dimension> dimensions;
  int stride = 1;
  for (const int extent : extents) {
    dimensions.push_back({0, extent, stride});
    stride *= extent;
  }
  return dimensions;
}

template <class To, class From>
Packed direct_weights(const KernelKey& key, const Schedule& schedule, int group, ElementType type,
                      std::span<const From> weight) {
  const int groups = (key.in_channels + group - 1) / group, block = kLanes * schedule.vectors;
  const int blocks = vectors_in(key) / schedule.vectors;
  std::vector<To> to(static_cast<std::size_t>(blocks) * 9 * groups * block * group, To{});
  for (int out = 0; out < key.out_channels; ++out)
    for (int in = 0; in < key.in_channels; ++in)
      for (int tap = 0; tap < 9; ++tap) {
        const std::size_t step = static_cast<std::size_t>(out / block) * 9 * groups + tap * groups + in / group;
        to[(step * block + out % block) * group + in % group] =
            static_cast<To>(+weight[(static_cast<std::size_t>(out) * key.in_channels + in) * 9 + tap]);
      }
  return packed_as(to, type, dense({group, block, 9 * groups, blocks}));
}

// G g G^T of one 3x3 filter, column-major in the tile: [j][i] as the kernel's i + side * j.
void transform_filter(const Winograd& matrices, const float* filter, std::span<double> to) {
  const WinogradMatrix& g = matrices.weight;
  for (int j = 0; j < g.rows; ++j)
    for (int i = 0; i < g.rows; ++i) {
      double sum = 0;
      for (int row = 0; row < 3; ++row)
        for (int column = 0; column < 3; ++column)
          sum += double(g.row(j)[row]) * filter[row * 3 + column] * g.row(i)[column];
      to[static_cast<std::size_t>(j) * g.rows + i] = sum;
    }
}

Packed winograd_weights(const KernelKey& key, const Schedule& schedule, std::span<const float> weight) {
  const Winograd& matrices = winograd(schedule.algorithm == Algorithm::winograd4 ? 4 : 2);
  const int places = matrices.weight.rows * matrices.weight.rows, block = kLanes * schedule.vectors;
  const int blocks = vectors_in(key) / schedule.vectors;
  std::vector<float> to(static_cast<std::size_t>(blocks) * places * key.in_channels * block, 0.0f);
  std::vector<double> filter(places);
  for (int out = 0; out < key.out_channels; ++out)
    for (int in = 0; in < key.in_channels; ++in) {
      transform_filter(matrices, &weight[(static_cast<std::size_t>(out) * key.in_channels + in) * 9], filter);
      for (int place = 0; place < places; ++place) {
        const std::size_t row = (static_cast<std::size_t>(out / block) * places + place) * key.in_channels + in;
        to[row * block + out % block] = static_cast<float>(filter[place]);
      }
    }
  return packed_as(to, ElementType::f32, dense({block, key.in_channels, places, blocks}));
}

}  // namespace

Packed packed_weights(const KernelKey& key, const Schedule& schedule, const Target&, std::span<const float> weight) {
  if (schedule.algorithm == Algorithm::winograd2 || schedule.algorithm == Algorithm::winograd4)
    return winograd_weights(key, schedule, weight);
  return direct_weights<float>(key, schedule, 1, ElementType::f32, weight);
}

Packed packed_weights(const KernelKey& key, const Schedule& schedule, const Target& target,
                      std::span<const std::int8_t> weight) {
  if (target.dot == DotProduct::none) return direct_weights<std::int16_t>(key, schedule, 2, ElementType::i16, weight);
  return direct_weights<std::int8_t>(key, schedule, 4, ElementType::i8, weight);
}

Packed packed_vector(std::span<const float> values, std::size_t size) {
  std::vector<float> to(values.begin(), values.end());
  to.resize(size);
  return packed_as(to, ElementType::f32, {{0, static_cast<int>(size), 1}});
}

Packed packed_vector(std::span<const std::int32_t> values, std::size_t size) {
  std::vector<std::int32_t> to(values.begin(), values.end());
  to.resize(size);
  return packed_as(to, ElementType::i32, {{0, static_cast<int>(size), 1}});
}

std::vector<std::int32_t> shifted_bias(const KernelKey& key, const Target& target, std::span<const std::int8_t> weight,
                                       std::span<const std::int32_t> bias, int zero) {
  const int stored_zero = zero - (target.dot == DotProduct::s8_s8 ? 128 : 0);
  std::vector<std::int32_t> to(bias.begin(), bias.end());
  for (int out = 0; out < key.out_channels; ++out) {
    std::int32_t sum = 0;
    for (int i = 0; i < 9 * key.in_channels; ++i)
      sum += weight[static_cast<std::size_t>(out) * 9 * key.in_channels + i];
    to[out] -= stored_zero * sum;
  }
  return to;
}

}  // namespace triage::compiler
