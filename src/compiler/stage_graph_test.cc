#include "compiler/stage_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cstring>
#include <functional>
#include <limits>
#include <map>

#include "core/test_support.h"
#include "model/model_test_support.h"

namespace triage::compiler {
namespace {

// Stages of a plan of net 2-3,2-4 with an exit behind block 1, written by triage build.
std::string stage_bytes(const std::string& name) { return read_file(fs::path(STAGE_SEEDS) / (name + ".onnx")); }

onnx::ModelProto stage_model(const std::string& name) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(stage_bytes(name)));
  return model;
}

onnx::TensorProto& tensor_of(onnx::ModelProto& model, const std::string& name) {
  for (auto& tensor : *model.mutable_graph()->mutable_initializer())
    if (tensor.name() == name) return tensor;
  fail("test: no tensor '{}'", name);
}

model::Graph graph_of(const std::string& name) { return model::parse_onnx(stage_bytes(name), "dir/stage.onnx"); }

StageGraph read(const onnx::ModelProto& model) { return stage_graph(model::from_onnx(model, "dir/stage.onnx", {})); }

std::string error_after(const std::string& name, const std::function<void(onnx::ModelProto&)>& change) {
  onnx::ModelProto model = stage_model(name);
  change(model);
  return error_of([&] { read(model); });
}

// Of another exporter: nodes in ONNX's text form, and floats counted up in constants of the given sizes.
onnx::ModelProto net(const std::string& text, const std::map<std::string, std::vector<std::int64_t>>& constants) {
  onnx::ModelProto model = model::testing::parsed("(float[N,2,6,8] x) => (float[N,3] y) { " + text + " }");
  for (const auto& [name, dims] : constants) {
    onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t size : dims) tensor.add_dims(size);
    const std::int64_t count = model::elements(dims);
    for (std::int64_t i = 0; i < count; ++i) tensor.add_float_data(static_cast<float>(i));
  }
  return model;
}
const std::map<std::string, std::vector<std::int64_t>> kConstants{
    {"w", {4, 2, 3, 3}}, {"b", {4}},       {"v", {5, 4, 3, 3}}, {"h", {5, 3}},      {"g", {4, 3}},
    {"k", {3}},          {"m", {2, 1, 1}}, {"e", {2, 3}},       {"d", {2, 1, 3, 3}}};

std::string refused(const std::string& text) {
  return error_of([&] { read(net(text, kConstants)); });
}

TEST(StageGraph, ReadsAStageOfImages) {
  const StageGraph graph = stage_graph(graph_of("image_fp32"));
  EXPECT_TRUE(graph.reads_image);
  EXPECT_FALSE(graph.int8());
  EXPECT_EQ(graph.input, (plan::InputShape{3, 16, 16}));
  EXPECT_EQ(graph.mean.size(), 3u);
  ASSERT_EQ(graph.convs.size(), 3u);
  EXPECT_EQ(graph.convs[1].name, "block1.conv0");
  EXPECT_TRUE(graph.convs[1].layer.pool && !graph.convs[0].layer.pool && !graph.convs[2].layer.pool);
  EXPECT_EQ(graph.convs[2].layer.height, 8);
  EXPECT_EQ(graph.features_conv, 2);
  EXPECT_EQ(graph.carry_conv, 2);
  EXPECT_EQ(graph.classes, 4);
  EXPECT_EQ(graph.head_weight.size(), 8u);
}

TEST(StageGraph, ReadsAStageOfCarriedMapsInInt8) {
  const StageGraph graph = stage_graph(graph_of("carried_int8"));
  EXPECT_FALSE(graph.reads_image);
  EXPECT_TRUE(graph.int8() && graph.mean.empty());
  EXPECT_EQ(graph.input, (plan::InputShape{2, 8, 8}));
  ASSERT_EQ(graph.convs.size(), 1u);
  ASSERT_TRUE(graph.convs[0].int8);
  EXPECT_EQ(graph.convs[0].int8->weight.size(), 72u);
  EXPECT_TRUE(graph.convs[0].layer.pool);
  ASSERT_TRUE(graph.grids[0] && graph.grids[1]);
  EXPECT_EQ(graph.grids[1]->zero, 0);
  EXPECT_EQ(graph.features_conv, -1);
  EXPECT_EQ(graph.carry_conv, -1);
}

