#include "exporting/int8/int8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "exporting/int8/int8_reference.h"
#include "exporting/int8/quantize.h"
#include "exporting/onnx_engine.h"
#include "exporting/test_models.h"

namespace triage::exporting {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using testing::random_images;
using testing::random_stage;

constexpr plan::InputShape kInt8Input{3, 12, 10};

TEST(Int8Test, EveryGridHoldsZero) {
  for (const auto& [low, high] : {std::pair{0.0, 3.0}, {-1.0, 2.0}, {-5.0, -1.0}, {0.5, 0.7}, {0.0, 0.0}}) {
    const model::Grid grid = model::grid_over(low, high);
    EXPECT_EQ(grid.value(grid.nearest(0)), 0) << low << ' ' << high;
    EXPECT_NEAR(grid.value(grid.nearest(static_cast<float>(high))), high, grid.scale * 0.51);
    EXPECT_NEAR(grid.value(grid.nearest(static_cast<float>(low))), low, grid.scale * 0.51);
  }
}

TEST(Int8Test, WeightsAreHalfAStepAwayAtMost) {
  Rng rng(1);
  const auto weight = testing::random_values(4 * 2 * 9, 1, rng), bias = testing::random_values(4, 3, rng);
  const model::Grid input = model::grid_over(0, 2);
  const model::IntegerWeights conv = model::round_weights(weight, bias, input);
  for (std::size_t i = 0; i < weight.size(); ++i)
    EXPECT_NEAR(conv.weight[i] * conv.scale[i / 18], weight[i], conv.scale[i / 18] * 0.501);
  for (std::size_t o = 0; o < bias.size(); ++o)
    EXPECT_NEAR(double(conv.bias[o]) * input.scale * conv.scale[o], bias[o], input.scale * conv.scale[o] * 0.501);
}

TEST(Int8Test, ChannelWithoutWeightsKeepsItsBias) {
  const std::vector<float> weight(9, 0.0f), bias{2.5f};
  const model::Grid input = model::grid_over(0, 1);
  const model::IntegerWeights conv = model::round_weights(weight, bias, input);
  EXPECT_NEAR(double(conv.bias[0]) * input.scale * conv.scale[0], 2.5, 1e-6);
}

StageModel quantized(const StageModel& stage, const std::vector<float>& images, std::size_t count,
                     Int8Options options = {}) {
  return quantize_stage(stage, images, count, options);
}

// ONNX Runtime's 8-bit kernels against the integer arithmetic, element by element.
TEST(Int8Test, EngineComputesTheIntegerArithmetic) {
  std::uint64_t seed = 1;
  for (const char* arch : {"4", "5-6", "4,6-8,7-9", "16-24,24-40"}) {
    auto stage = random_stage("little", arch, kInt8Input, 4, ++seed);
    stage.exit.reset();
    stage.carry_block = 0;
    const auto images = random_images(kInt8Input, 16, ++seed);
    const StageModel int8 = quantized(stage, images, 16);
    const auto model = stage_to_onnx(int8);
    check_model(model, arch);
    EXPECT_EQ(metadata(model, "triage.precision"), "int8");
    const auto parity = check_parity(int8_reference(int8), onnx_engine("onnxruntime", model), images, 16,
                                     {.absolute = 1e-5, .relative = 1e-5, .batch = 5});
    EXPECT_TRUE(parity.ok()) << arch << '\n' << parity.text();
    EXPECT_EQ(parity.outputs.size(), 3u);  // carry, features, logits
  }
}

TEST(Int8Test, SomeLayersMayStayInFp32) {
  auto stage = random_stage("little", "8,8-12,16", kInt8Input, 4, 3);
  stage.exit.reset();
  const auto images = random_images(kInt8Input, 16, 4);
  for (const std::vector<std::string>& fp32 :
       {std::vector<std::string>{"block0.conv0"}, {"block1.conv1"}, {"block0.conv1", "block1.conv0"}}) {
    const StageModel int8 = quantized(stage, images, 16, {.fp32 = fp32});
    const auto parity = check_parity(int8_reference(int8), onnx_engine("onnxruntime", stage_to_onnx(int8)), images, 16,
                                     {.absolute = 1e-4, .relative = 1e-4});
    EXPECT_TRUE(parity.ok()) << fp32[0] << '\n' << parity.text();
  }
  EXPECT_THAT([&] { quantized(stage, images, 16, {.fp32 = {"block7.conv0"}}); },
              ::testing::ThrowsMessage<Error>(HasSubstr("found 'block7.conv0'")));
}

// Two stages of one net, the later one on the earlier one's grid, are the whole net.
TEST(Int8Test, FeatureStageOnTheSameGridIsExact) {
  auto whole = random_stage("whole", "8-12-16,9", kInt8Input, 3, 5);
  whole.exit.reset();
  whole.features_block = -1;
  const auto images = random_images(kInt8Input, 16, 6);
  const Int8Options options{.range = RangeMethod::minmax, .bias_correction = false};
  auto early = whole, late = whole;
  early.last_block = 2;
  early.carry_block = 1;
  early.convs.resize(2);
  early.head_weight.assign(3 * 12, 0.1f);
  late.first_block = 2;
  late.convs.erase(late.convs.begin(), late.convs.begin() + 2);
  early = quantized(early, images, 16, options);
  const auto maps = onnx_engine("early", stage_to_onnx(early)).run(images, 16).at("carry");
  Int8Options later = options;
  later.input = early.int8->maps.back();
  late = quantized(late, maps, 16, later);
  whole = quantized(whole, images, 16, options);
  late.int8->maps = {whole.int8->maps.begin() + 2, whole.int8->maps.end()};
  late.int8->convs = {whole.int8->convs.begin() + 2, whole.int8->convs.end()};
  EXPECT_EQ(late.int8->maps[0], *later.input);
  const auto expected = onnx_engine("whole", stage_to_onnx(whole)).run(images, 16).at("logits");
  EXPECT_EQ(onnx_engine("late", stage_to_onnx(late)).run(maps, 16).at("logits"), expected);
}

double mean_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(double(a[i]) - double(b[i]));
  return sum / static_cast<double>(a.size());
}

