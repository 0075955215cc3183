#include "exporting/from_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "exporting/onnx_engine.h"
#include "exporting/test_models.h"

namespace triage::exporting {
namespace {

using ::testing::HasSubstr;

constexpr plan::InputShape kNetInput{3, 12, 12};
constexpr int kNetClasses = 5, kNetImages = 256;
const std::vector<float> kMean{0.49f, 0.48f, 0.45f}, kStddev{0.25f, 0.24f, 0.26f};

at::Tensor normal_images(const supernet::NetworkOptions& options) {
  return torch::randn({16, kNetInput.channels, kNetInput.height, kNetInput.width})
      .contiguous(at::MemoryFormat::ChannelsLast)
      .to(options.bf16 ? torch::kBFloat16 : torch::kFloat32);
}

// A network with running statistics and biases that are not the initial ones.
supernet::Network trained_network(supernet::NetworkOptions options = {}, const char* space = "8-12,16-20,20") {
  supernet::Network network(plan::SearchSpace::parse(space), kNetInput, kNetClasses, options, /*seed=*/3);
  torch::manual_seed(4);
  const torch::NoGradGuard no_gradients;
  for (const auto& [name, bias] : network->trainable_biases()) bias.normal_(0, 0.3);
  network->train();
  for (int step = 0; step < 5; ++step) network->forward(normal_images(options));
  return network;
}

StageOptions stage_options() {
  StageOptions options;
  options.name = "little";
  for (int i = 0; i < kNetClasses; ++i) options.classes.push_back("class " + std::to_string(i));
  options.mean = kMean;
  options.stddev = kStddev;
  return options;
}

TEST(FromNetworkTest, OnnxRuntimeEqualsLibTorch) {
  const auto network = trained_network({.bf16 = false, .features_block = 1});
  const auto stage = stage_from_network(*network, stage_options());
  EXPECT_EQ(stage.features_block, 1);
  const auto parity =
      check_parity(network_engine(*network, kMean, kStddev), onnx_engine("onnxruntime", stage_to_onnx(stage)),
                   testing::random_images(kNetInput, kNetImages, 5), kNetImages);
  EXPECT_TRUE(parity.ok()) << parity.text();
  ASSERT_EQ(parity.outputs.size(), 2u);  // features, logits
  EXPECT_EQ(parity.outputs[1].width, std::size_t{kNetClasses});
  EXPECT_EQ(parity.outputs[1].argmax_disagreements, 0u);
}

// Cut, recalibrated and folded, a subnet computes in ONNX Runtime what its slice computes in LibTorch, and is small.
class SubnetExportTest : public ::testing::TestWithParam<supernet::NetworkOptions> {};
TEST_P(SubnetExportTest, IsASmallNetworkOfItsOwn) {
  const auto options = GetParam();
  const auto supernet = trained_network(options, "4:8:2-6:12:2,8:16:4?-8:20:4,8:20:4?");
  supernet::Network subnet(supernet->extract(plan::ArchSpec::parse("6-8-12,16")));
  subnet->train();
  subnet->recalibrate_begin();
  subnet->forward(normal_images(options));
  subnet->recalibrate_end();
  subnet->eval();
  const auto stage = stage_from_network(*subnet, stage_options());
  ASSERT_EQ(stage.convs.size(), 4u);
  EXPECT_EQ(stage.convs[2].weight.size(), 12u * 8 * 9);
  const auto parity =
      check_parity(network_engine(*subnet, kMean, kStddev), onnx_engine("onnxruntime", stage_to_onnx(stage)),
                   testing::random_images(kNetInput, kNetImages, 5), kNetImages);
  EXPECT_TRUE(parity.ok()) << parity.text();
}

INSTANTIATE_TEST_SUITE_P(PlainAndResidual, SubnetExportTest,
                         ::testing::Values(supernet::NetworkOptions{.bf16 = false, .features_block = 1, .exits = {0}},
                                           supernet::NetworkOptions{
                                               .bf16 = false, .features_block = 1, .residual = true, .exits = {0}}));

TEST(FromNetworkTest, AnEngineIsFp32AndLeavesTheNetworkAlone) {
  auto network = trained_network({.bf16 = true});
  const auto before = supernet::clone_state(network->state());
  const auto images = testing::random_images(kNetInput, kNetImages, 6);
  const auto parity = check_parity(
      network_engine(*network, kMean, kStddev),
      onnx_engine("onnxruntime", stage_to_onnx(stage_from_network(*network, stage_options()))), images, kNetImages);
  EXPECT_TRUE(parity.ok()) << parity.text();
  EXPECT_TRUE(network->is_training());
  const auto after = network->state();
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(torch::equal(before[i].tensor, after[i].tensor)) << before[i].name;
}

TEST(FromNetworkTest, AWrongWeightIsFound) {
  const auto network = trained_network({.bf16 = false});
  auto stage = stage_from_network(*network, stage_options());
  stage.convs[2].weight[100] += 0.2f;
  const auto parity =
      check_parity(network_engine(*network, kMean, kStddev), onnx_engine("onnxruntime", stage_to_onnx(stage)),
                   testing::random_images(kNetInput, kNetImages, 7), kNetImages);
  EXPECT_FALSE(parity.ok());
  EXPECT_EQ(parity.outputs[0].failures, 0u) << "features come from an earlier block";
  EXPECT_GT(parity.outputs[1].failures, 0u);
}

TEST(FromNetworkTest, RefusesWhatDoesNotFit) {
  const auto network = trained_network({.bf16 = false});
  auto options = stage_options();
  options.classes.pop_back();
  EXPECT_THROW(stage_from_network(*network, options), Error);
  options = stage_options();
  options.stddev[0] = 0;
  EXPECT_THROW(stage_from_network(*network, options), Error);
  {
    const torch::NoGradGuard no_gradients;
    network->trainable_weights()[1].tensor.view({-1})[0] = NAN;
  }
  try {
    stage_from_network(*network, stage_options());
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("stage little: block1.conv0: weight"));
  }
}

}  // namespace
}  // namespace triage::exporting