// Only the roles of inputs and outputs are names.
TEST(StageGraph, NamesAndMetadataMeanNothing) {
  for (const char* file : {"image_fp32", "image_int8", "carried_fp32", "carried_int8"}) {
    onnx::ModelProto model = stage_model(file);
    const StageGraph before = read(model);
    std::map<std::string, std::string> names;
    for (const char* role : {"image", "carry_in", "logits", "features", "carry", "score"}) names[role] = role;
    const auto renamed = [&](std::string& name) {
      name = names.try_emplace(name, std::format("v{}", names.size())).first->second;
    };
    for (auto& tensor : *model.mutable_graph()->mutable_initializer()) renamed(*tensor.mutable_name());
    for (auto& node : *model.mutable_graph()->mutable_node()) {
      node.clear_name();
      for (auto& input : *node.mutable_input()) renamed(input);
      for (auto& output : *node.mutable_output()) renamed(output);
    }
    model.clear_metadata_props();
    const StageGraph after = read(model);
    ASSERT_EQ(after.convs.size(), before.convs.size());
    for (std::size_t i = 0; i < before.convs.size(); ++i) {
      EXPECT_EQ(after.convs[i].layer.pool, before.convs[i].layer.pool);
      EXPECT_EQ(after.convs[i].weight, before.convs[i].weight);
      EXPECT_EQ(after.convs[i].int8, before.convs[i].int8);
    }
    EXPECT_EQ(after.grids, before.grids);
    EXPECT_EQ(after.mean, before.mean);
    EXPECT_EQ(after.head_weight, before.head_weight);
    EXPECT_EQ(after.features_conv, before.features_conv);
    EXPECT_EQ(after.carry_conv, before.carry_conv);
    EXPECT_EQ(after.reads_image, before.reads_image);
  }
}

TEST(StageGraph, NetsOfOthersAreRead) {
  const StageGraph graph = read(net(
      "a = Conv<auto_pad = \"SAME_UPPER\">(x, w, b)\n r = Relu(a)\n p = MaxPool<kernel_shape = [2,2], strides = "
      "[2,2]>(r)\n"
      "i = Identity(p)\n c = Conv<pads = [1,1,1,1], kernel_shape = [3,3]>(i, v)\n s = Relu(c)\n q = GlobalMaxPool(s)\n"
      "f = Flatten(q)\n y = Gemm(f, h, k)",
      kConstants));
  ASSERT_EQ(graph.convs.size(), 2u);
  EXPECT_EQ(graph.convs[0].name, "a");
  EXPECT_TRUE(graph.convs[0].layer.pool && !graph.convs[1].layer.pool);
  EXPECT_EQ(graph.convs[1].layer.height, 3);
  EXPECT_EQ(graph.convs[1].layer.width, 4);
  EXPECT_EQ(graph.convs[0].bias, (std::vector<float>{0, 1, 2, 3}));
  EXPECT_EQ(graph.convs[1].bias, std::vector<float>(5));
  EXPECT_EQ(graph.classes, 3);
  EXPECT_EQ(graph.head_weight, (std::vector<float>{0, 3, 6, 9, 12, 1, 4, 7, 10, 13, 2, 5, 8, 11, 14}));  // turned
  EXPECT_TRUE(graph.mean.empty());
}

