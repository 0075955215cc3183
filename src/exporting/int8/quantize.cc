// Map: MapStatistics (one pass in fp32), rounded() (ranges to integers), divergence() (how far the answers move),
// correct_biases() (a pass a convolution).
#include "exporting/int8/quantize.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "exporting/onnx_engine.h"

namespace triage::exporting {
namespace {

// The stage without what calibration does not look at, as a model that also gives the sums of some convolutions.
onnx::ModelProto model_with_sums(StageModel stage, const std::vector<std::size_t>& convs) {
  stage.exit.reset();
  stage.features_block = stage.carry_block = -1;
  onnx::ModelProto model = stage_to_onnx(stage);
  const auto layers = stage_layers(stage);
  for (const std::size_t i : convs) {
    *model.mutable_graph()->add_output() =
        value_info(layers[i].name(), kFloat,
                   {{0, "N"}, {layers[i].out_channels, {}}, {layers[i].height, {}}, {layers[i].width, {}}});
  }
  return model;
}

std::vector<std::size_t> all_convs(const StageModel& stage) {
  std::vector<std::size_t> all(stage.convs.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

struct Calibration {  // the images, in batches
  std::span<const float> images;
  std::size_t count = 0;
  int batch = 64, threads = 1;

  // use(outputs, n) for every batch
  template <class Use>
  void run(const Engine& engine, const Use& use) const {
    const std::size_t size = images.size() / count;
    for (std::size_t first = 0; first < count; first += static_cast<std::size_t>(batch)) {
      const auto n = std::min<std::size_t>(static_cast<std::size_t>(batch), count - first);
      use(engine.run(images.subspan(first * size, n * size), static_cast<int>(n)), first, n);
    }
  }
};

using ChannelMeans = std::vector<double>;

void add_channel_sums(const std::vector<float>& sums, std::size_t images, ChannelMeans& means) {
  const std::size_t channels = means.size(), area = sums.size() / images / channels;
  for (std::size_t i = 0; i < images * channels; ++i) {
    double sum = 0;
    for (std::size_t p = 0; p < area; ++p) sum += sums[i * area + p];
    means[i % channels] += sum / static_cast<double>(area);
  }
}

struct MapStatistics {
  std::vector<RangeHistogram> maps;  // [convolutions + 1]
  std::vector<ChannelMeans> means;   // of each convolution's sums
  std::vector<float> logits;         // [count, classes]
};

MapStatistics statistics_of(const StageModel& stage, const Calibration& calibration) {
  MapStatistics found;
  const auto layers = stage_layers(stage);
  found.maps.resize(layers.size() + 1);
  for (const auto& layer : layers) found.means.emplace_back(layer.out_channels, 0.0);
  const Engine engine =
      onnx_engine("fp32 " + stage.name, model_with_sums(stage, all_convs(stage)), calibration.threads);
  const std::size_t size = calibration.images.size() / calibration.count;
  const std::size_t plane = size / layers[0].in_channels;
  calibration.run(engine, [&](NamedOutputs outputs, std::size_t first, std::size_t n) {
    std::vector<float> input(calibration.images.begin() + static_cast<std::ptrdiff_t>(first * size),
                             calibration.images.begin() + static_cast<std::ptrdiff_t>((first + n) * size));
    if (stage.first_block == 0)
      for (std::size_t i = 0; i < input.size(); ++i) input[i] -= stage.mean[i / plane % stage.mean.size()];
    found.maps[0].add(input);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      std::vector<float>& sums = outputs.at(layers[i].name());
      add_channel_sums(sums, n, found.means[i]);
      for (float& sum : sums) sum = std::max(sum, 0.0f);
      found.maps[i + 1].add(sums);
    }
    const auto& logits = outputs.at("logits");
    found.logits.insert(found.logits.end(), logits.begin(), logits.end());
  });
  for (ChannelMeans& means : found.means)
    for (double& mean : means) mean /= static_cast<double>(calibration.count);
  return found;
}

Int8Stage rounded(const StageModel& stage, const MapStatistics& statistics, RangeMethod method,
                  const Int8Options& options) {
  Int8Stage int8;
  for (std::size_t i = 0; i < statistics.maps.size(); ++i) {
    // An image's range is known and short: nothing is cut off it.
    const bool image = i == 0 && stage.first_block == 0;
    const Range range = statistics.maps[i].range(image ? RangeMethod::minmax : method, options.percentile);
    int8.maps.push_back(i == 0 && options.input ? *options.input : model::grid_over(range.low, range.high));
  }
  const auto layers = stage_layers(stage);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool fp32 = std::ranges::find(options.fp32, layers[i].name()) != options.fp32.end();
    int8.convs.push_back(
        fp32 ? std::nullopt
             : std::optional(model::round_weights(file_weight(stage, i), stage.convs[i].bias, int8.maps[i])));
  }
  return int8;
}

// Mean KL divergence of `logits` from `reference`, both [images, classes].
double divergence(std::span<const float> reference, std::span<const float> logits, std::size_t classes) {
  double sum = 0;
  std::vector<double> p(classes), q(classes);
  const auto log_softmax = [classes](const float* from, std::vector<double>& to) {
    const double largest = *std::max_element(from, from + classes);
    double total = 0;
    for (std::size_t k = 0; k < classes; ++k) total += std::exp(from[k] - largest);
    for (std::size_t k = 0; k < classes; ++k) to[k] = from[k] - largest - std::log(total);
  };
  for (std::size_t first = 0; first < reference.size(); first += classes) {
    log_softmax(reference.data() + first, p);
    log_softmax(logits.data() + first, q);
    for (std::size_t k = 0; k < classes; ++k) sum += std::exp(p[k]) * (p[k] - q[k]);
  }
  const std::size_t images = reference.size() / classes;
  return sum / static_cast<double>(images);
}

std::vector<float> logits_of(const StageModel& stage, const Calibration& calibration) {
  std::vector<float> logits;
  const Engine engine = onnx_engine("int8 " + stage.name, model_with_sums(stage, {}), calibration.threads);
  calibration.run(engine, [&](const NamedOutputs& outputs, std::size_t, std::size_t) {
    const auto& part = outputs.at("logits");
    logits.insert(logits.end(), part.begin(), part.end());
  });
  return logits;
}

void correct_biases(StageModel& stage, const MapStatistics& statistics, const Calibration& calibration) {
  const auto layers = stage_layers(stage);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!stage.int8->convs[i]) continue;
    model::IntegerWeights& conv = *stage.int8->convs[i];
    ChannelMeans means(static_cast<std::size_t>(layers[i].out_channels), 0.0);
    const Engine engine = onnx_engine("int8 " + stage.name, model_with_sums(stage, {i}), calibration.threads);
    calibration.run(engine, [&](const NamedOutputs& outputs, std::size_t, std::size_t n) {
      add_channel_sums(outputs.at(layers[i].name()), n, means);
    });
    for (std::size_t o = 0; o < means.size(); ++o) {
      const double moved = means[o] / static_cast<double>(calibration.count) - statistics.means[i][o];
      const double unit = double{stage.int8->maps[i].scale} * conv.scale[o];
      conv.bias[o] = static_cast<std::int32_t>(std::clamp(conv.bias[o] - std::nearbyint(moved / unit), -2e9, 2e9));
    }
  }
}

