#include "exporting/int8/int8_reference.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace triage::exporting {
namespace {

// One image's map with a border of zeros, channels innermost: [height + 2, width + 2, channels].
template <class T>
struct Padded {
  int channels, height, width;
  std::vector<T> values;
  Padded(int c, int h, int w)
      : channels(c), height(h), width(w), values(static_cast<std::size_t>(h + 2) * (w + 2) * c, T{}) {}
  T* at(int y, int x) { return values.data() + (static_cast<std::size_t>(y) * (width + 2) + x) * channels; }
};

// [in, h, w] of a channel-major map, each element through `change`.
template <class T, class Change>
Padded<T> padded(const plan::ConvLayer& layer, const std::vector<float>& map, const Change& change) {
  Padded<T> to(layer.in_channels, layer.height, layer.width);
  for (int c = 0; c < layer.in_channels; ++c)
    for (int y = 0; y < layer.height; ++y)
      for (int x = 0; x < layer.width; ++x)
        to.at(y + 1, x + 1)[c] = change(map[(static_cast<std::size_t>(c) * layer.height + y) * layer.width + x]);
  return to;
}

// [out, 3, 3, in] of [out, in, 3, 3].
template <class T, class From>
std::vector<T> taps_outside(const std::vector<From>& weight, int in) {
  std::vector<T> to(weight.size());
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const std::size_t tap = i % 9, channel = i / 9 % in, out = i / 9 / in;
    to[(out * 9 + tap) * in + channel] = static_cast<T>(weight[i]);
  }
  return to;
}

// Sums of a 3x3 convolution, [out, h, w], each finished by finish(channel, sum).
template <class Sum, class T, class Finish>
std::vector<float> convolve(const plan::ConvLayer& layer, Padded<T> input, const std::vector<T>& weight,
                            const Finish& finish) {
  const int in = layer.in_channels;
  std::vector<float> to;
  to.reserve(static_cast<std::size_t>(layer.out_channels) * layer.height * layer.width);
  for (int o = 0; o < layer.out_channels; ++o)
    for (int y = 0; y < layer.height; ++y)
      for (int x = 0; x < layer.width; ++x) {
        Sum sum = 0;
        for (int row = 0; row < 3; ++row) {  // three taps of a row lie side by side
          const T* values = input.at(y + row, x);
          const T* w = weight.data() + (static_cast<std::size_t>(o) * 9 + row * 3) * in;
          for (int i = 0; i < 3 * in; ++i) sum += static_cast<Sum>(values[i]) * static_cast<Sum>(w[i]);
        }
        to.push_back(finish(o, sum));
      }
  return to;
}

std::vector<float> pooled(const plan::ConvLayer& layer, const std::vector<float>& map) {
  const int h = layer.height / 2, w = layer.width / 2;
  std::vector<float> to;
  for (int c = 0; c < layer.out_channels; ++c) {
    const float* plane = map.data() + static_cast<std::size_t>(c) * layer.height * layer.width;
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) {
        const float* corner = plane + (2 * y) * layer.width + 2 * x;
        to.push_back(std::max({corner[0], corner[1], corner[layer.width], corner[layer.width + 1]}));
      }
  }
  return to;
}

