#include "compiler/stage_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cstring>
#include <functional>
#include <limits>

#include "core/test_support.h"

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

void set_metadata(onnx::ModelProto& model, const std::string& key, const std::string& value) {
  for (auto& entry : *model.mutable_metadata_props())
    if (entry.key() == key) entry.set_value(value);
}

std::string error_after(const std::string& name, const std::function<void(onnx::ModelProto&)>& change) {
  onnx::ModelProto model = stage_model(name);
  change(model);
  return error_of([&] { parse_stage(model.SerializeAsString(), "dir/stage.onnx"); });
}

TEST(StageGraph, ReadsAStageOfImages) {
  const StageGraph graph = parse_stage(stage_bytes("image_fp32"), "stage.onnx");
  EXPECT_TRUE(graph.reads_image);
  EXPECT_FALSE(graph.int8());
  EXPECT_EQ(graph.input, (plan::InputShape{3, 16, 16}));
  EXPECT_EQ(graph.mean.size(), 3u);
  ASSERT_EQ(graph.convs.size(), 3u);
  EXPECT_EQ(graph.convs[1].layer.name(), "block1.conv0");
  EXPECT_TRUE(graph.convs[1].layer.pool && !graph.convs[0].layer.pool && !graph.convs[2].layer.pool);
  EXPECT_EQ(graph.convs[2].layer.height, 8);
  EXPECT_EQ(graph.features_conv, 2);
  EXPECT_EQ(graph.carry_conv, 2);
  EXPECT_EQ(graph.classes, 4);
  EXPECT_EQ(graph.head_weight.size(), 8u);
}

TEST(StageGraph, ReadsAStageOfCarriedMapsInInt8) {
  const StageGraph graph = parse_stage(stage_bytes("carried_int8"), "stage.onnx");
  EXPECT_FALSE(graph.reads_image);
  EXPECT_TRUE(graph.int8() && graph.mean.empty());
  EXPECT_EQ(graph.input, (plan::InputShape{2, 8, 8}));
  ASSERT_EQ(graph.convs.size(), 1u);
  EXPECT_EQ(graph.convs[0].weight8.size(), 72u);
  EXPECT_TRUE(graph.convs[0].layer.pool);
  ASSERT_TRUE(graph.grids[0] && graph.grids[1]);
  EXPECT_EQ(graph.grids[1]->zero, 0);
  EXPECT_EQ(graph.features_conv, -1);
  EXPECT_EQ(graph.carry_conv, -1);
}

TEST(StageGraph, DamagedFilesAreRefusedByName) {
  using testing::AllOf;
  using testing::HasSubstr;
  EXPECT_THAT(error_of([] { parse_stage("no model", "dir/a.onnx"); }),
              HasSubstr("dir/a.onnx: found bytes that are no"));
  EXPECT_THAT(error_of([] { parse_stage("", "dir/a.onnx"); }), HasSubstr("dir/a.onnx: inputs: found 0, expected 1"));
  EXPECT_THAT(error_of([] { read_stage("nowhere/a.onnx"); }), HasSubstr("nowhere/a.onnx"));
  const auto has = [](auto... words) { return AllOf(HasSubstr("dir/stage.onnx"), HasSubstr(words)...); };
  EXPECT_THAT(error_after("image_fp32", [](auto& m) { tensor_of(m, "block1.conv0/weight").set_name("other"); }),
              has("tensor 'block1.conv0/weight': not found, expected one of a Triage stage"));
  EXPECT_THAT(
      error_after("image_fp32", [](auto& m) { tensor_of(m, "block1.conv0/bias").mutable_raw_data()->pop_back(); }),
      has("tensor 'block1.conv0/bias'", "expected 3 of type 1"));
  EXPECT_THAT(error_after("image_fp32", [](auto& m) { tensor_of(m, "head/bias").set_data_type(7); }),
              has("tensor 'head/bias'", "of type 7", "expected 4 of type 1"));
  EXPECT_THAT(error_after("image_fp32", [](auto& m) { m.clear_metadata_props(); }),
              has("metadata 'triage.arch': not found, expected a stage that Triage has written"));
  for (const char* blocks : {"", "1", "2:2", "0:9", "x:y"})
    EXPECT_THAT(error_after("image_fp32", [&](auto& m) { set_metadata(m, "triage.blocks", blocks); }),
                has("metadata 'triage.blocks'", "within 3 blocks"));
  EXPECT_THAT(error_after("image_fp32", [](auto& m) { set_metadata(m, "triage.classes", "[\"one\"]"); }),
              has("found 1 classes, expected 2 or more"));
  const auto set_dimension = [](auto& m, std::int64_t size) {
    auto* type = m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type();
    type->mutable_shape()->mutable_dim(2)->set_dim_value(size);
  };
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{5000}, (std::int64_t{1} << 32) + 16})
    EXPECT_THAT(error_after("image_fp32", [&](auto& m) { set_dimension(m, size); }),
                has(std::format("input: found a dimension of {}, expected 1 to 4096", size)));
  const auto maker_of = [](auto& m, const std::string& value) -> onnx::NodeProto& {
    for (auto& node : *m.mutable_graph()->mutable_node())
      if (node.output(0) == value) return node;
    fail("test: nothing makes '{}'", value);
  };
  EXPECT_THAT(error_after("image_fp32", [&](auto& m) { maker_of(m, "features").clear_input(); }),
              has("value 'features': found no node with an input"));
  EXPECT_THAT(error_after("image_fp32", [&](auto& m) { maker_of(m, "features/pool").set_output(0, "lost"); }),
              has("value 'features/pool': found no node"));
  EXPECT_THAT(error_after("image_fp32", [&](auto& m) { maker_of(m, "carry").set_input(0, "head/pool"); }),
              has("output 'carry': found one behind 'head', expected one behind a convolution"));
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
          AllOf(HasSubstr(std::format("dir/stage.onnx: tensor '{}': found ", name)), HasSubstr("expected above 0")));
  EXPECT_THAT(
      error_after("image_int8", [](auto& m) { tensor_of(m, "block1.conv0/out/zero").mutable_raw_data()->at(0) = 3; }),
      HasSubstr("block1.conv0: in int8, expected a grid before it and one with zero point 0 behind it"));
  EXPECT_THAT(error_after("image_int8", [](auto& m) { tensor_of(m, "input/scale").set_name("other"); }),
              HasSubstr("block0.conv0: in int8, expected a grid before it"));
}

}  // namespace
}  // namespace triage::compiler