void check_layers(const StageModel& stage, const std::vector<std::string>& names) {
  const auto layers = stage_layers(stage);
  for (const std::string& name : names) {
    if (std::ranges::none_of(layers, [&](const plan::ConvLayer& layer) { return layer.name() == name; }))
      fail("stage {}: int8: layers that stay in fp32: found '{}', expected one of its layers, such as '{}'", stage.name,
           name, layers[0].name());
  }
}

Calibration calibration_of(const StageModel& stage, std::span<const float> images, std::size_t count, int batch,
                           int threads) {
  const auto first = stage_layers(stage).front();
  const std::size_t size = std::size_t(first.in_channels) * first.height * first.width;
  if (count == 0 || images.size() != count * size)
    fail("stage {}: int8: found {} values of {} calibration images, expected {} each and at least one image",
         stage.name, images.size(), count, size);
  return {images, count, batch, threads};
}

}  // namespace

StageModel quantize_stage(const StageModel& stage, std::span<const float> images, std::size_t count,
                          const Int8Options& options, Int8Report* report) {
  check_layers(stage, options.fp32);
  const Calibration calibration = calibration_of(stage, images, count, options.batch, options.threads);
  StageModel result = stage;
  result.int8.reset();
  const MapStatistics statistics = statistics_of(result, calibration);
  const std::vector<RangeMethod> methods =
      options.range ? std::vector{*options.range}
                    : std::vector{RangeMethod::minmax, RangeMethod::percentile, RangeMethod::entropy};
  Int8Report said;
  std::optional<Int8Stage> best;
  for (const RangeMethod method : methods) {
    result.int8 = rounded(stage, statistics, method, options);
    const double moved = divergence(statistics.logits, logits_of(result, calibration), stage.classes.size());
    said.divergence[to_string(method)] = moved;
    if (best && moved >= said.divergence[to_string(said.range)]) continue;
    best = result.int8;
    said.range = method;
  }
  result.int8 = best;
  said.final_divergence = said.divergence[to_string(said.range)];
  if (options.bias_correction) {
    correct_biases(result, statistics, calibration);
    said.final_divergence = divergence(statistics.logits, logits_of(result, calibration), stage.classes.size());
  }
  if (report) *report = said;
  return result;
}

std::vector<std::pair<std::string, double>> layer_divergence(const StageModel& stage, std::span<const float> images,
                                                             std::size_t count, int batch, int threads) {
  if (!stage.int8) fail("stage {}: expected a stage in int8", stage.name);
  const Calibration calibration = calibration_of(stage, images, count, batch, threads);
  StageModel one = stage;
  one.int8.reset();
  const std::vector<float> reference = logits_of(one, calibration);
  const auto layers = stage_layers(stage);
  std::vector<std::pair<std::string, double>> result;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!stage.int8->convs[i]) continue;
    one.int8 = stage.int8;
    for (std::size_t other = 0; other < layers.size(); ++other)
      if (other != i) one.int8->convs[other].reset();
    result.emplace_back(layers[i].name(), divergence(reference, logits_of(one, calibration), stage.classes.size()));
  }
  return result;
}

Json to_json(const Int8Report& report) {
  return {{"divergence", report.divergence},
          {"range", to_string(report.range)},
          {"final_divergence", report.final_divergence}};
}

}  // namespace triage::exporting
