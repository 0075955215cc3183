#include "cost/layers/layer_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "cost/cost_model.h"

namespace triage::cost {
namespace {

using testing::ElementsAre;

const plan::InputShape kImage16{.channels = 3, .height = 16, .width = 16};

std::vector<std::string> texts(const char* arch) {
  const SegmentNet net = segment_net({.arch = family::ArchSpec::parse(arch)}, kImage16, 10);
  std::vector<std::string> texts;
  for (const KeyedLayer& layer : keyed_layers(net.net.layers, net.begin, net.end)) {
    texts.push_back(layer.name() + ": " + layer.key.text());
    const Json json = to_json(layer.key);
    EXPECT_EQ(layer_key_from_json({json, "key"}), layer.key) << texts.back();
  }
  return texts;
}

TEST(LayerKeys, OfAPlainNetAreItsConvolutionsAndPools) {
  EXPECT_THAT(texts("4-8,12"),
              ElementsAre("block0.conv0: 3 -> 4 channels at 16x16", "block1.conv0: 4 -> 8 channels at 16x16, pool",
                          "block1.conv1: 8 -> 12 channels at 8x8"));
}

TEST(LayerKeys, OfAResidualNetHaveTheSumBehindThem) {
  EXPECT_THAT(texts("residual:4/4-4s2-8b2/2"),
              ElementsAre("stem: 3 -> 4 channels at 8x8, pool of 3, stride 2",  // the map of 4x4 is the pool's
                          "section0.block0.conv0: 4 -> 4 channels at 4x4",
                          "section0.block0.conv1: 4 -> 4 channels at 4x4, activation none",
                          "section0.block0.se: 4 -> 4 channels at 4x4, squeeze_excite, sum, 2 between, smooth gate",
                          "section1.block0.reduce: 4 -> 2 channels at 4x4, kernel 1",
                          "section1.block0.middle: 2 -> 2 channels at 2x2, stride 2",
                          "section1.block0.restore: 2 -> 8 channels at 2x2, kernel 1, sum",
                          "section1.block0.skip: 4 -> 8 channels at 2x2, kernel 1, stride 2, activation none"));
}

TEST(LayerKeys, OfAnMbconvNetHaveGroupsAndTails) {
  EXPECT_THAT(
      texts("mbconv:4h/2-4k5e2s2h-c24h-f16"),
      ElementsAre("stem: 3 -> 4 channels at 8x8, stride 2, activation hard_swish",
                  "section0.block0.expand: 4 -> 8 channels at 8x8, kernel 1, activation hard_swish",
                  "section0.block0.depthwise: 8 -> 8 channels at 8x8, kernel 5, 8 groups, activation hard_swish",
                  "section0.block0.se: 8 -> 8 channels at 8x8, squeeze_excite, activation none, 8 between, hard gate",
                  "section0.block0.project: 8 -> 4 channels at 8x8, kernel 1, sum, activation none",
                  "tail.conv: 4 -> 24 channels at 8x8, kernel 1, activation hard_swish",
                  "tail.linear: 24 -> 16 channels at 1x1, linear"));
}

// As files had them before other families did.
TEST(LayerKeys, OfPlainNetsAreWrittenAsEver) {
  EXPECT_EQ(to_json(LayerKey{4, 8, 16, 16, 2}).dump(),
            Json({{"in_channels", 4}, {"out_channels", 8}, {"height", 16}, {"width", 16}, {"pool", true}}).dump());
  const Json json = {{"in_channels", 4}, {"out_channels", 8}, {"height", 16}, {"width", 16}, {"pool", false}};
  EXPECT_EQ(layer_key_from_json({json, "key"}), (LayerKey{4, 8, 16, 16}));
}

TEST(LayerKeys, DamageIsNamed) {
  const auto error = [](const char* field, const Json& value) {
    Json json = to_json(LayerKey{4, 8, 16, 16});
    json[field] = value;
    return error_of([&] { layer_key_from_json({json, "key"}); });
  };
  EXPECT_EQ(error("kind", "add"), "key: kind: expected one of 'conv', 'squeeze_excite', 'linear', found \"add\"");
  EXPECT_EQ(error("kernel", 9), "key: kernel: expected a number from 1 to 7, found 9");
  EXPECT_EQ(error("activation", "tanh"),
            "key: activation: expected one of 'none', 'relu', 'hard_swish', found \"tanh\"");
}

}  // namespace
}  // namespace triage::cost