// ONNX Runtime's quantiser leaves the Relu to a grid that begins at 0.
TEST(StageGraph, AGridFromZeroOnIsARelu) {
  onnx::ModelProto model = stage_model("image_int8");
  auto& nodes = *model.mutable_graph()->mutable_node();
  std::map<std::string, std::string> instead;
  for (const auto& node : nodes)
    if (node.op_type() == "Relu") instead[node.output(0)] = node.input(0);
  ASSERT_FALSE(instead.empty());
  for (auto& node : nodes) {
    if (node.op_type() == "Relu") node.set_op_type("Identity");
    for (auto& input : *node.mutable_input())
      if (instead.contains(input)) input = instead[input];
  }
  EXPECT_EQ(read(model).convs.size(), read(stage_model("image_int8")).convs.size());
}

TEST(StageGraph, WhatNoKernelDoesIsRefusedByName) {
  using testing::HasSubstr;
  const std::string conv = "a = Conv<pads = [1,1,1,1]>(x, w)\n r = Relu(a)\n", pool = "p = GlobalMaxPool(r)\n ",
                    flat = "f = Flatten(p)\n ", head = pool + flat + "y = Gemm(f, g)";
  EXPECT_EQ(refused(conv + head), "no error");
  const auto expect = [&](const std::string& text, const std::string& words) {
    EXPECT_THAT(refused(text), HasSubstr("dir/stage.onnx: " + words)) << text;
  };
  expect("a = Conv<pads = [1,1,1,1], strides = [2,1]>(x, w)\n r = Relu(a)\n" + head,
         "node 'a' (Conv): strides: found [2, 1], expected [1, 1]");
  expect("a = Conv<pads = [2,2,2,2], dilations = [2,2]>(x, w)\n r = Relu(a)\n" + head, "node 'a' (Conv): dilations");
  expect("a = Conv(x, w)\n r = Relu(a)\n" + head, "node 'a' (Conv): pads, at the beginning: found [0, 0]");
  expect("a = Conv<pads = [1,1,1,1], group = 2>(x, d)\n r = Relu(a)\n" + pool + flat + "y = Gemm(f, e)",
         "node 'a' (Conv): weight: found [2, 1, 3, 3], expected [1 to 4096, 2, 3, 3]");
  expect("a = Conv<pads = [1,1,1,1]>(x, w)\n r = Sigmoid(a)\n" + head, "node 'r' (Sigmoid): expected Relu");
  expect(conv + "p = GlobalAveragePool(r)\n" + flat + "y = Gemm(f, g)",
         "node 'p' (GlobalAveragePool): expected Conv, or GlobalMaxPool");
  expect(conv + "p = MaxPool<kernel_shape = [3,3]>(r)\n q = GlobalMaxPool(p)\n f = Flatten(q)\n y = Gemm(f, g)",
         "node 'p' (MaxPool): expected 2x2 with stride 2");
  expect(conv + "s = Add(r, r)\n p = GlobalMaxPool(s)\n" + flat + "y = Gemm(f, g)", "node 's' (Add): expected Conv");
  expect(conv + "t = Sigmoid(r)\n s = Mul(r, t)\n p = GlobalMaxPool(s)\n" + flat + "y = Gemm(f, g)",
         "value 'r': found 2 nodes that read it, dir/stage.onnx: node 't' (Sigmoid) and ");
  expect(conv + pool + flat + "y = Gemm<alpha = 2.0>(f, g)", "node 'y' (Gemm): alpha: found 2, expected 1");
  expect(conv + pool + flat + "z = Gemm(f, g)\n y = Softmax(z)",
         "node 'y' (Softmax): expected nothing behind the last");
  expect("r = Relu(x)\n" + pool + flat + "y = Gemm(f, e)", "node 'r' (Relu): expected Conv");
  expect("s = Sub(x, m)\n a = Conv<pads = [1,1,1,1]>(s, w)\n y = Relu(a)", "found the answers behind value 'y'");
  EXPECT_THAT(error_of([] { model::parse_onnx("no model", "dir/a.onnx"); }), HasSubstr("dir/a.onnx: damaged"));
}

