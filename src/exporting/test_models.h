// For the tests of this module: small random stages, seeded images, and a naive convolution net in double precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/rng.h"
#include "engine/onnxruntime/onnx_session.h"
#include "exporting/parity.h"
#include "exporting/stage_model.h"
#include "runtime/score.h"

namespace triage::exporting::testing {

inline std::vector<float> random_values(std::size_t count, double scale, Rng& rng) {
  std::vector<float> values(count);
  for (auto& value : values) value = static_cast<float>(rng.normal() * scale);
  return values;
}

inline std::vector<float> random_images(const plan::InputShape& input, int n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> images(static_cast<std::size_t>(n) * input.channels * input.height * input.width);
  for (auto& value : images) value = static_cast<float>(rng.uniform());
  return images;
}

inline plan::Router random_router(int feature_width, int hidden, Rng& rng) {
  plan::Router router;
  router.feature_width = feature_width;
  router.hidden = hidden;
  const auto inputs = static_cast<std::size_t>(router.inputs());
  router.mean = random_values(inputs, 0.3, rng);
  router.scale = random_values(inputs, 1, rng);
  router.weight1 = random_values(inputs * hidden, 0.7, rng);
  router.bias1 = random_values(hidden, 0.5, rng);
  router.weight2 = random_values(hidden, 0.7, rng);
  router.bias2 = 0.1f;
  router.skip = -0.8f;
  return router;
}

// A whole-net stage with a "features" output of its first block and a random router.
inline StageModel random_stage(const std::string& name, const std::string& arch, const plan::InputShape& input,
                               int classes, std::uint64_t seed) {
  Rng rng(seed);
  StageModel stage;
  stage.name = name;
  stage.arch = plan::ArchSpec::parse(arch);
  stage.input = input;
  for (int i = 0; i < classes; ++i) stage.classes.push_back("class " + std::to_string(i));
  for (int c = 0; c < input.channels; ++c) {
    stage.mean.push_back(0.4f + 0.05f * c);
    stage.stddev.push_back(0.2f + 0.03f * c);
  }
  for (const auto& layer : stage_layers(stage))
    stage.convs.push_back({random_values(std::size_t{9} * layer.in_channels * layer.out_channels,
                                         1.4 / std::sqrt(9.0 * layer.in_channels), rng),
                           random_values(layer.out_channels, 0.2, rng)});
  const auto width = static_cast<std::size_t>(stage.arch.head_width());
  stage.head_weight = random_values(classes * width, 1 / std::sqrt(double(width)), rng);
  stage.head_bias = random_values(classes, 0.2, rng);
  stage.features_block = 0;
  stage.exit = plan::Exit{1.7, random_router(stage.feature_width(), 5, rng), 0.5};
  return stage;
}

// Per image: [channels][height * width].
struct Map {
  int channels = 0, height = 0, width = 0;
  std::vector<double> values;
  double at(int c, int y, int x) const {
    return y < 0 || y >= height || x < 0 || x >= width ? 0 : values[(std::size_t(c) * height + y) * width + x];
  }
};

struct ReferenceOutputs {
  std::vector<double> logits, features, carry;
};

// One image through the stage, as plan/arch.h describes a net: the pool in front of the ReLU.
inline ReferenceOutputs reference_stage(const StageModel& stage, std::span<const float> image) {
  const auto layers = stage_layers(stage);
  Map map{layers[0].in_channels, layers[0].height, layers[0].width, {image.begin(), image.end()}};
  const std::size_t plane = std::size_t(map.height) * map.width;
  if (stage.first_block == 0)
    for (std::size_t i = 0; i < map.values.size(); ++i)
      map.values[i] = (map.values[i] - stage.mean[i / plane]) / stage.stddev[i / plane];
  ReferenceOutputs out;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const auto& layer = layers[l];
    Map sums{layer.out_channels, map.height, map.width, {}};
    for (int o = 0; o < layer.out_channels; ++o)
      for (int y = 0; y < map.height; ++y)
        for (int x = 0; x < map.width; ++x) {
          double sum = stage.convs[l].bias[o];
          for (int i = 0; i < layer.in_channels; ++i)
            for (int ky = 0; ky < 3; ++ky)
              for (int kx = 0; kx < 3; ++kx)
                sum += double(stage.convs[l].weight[((std::size_t(o) * layer.in_channels + i) * 3 + ky) * 3 + kx]) *
                       map.at(i, y + ky - 1, x + kx - 1);
          sums.values.push_back(sum);
        }
    if (layer.pool) {
      Map pooled{sums.channels, sums.height / 2, sums.width / 2, {}};
      for (int c = 0; c < pooled.channels; ++c)
        for (int y = 0; y < pooled.height; ++y)
          for (int x = 0; x < pooled.width; ++x)
            pooled.values.push_back(std::max({sums.at(c, 2 * y, 2 * x), sums.at(c, 2 * y, 2 * x + 1),
                                              sums.at(c, 2 * y + 1, 2 * x), sums.at(c, 2 * y + 1, 2 * x + 1)}));
      sums = pooled;
    }
    for (auto& value : sums.values) value = std::max(value, 0.0);
    map = sums;
    if (l + 1 < layers.size() && layers[l + 1].block == layer.block) continue;
    const std::size_t area = std::size_t(map.height) * map.width;
    if (layer.block == stage.features_block)
      for (int c = 0; c < map.channels; ++c) {
        double sum = 0;
        for (std::size_t i = 0; i < area; ++i) sum += map.values[c * area + i];
        out.features.push_back(sum / double(area));
      }
    if (layer.block == stage.carry_block) out.carry = map.values;
  }
  const std::size_t area = std::size_t(map.height) * map.width;
  for (std::size_t k = 0; k < stage.classes.size(); ++k) {
    double sum = stage.head_bias[k];
    for (int c = 0; c < map.channels; ++c) {
      const auto begin = map.values.begin() + std::ptrdiff_t(c * area);
      sum += stage.head_weight[k * map.channels + c] * *std::max_element(begin, begin + std::ptrdiff_t(area));
    }
    out.logits.push_back(sum);
  }
  return out;
}

// The reference as an engine: logits, features, carry and score where the stage has them.
inline Engine reference_engine(const StageModel& stage) {
  return {"naive reference", [stage](std::span<const float> images, int n) {
            NamedOutputs outputs;
            const std::size_t size = images.size() / n;
            const auto append = [&](const char* name, const std::vector<double>& values) {
              auto& output = outputs[name];
              output.insert(output.end(), values.begin(), values.end());
            };
            for (int i = 0; i < n; ++i) {
              const auto one = reference_stage(stage, images.subspan(i * size, size));
              append("logits", one.logits);
              if (stage.features_block >= 0) append("features", one.features);
              if (stage.carry_block >= 0) append("carry", one.carry);
              if (!stage.exit) continue;
              const std::vector<float> logits(one.logits.begin(), one.logits.end());
              const std::vector<float> features(one.features.begin(), one.features.end());
              const auto evidence = runtime::evidence(logits, static_cast<float>(stage.exit->temperature));
              append("score", {runtime::escalation_score(stage.policy, *stage.exit, features, evidence)});
            }
            return outputs;
          }};
}

}  // namespace triage::exporting::testing
