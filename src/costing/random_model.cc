#include "costing/random_model.h"

#include <cmath>
#include <map>

#include "core/error.h"
#include "core/rng.h"
#include "exporting/imported/graph_runner.h"
#include "exporting/imported/int8_graph.h"
#include "exporting/imported/normal_form.h"
#include "exporting/stage_model.h"
#include "family/lower.h"
#include "family/plain/plain.h"
#include "model/onnx/write.h"

namespace triage::costing {
namespace {

std::vector<float> uniform_values(std::size_t count, double bound, Rng& rng) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(bound * (2 * rng.uniform() - 1));
  return values;
}

// Keeps the mean square of what a rectifier hands on; for the head, of anything.
double he_bound(double inputs) { return std::sqrt(6 / inputs); }

// Grids that hold about what comes: nothing is calibrated, as times do not depend on it.
exporting::Int8Stage random_int8(const exporting::StageModel& model) {
  exporting::Int8Stage int8;
  int8.maps.assign(model.convs.size() + 1, model::grid_over(0, 4));
  if (model.first_block == 0) int8.maps[0] = model::grid_over(-1, 1);
  for (std::size_t i = 0; i < model.convs.size(); ++i)
    int8.convs.emplace_back(model::round_weights(exporting::file_weight(model, i), model.convs[i].bias, int8.maps[i]));
  return int8;
}

constexpr float kMean = 0.5F, kStddev = 0.25F;

// As a plan has stages of plain nets.
std::string plain_onnx(const cost::Segment& stage, const plan::InputShape& input, int classes, std::uint64_t seed) {
  constexpr double kBias = 0.1;
  Rng rng(derive_seed(seed, stage.text()));
  exporting::StageModel model{.name = stage.text(), .arch = family::plain_arch(stage.arch), .input = input};
  model.first_block = stage.first_section;
  model.last_block = stage.last_section;
  if (stage.carry) model.carry_block = stage.end_section() - 1;
  for (int c = 0; c < classes; ++c) model.classes.push_back(std::to_string(c));
  model.mean.assign(static_cast<std::size_t>(input.channels), kMean);
  model.stddev.assign(static_cast<std::size_t>(input.channels), kStddev);
  const std::vector<plan::ConvLayer> layers = exporting::stage_layers(model);
  for (const plan::ConvLayer& layer : layers) {
    const std::size_t weights = std::size_t{9} * layer.in_channels * layer.out_channels;
    model.convs.push_back({uniform_values(weights, he_bound(9.0 * layer.in_channels), rng),
                           uniform_values(static_cast<std::size_t>(layer.out_channels), kBias, rng)});
  }
  const int width = layers.back().out_channels;
  model.head_weight = uniform_values(static_cast<std::size_t>(classes) * width, he_bound(width), rng);
  model.head_bias = uniform_values(static_cast<std::size_t>(classes), kBias, rng);
  if (stage.precision == plan::Precision::int8) model.int8 = random_int8(model);
  return exporting::stage_to_onnx(model).SerializeAsString();
}

// As the quantiser makes it, with everything in 8 bits that can be; as above nothing is calibrated.
std::string int8_onnx(model::Graph graph) {
  exporting::normalize_graph(graph);
  std::map<model::ValueId, model::Grid> grids;
  for (const model::ValueId id : exporting::grid_owners(graph)) grids[id] = model::grid_over(-4, 4);
  return exporting::quantized_bytes(exporting::int8_graph(graph, exporting::int8_candidates(graph), grids).graph);
}

// As a plan has those of the other families.
std::string lowered_onnx(const cost::Segment& stage, const plan::InputShape& input, int classes, std::uint64_t seed) {
  const cost::SegmentNet made = cost::segment_net(stage, input, classes);
  const auto channels = static_cast<std::size_t>(input.channels);
  family::LowerOptions options{.name = stage.text(), .first_section = stage.first_section};
  if (stage.carry) options.carry = stage.end_section() - 1;
  options.mean.assign(channels, kMean);
  options.stddev.assign(channels, kStddev);
  model::Graph graph = family::lower(made.net, family::random_weights(derive_seed(seed, stage.text())), options).graph;
  if (stage.precision == plan::Precision::int8) return int8_onnx(std::move(graph));
  return model::to_onnx(graph).SerializeAsString();
}

}  // namespace

std::string random_stage_onnx(const cost::Segment& stage, const plan::InputShape& input, int classes,
                              std::uint64_t seed) {
  cost::segment_net(stage, input, classes);  // that there is one
  if (stage.arch.family == family::kPlain) return plain_onnx(stage, input, classes, seed);
  return lowered_onnx(stage, input, classes, seed);
}

}  // namespace triage::costing