TEST(QuantizeTest, AnswersStayNearFp32) {
  auto stage = random_stage("little", "16,16-24-32", kInt8Input, 5, 7);
  stage.exit.reset();
  const auto images = random_images(kInt8Input, 64, 8);
  const auto fp32 = onnx_engine("fp32", stage_to_onnx(stage)).run(images, 64).at("logits");
  double spread = 0;
  for (const float logit : fp32) spread += std::abs(double(logit)) / static_cast<double>(fp32.size());
  for (const RangeMethod method : {RangeMethod::minmax, RangeMethod::percentile, RangeMethod::entropy}) {
    Int8Report report;
    const auto int8 = quantize_stage(stage, images, 64, {.range = method}, &report);
    const auto logits = onnx_engine("int8", stage_to_onnx(int8)).run(images, 64).at("logits");
    EXPECT_LT(mean_difference(fp32, logits), 0.1 * spread) << to_string(method);
    EXPECT_GT(report.final_divergence, 0);
    EXPECT_EQ(report.divergence.size(), 1u);
  }
}

TEST(QuantizeTest, BestMethodIsTheLeastDivergent) {
  auto stage = random_stage("little", "8-12", kInt8Input, 5, 9);
  stage.convs[1].weight[0] = 20;  // one far outlier
  const auto images = random_images(kInt8Input, 32, 10);
  Int8Report report;
  quantize_stage(stage, images, 32, {.bias_correction = false}, &report);
  EXPECT_EQ(report.divergence.size(), 3u);
  for (const auto& [method, divergence] : report.divergence) EXPECT_GE(divergence, report.final_divergence) << method;
}

// Mean of each channel of a convolution's sums.
std::vector<double> channel_means(const StageModel& stage, const std::string& conv, std::size_t channels,
                                  const std::vector<float>& images, int count) {
  auto model = stage_to_onnx(stage);
  *model.mutable_graph()->add_output() = value_info(conv, kFloat, {{0, "N"}, {0, "c"}, {0, "h"}, {0, "w"}});
  const auto sums = onnx_engine(conv, model).run(images, count).at(conv);
  const std::size_t area = sums.size() / channels / static_cast<std::size_t>(count);
  std::vector<double> means(channels);
  for (std::size_t i = 0; i < sums.size(); ++i) means[i / area % channels] += sums[i];
  for (double& mean : means) mean /= static_cast<double>(area) * count;
  return means;
}

TEST(QuantizeTest, BiasCorrectionRestoresTheMeans) {
  auto stage = random_stage("little", "6-8", kInt8Input, 4, 11);
  stage.exit.reset();
  const auto images = random_images(kInt8Input, 64, 12);
  const auto expected = channel_means(stage, "block1.conv0", 8, images, 64);
  const auto moved = [&](bool correct) {
    const auto int8 = quantized(stage, images, 64, {.range = RangeMethod::minmax, .bias_correction = correct});
    const auto found = channel_means(int8, "block1.conv0", 8, images, 64);
    double sum = 0;
    for (std::size_t c = 0; c < found.size(); ++c) sum += std::abs(found[c] - expected[c]);
    return sum;
  };
  EXPECT_LT(moved(true), 0.05 * moved(false));
}

TEST(QuantizeTest, EveryLayerHasADivergence) {
  auto stage = random_stage("little", "6-8,8", kInt8Input, 4, 13);
  const auto images = random_images(kInt8Input, 16, 14);
  const auto int8 = quantized(stage, images, 16, {.fp32 = {"block1.conv0"}});
  const auto found = layer_divergence(int8, images, 16);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].first, "block0.conv0");
  EXPECT_EQ(found[1].first, "block1.conv1");
  EXPECT_GT(found[0].second, 0);
}

TEST(QuantizeTest, RefusesOtherImages) {
  const auto stage = random_stage("little", "6-8", kInt8Input, 4, 15);
  const auto images = random_images(kInt8Input, 4, 16);
  EXPECT_THAT([&] { quantized(stage, images, 3); }, ::testing::ThrowsMessage<Error>(HasSubstr("calibration images")));
  EXPECT_THAT([&] { quantized(stage, {}, 0); }, ::testing::ThrowsMessage<Error>(HasSubstr("calibration images")));
}

TEST(QuantizeTest, DamagedGridsAreRefused) {
  const auto stage = random_stage("little", "6-8", kInt8Input, 4, 17);
  const auto images = random_images(kInt8Input, 8, 18);
  auto int8 = quantized(stage, images, 8);
  int8.int8->maps[1].scale = 0;
  EXPECT_THAT([&] { stage_to_onnx(int8); }, ::testing::ThrowsMessage<Error>(HasSubstr("found a grid of scale 0")));
  int8 = quantized(stage, images, 8);
  int8.int8->maps.pop_back();
  EXPECT_THAT([&] { stage_to_onnx(int8); }, ::testing::ThrowsMessage<Error>(HasSubstr("2 convolutions and 2 maps")));
}

}  // namespace
}  // namespace triage::exporting