TEST(StageGraph, DamagedStagesAreRefusedByName) {
  using testing::AllOf;
  using testing::HasSubstr;
  const auto has = [](auto... words) { return AllOf(HasSubstr("dir/stage.onnx"), HasSubstr(words)...); };
  EXPECT_THAT(error_after("image_fp32", [](auto& m) { tensor_of(m, "block1.conv0/weight").set_name("other"); }),
              has("block1.conv0/weight"));
  EXPECT_THAT(
      error_after("image_fp32", [](auto& m) { tensor_of(m, "block1.conv0/bias").mutable_raw_data()->pop_back(); }),
      has("block1.conv0/bias", "bytes of data, expected 12"));
  EXPECT_THAT(error_after("image_fp32",
                          [](auto& m) {
                            for (auto& output : *m.mutable_graph()->mutable_output())
                              if (output.name() == "logits") output.set_name("head/flat");
                          }),
              has("none is called 'logits'"));
  const auto set_dimension = [](auto& m, std::int64_t size) {
    auto* type = m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type();
    type->mutable_shape()->mutable_dim(2)->set_dim_value(size);
  };
  for (const std::int64_t size : {-1, 5000})
    EXPECT_THAT(error_after("image_fp32", [&](auto& m) { set_dimension(m, size); }),
                has(std::format("input 'image': found a dimension of {}, expected 1 to 4096", size)));
  EXPECT_THAT(error_after("image_fp32", [&](auto& m) { set_dimension(m, std::int64_t{1} << 60); }),
              has("a dimension of its input: found 1152921504606846976, expected up to 16777216"));
  const auto maker_of = [](auto& m, const std::string& value) -> onnx::NodeProto& {
    for (auto& node : *m.mutable_graph()->mutable_node())
      if (node.output(0) == value) return node;
    fail("test: nothing makes '{}'", value);
  };
  EXPECT_THAT(error_after("image_fp32", [&](auto& m) { maker_of(m, "features/pool").set_op_type("GlobalMaxPool"); }),
              has("output 'features': expected GlobalAveragePool and Flatten"));
  EXPECT_THAT(error_after("image_fp32", [&](auto& m) { maker_of(m, "carry").set_input(0, "block1.conv0/relu"); }),
              has("output 'carry': found one of 'block1.conv0/relu', expected the map of a layer"));
}

TEST(StageGraph, GridsThatAreNoneAreRefused) {
  using testing::AllOf;
  using testing::HasSubstr;
  for (const float scale :
       {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (const char* name : {"input/scale", "block1.conv0/weight/scale", "block1.conv0/out/scale"})
      EXPECT_THAT(
          error_after("image_int8",
                      [&](auto& m) {
                        std::string& raw = *tensor_of(m, name).mutable_raw_data();
                        std::memcpy(raw.data(), &scale, sizeof scale);
                      }),
          AllOf(HasSubstr("dir/stage.onnx: node '"), HasSubstr("scale: found "), HasSubstr("expected above 0")));
  EXPECT_THAT(
      error_after("image_int8", [](auto& m) { tensor_of(m, "block1.conv1/out/zero").mutable_raw_data()->at(0) = 3; }),
      HasSubstr("node 'block1.conv1' (Conv): in int8, expected a grid before it and one with zero point 0 behind it"));
  EXPECT_THAT(error_after("image_int8",
                          [](auto& m) { tensor_of(m, "block1.conv0/bias/scale").mutable_raw_data()->at(3) ^= 1; }),
              HasSubstr("node 'block1.conv0/bias' (DequantizeLinear): scale: found "));
  EXPECT_THAT(error_after("image_int8",
                          [](auto& m) { tensor_of(m, "block1.conv0/weight/zero").mutable_raw_data()->at(0) = 3; }),
              HasSubstr("zero point: found another than 0"));
}

}  // namespace
}  // namespace triage::compiler