class Reference {
 public:
  explicit Reference(const StageModel& stage) : stage_(stage), layers_(stage_layers(stage)) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const int in = layers_[i].in_channels;
      const auto& int8 = stage.int8->convs[i];
      integers_.push_back(
          int8 ? taps_outside<std::int16_t>(std::vector<int>(int8->weight.begin(), int8->weight.end()), in)
               : std::vector<std::int16_t>{});
      reals_.push_back(int8 ? std::vector<float>{} : taps_outside<float>(file_weight(stage, i), in));
    }
  }

  void run(std::span<const float> image, NamedOutputs& outputs) const {
    std::vector<float> map(image.begin(), image.end());
    const std::size_t plane = static_cast<std::size_t>(layers_[0].height) * layers_[0].width;
    if (stage_.first_block == 0)
      for (std::size_t i = 0; i < map.size(); ++i) map[i] -= stage_.mean[i / plane];
    round_to_grid(0, map);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      map = stage_.int8->convs[i] ? integer_conv(i, map) : real_conv(i, map);
      round_to_grid(i + 1, map);
      if (layers_[i].pool) map = pooled(layers_[i], map);
      const bool block_ends = i + 1 == layers_.size() || layers_[i + 1].block != layers_[i].block;
      if (block_ends && layers_[i].block == stage_.features_block) append(outputs["features"], means(map, i));
      if (block_ends && layers_[i].block == stage_.carry_block) append(outputs["carry"], map);
    }
    append(outputs["logits"], logits(map));
  }

 private:
  static void append(std::vector<float>& to, const std::vector<float>& values) {
    to.insert(to.end(), values.begin(), values.end());
  }

  void round_to_grid(std::size_t i, std::vector<float>& map) const {
    if (!stage_.int8->rounds(i)) return;
    const model::Grid& grid = stage_.int8->maps[i];
    for (float& value : map) value = grid.value(grid.nearest(value));
  }

  // The result is on the grid already: rounding it again changes nothing.
  std::vector<float> integer_conv(std::size_t i, const std::vector<float>& map) const {
    const model::IntegerWeights& conv = *stage_.int8->convs[i];
    const model::Grid &from = stage_.int8->maps[i], &to = stage_.int8->maps[i + 1];
    const auto input = padded<std::int16_t>(
        layers_[i], map, [&](float value) { return static_cast<std::int16_t>(from.nearest(value) - from.zero); });
    return convolve<std::int32_t>(layers_[i], input, integers_[i], [&](int o, std::int32_t sum) {
      const float scale = from.scale * conv.scale[o] / to.scale;
      const float q = std::nearbyint(static_cast<float>(sum + conv.bias[o]) * scale) + static_cast<float>(to.zero);
      const auto lowest = static_cast<float>(to.zero);  // the ReLU
      return to.value(static_cast<std::uint8_t>(std::clamp(q, lowest, 255.0f)));
    });
  }

  std::vector<float> real_conv(std::size_t i, const std::vector<float>& map) const {
    const auto input = padded<float>(layers_[i], map, [](float value) { return value; });
    return convolve<float>(layers_[i], input, reals_[i],
                           [&](int o, float sum) { return std::max(sum + stage_.convs[i].bias[o], 0.0f); });
  }

  static std::vector<float> per_channel(const std::vector<float>& map, int channels, auto&& reduce) {
    const std::size_t area = map.size() / static_cast<std::size_t>(channels);
    std::vector<float> to;
    for (int c = 0; c < channels; ++c) to.push_back(reduce(std::span(map).subspan(c * area, area)));
    return to;
  }

  std::vector<float> means(const std::vector<float>& map, std::size_t i) const {
    return per_channel(map, layers_[i].out_channels, [](std::span<const float> plane) {
      double sum = 0;
      for (const float value : plane) sum += value;
      return static_cast<float>(sum / static_cast<double>(plane.size()));
    });
  }

  std::vector<float> logits(const std::vector<float>& map) const {
    const std::vector<float> largest = per_channel(
        map, layers_.back().out_channels, [](std::span<const float> plane) { return std::ranges::max(plane); });
    std::vector<float> to = stage_.head_bias;
    for (std::size_t k = 0; k < to.size(); ++k)
      for (std::size_t c = 0; c < largest.size(); ++c) to[k] += stage_.head_weight[k * largest.size() + c] * largest[c];
    return to;
  }

  StageModel stage_;
  std::vector<plan::ConvLayer> layers_;
  std::vector<std::vector<std::int16_t>> integers_;  // of the convolutions in int8
  std::vector<std::vector<float>> reals_;            // of the others
};

}  // namespace

Engine int8_reference(const StageModel& stage) {
  check_stage_model(stage);
  if (!stage.int8) fail("stage {}: expected a stage in int8", stage.name);
  const auto reference = std::make_shared<Reference>(stage);
  return {"int8 reference", [reference](std::span<const float> images, int n) {
            NamedOutputs outputs;
            const std::size_t size = images.size() / static_cast<std::size_t>(n);
            for (int i = 0; i < n; ++i) reference->run(images.subspan(i * size, size), outputs);
            return outputs;
          }};
}

}  // namespace triage::exporting
