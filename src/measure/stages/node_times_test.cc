#include "measure/stages/node_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"
#include "core/test_support.h"

namespace triage::measure {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LayerNodes layer(const std::string& name) { return {.name = name, .main = {name}, .other = {name + "/pool"}}; }

const std::vector<LayerNodes> kLayers{layer("block0.conv0"), layer("block1.conv0"), layer("block1.conv1")};

// What ONNX Runtime writes, run by run: each node takes its µs and, in run r, r more.
std::string profile(const std::vector<std::pair<std::string, int>>& nodes, int runs) {
  Json events = Json::array();
  events.push_back({{"cat", "Session"}, {"name", "session_initialization"}, {"dur", 4000}});
  for (int r = 0; r < runs; ++r) {
    for (const auto& [name, us] : nodes) {
      events.push_back({{"cat", "Node"},
                        {"name", name + "_kernel_time"},
                        {"dur", us + r},
                        {"args", {{"op_name", "Conv"}, {"input_type_shape", Json::array({1, 2})}}}});
    }
    events.push_back({{"cat", "Session"}, {"name", "model_run"}, {"dur", 100}});
  }
  return events.dump();
}

std::vector<double> times_of(const std::string& text, const std::vector<LayerNodes>& layers, std::size_t skip) {
  return layer_times(node_times(text, skip, "net"), layers, "net");
}

TEST(LayerTimes, ALayerIsItsNodesAndTheLayoutChangesTheyCause) {
  const std::string text = profile({{"normalise/centred", 1},
                                    {"block0.conv0/relu_nchwc", 10},
                                    {"ReorderOutput_token_3", 100},  // for the next one, which is not blocked
                                    {"block1.conv0", 1000},
                                    {"block1.conv0/pool", 10000},
                                    {"ReorderInput", 100000},  // as the pool was not blocked
                                    {"block1.conv1/relu_nchwc", 1000000},
                                    {"ReorderOutput", 7},
                                    {"head/flat", 7},
                                    {"logits", 7}},
                                   3);
  // Of runs 1 and 2: 1.5 more for every node.
  EXPECT_THAT(times_of(text, kLayers, 1), ElementsAre(10 + 1.5, 111100 + 4 * 1.5, 1000000 + 1.5));
}

TEST(LayerTimes, ConvolutionsWithoutANameAreThoseOfTheLayersInOrder) {
  const std::string fused = "XnnpackExecutionProvider_Conv_";
  const std::string text = profile({{"Transpose", 7},
                                    {fused + "0", 10},
                                    {"block1.conv0/relu", 100},  // one that was not fused
                                    {"block1.conv0/pool_token_12", 1000},
                                    {fused + "1", 10000},
                                    {"Transpose_token_54", 7}},
                                   1);
  EXPECT_THAT(times_of(text, kLayers, 0), ElementsAre(10, 1100, 10000));
  const std::string few = profile({{fused + "0", 1}, {"block1.conv0/pool", 1}, {fused + "1", 1}}, 1);
  EXPECT_THAT(error_of([&] { times_of(few, kLayers, 0); }), HasSubstr("expected a node of block1.conv1, found none"));
}

TEST(LayerTimes, NamesThatBeginAlikeAreNotMixedUp) {
  std::vector<LayerNodes> layers;
  std::vector<std::pair<std::string, int>> nodes;
  for (int i = 0; i < 11; ++i) {
    layers.push_back(layer(std::format("block0.conv{}", i)));
    nodes.emplace_back(layers.back().name + "/relu", i + 1);
  }
  EXPECT_THAT(times_of(profile(nodes, 1), layers, 0), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(LayerTimes, WhatTookNoWholeMicrosecondTookSomething) {
  const std::string text = profile({{"block0.conv0/relu", 0}, {"block1.conv0/relu", 0}, {"block1.conv1/relu", 5}}, 1);
  EXPECT_THAT(times_of(text, kLayers, 0), ElementsAre(testing::Gt(0), testing::Gt(0), 5));
}

TEST(LayerTimes, WhatIsMissingIsNamed) {
  const auto error = [](const std::string& text, std::size_t skip) {
    return error_of([&] { times_of(text, kLayers, skip); });
  };
  const std::vector<std::pair<std::string, int>> two{{"block0.conv0/relu", 1}, {"block1.conv0/relu", 1}};
  const std::vector<std::pair<std::string, int>> three{two[0], two[1], {"block1.conv1/relu", 1}};
  EXPECT_THAT(error(profile(two, 3), 1), HasSubstr("net: profile: expected a node of block1.conv1, found none"));
  EXPECT_THAT(error(profile({three[0], {"block1.conv0/pool", 1}, three[2]}, 3), 1),
              HasSubstr("expected a node of block1.conv0, found none"));
  EXPECT_THAT(error(profile(three, 3), 3), HasSubstr("node 'block0.conv0/relu': found 3 runs"));
  EXPECT_THAT(error("[{\"cat\"", 0), HasSubstr("net: ONNX Runtime's profile is not valid JSON"));
  EXPECT_THAT(error("[{\"cat\": \"Node\"}]", 0), HasSubstr("field 'name' is missing"));
}

TEST(ProfileDirectory, GivesItsOneFileAndGoes) {
  fs::path path;
  {
    ProfileDirectory directory;
    path = fs::path(directory.prefix()).parent_path();
    EXPECT_THAT(error_of([&] { directory.take(); }), HasSubstr("expected one profile of ONNX Runtime, found 0"));
    write_file_atomic(directory.prefix() + "_1.json", "[]");
    EXPECT_EQ(directory.take(), "[]");
    EXPECT_TRUE(fs::is_empty(path));
    write_file_atomic(directory.prefix() + "_2.json", "[]");
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace triage::measure
