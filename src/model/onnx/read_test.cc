#include "model/onnx/read.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "model/model_test_support.h"
#include "model/onnx/write.h"
#include "model/shapes.h"

namespace triage::model {
namespace {

using ::testing::ElementsAre;
using testing::graph_of;
using ::testing::HasSubstr;
using testing::node_of;
using testing::parsed;

std::string refused(const std::string& text, int opset = 17) {
  return error_of([&] { graph_of(text, opset); });
}

// Operator set 7 has attributes where set 18 has inputs; the graph has inputs, the file that is written attributes.
TEST(ReadOnnx, OldFormsBecomeInputsAndComeBack) {
  const std::string text =
      "(float[2,1,6] x) => (float[2,3] y, float[2,3] z) {\n"
      " a = Clip<min = -1.0, max = 2.0>(x)\n b = Squeeze<axes = [1]>(a)\n c = Slice<axes = [1], starts = [0], ends = "
      "[6]>(b)\n"
      " y, d = Split<axis = 1, split = [3, 3]>(c)\n e = Unsqueeze<axes = [1]>(d)\n f = Pad<pads = [0,0,1,0,0,1], value "
      "= 5.0>(e)\n"
      " g = Slice<axes = [2], starts = [1], ends = [4]>(f)\n z = ReduceMean<axes = [1], keepdims = 0>(g)\n}";
  const Graph graph = graph_of(text, 7);
  EXPECT_THAT(graph.data(node_of(graph, Op::clip).input(2)).numbers(), ElementsAre(2));
  EXPECT_THAT(graph.data(node_of(graph, Op::split).input(1)).integers(), ElementsAre(3, 3));
  EXPECT_THAT(graph.data(node_of(graph, Op::reduce_mean).input(1)).integers(), ElementsAre(1));
  for (const int opset : {7, 18}) {
    const onnx::ModelProto written = to_onnx(graph, {.opset = opset});
    for (const auto& node : written.graph().node()) {
      EXPECT_EQ(node.input_size() == 1, opset == 7) << node.op_type();
    }
    const Graph again = from_onnx(written, "again.onnx", {});
    const Tensor x = testing::floats({2, 1, 6}, {-3, 0, 1, 2, 3, 4, 0, .5, 0, 1, 2, 1});
    const auto outputs = interpret(again, {{"x", x}});
    EXPECT_THAT(outputs.at("y").values, ElementsAre(-1, 0, 1, 0, .5, 0)) << opset;
    EXPECT_THAT(outputs.at("z").values, ElementsAre(2, 2, 2, 1, 2, 1)) << opset;
  }
}

// The way PyTorch's older exporter writes a channel shuffle: the shape is computed from the input's.
constexpr const char* kShuffle =
    "(float[N,4,2,2] x) => (float[M,4,2,2] y) <int64 zero = {0}, int64 one = {1}, int64 two = {2}, int64[1] a = "
    "{0},\n"
    " int64[1] s = {2}, int64[1] groups = {2}> {\n"
    " shape = Shape(x)\n n = Gather<axis = 0>(shape, zero)\n c = Gather<axis = 0>(shape, one)\n half = Div(c, two)\n"
    " n1 = Unsqueeze(n, a)\n h1 = Unsqueeze(half, a)\n to = Concat<axis = 0>(n1, groups, h1, s, s)\n"
    " grouped = Reshape(x, to)\n turned = Transpose<perm = [0,2,1,3,4]>(grouped)\n y = Reshape(turned, shape)\n}";

TEST(ReadOnnx, ShapesFollowFromAFreeBatch) {
  const Graph graph = graph_of(kShuffle);
  EXPECT_EQ(to_string(*graph.value(graph.find("grouped")).shape), "[N, 2, 2, 2, 2]");
  EXPECT_EQ(to_string(*graph.value(graph.find("y")).shape), "[N, 4, 2, 2]");
  EXPECT_EQ(to_string(*graph.value(graph.find("shape")).shape), "[4]");
  const Graph fixed_batch = graph_of("(float[N,4] x) => (float[M,4] y) { y = Relu(x) }", 17, {.batch = 5});
  EXPECT_EQ(to_string(*fixed_batch.value(fixed_batch.find("y")).shape), "[5, 4]");
}

TEST(ReadOnnx, WhatIsComputedFromShapesBecomesConstants) {
  Graph folded = graph_of(kShuffle);
  fold_constants(folded);
  ASSERT_EQ(folded.nodes.size(), 3u);  // Reshape, Transpose, Reshape
  EXPECT_THAT(folded.data(folded.nodes[0].input(1)).integers(), ElementsAre(-1, 2, 2, 2, 2));
  EXPECT_THAT(folded.data(folded.nodes[2].input(1)).integers(), ElementsAre(-1, 4, 2, 2));
  for (const std::int64_t batch : {1, 2, 5}) {
    Tensor x = testing::floats({batch, 4, 2, 2}, {});
    for (std::int64_t i = 0; i < batch * 16; ++i) x.values.push_back(static_cast<double>(i));
    EXPECT_EQ(interpret(folded, {{"x", x}}).at("y").values, interpret(graph_of(kShuffle), {{"x", x}}).at("y").values);
  }
}

// What depends on the batch in another way stays, and so does what is an output.
TEST(ReadOnnx, WhatFollowsTheBatchIsComputed) {
  Graph graph = graph_of(
      "(float[N,4] x) => (int64[K] y, int64[1] z) <int64[1] two = {2}> {\n"
      " s = Shape(x)\n h = Div(s, two)\n y = Mul(h, two)\n z = Add(two, two)\n}");
  fold_constants(graph);
  EXPECT_EQ(graph.nodes.size(), 4u);
}

TEST(FoldConstants, WeightsInIntegersStayIntegers) {
  Graph graph = graph_of(
      "(float[N,2] x) => (float[N,2] y) <int8[2,2] w = {1,2,3,4}, float s = {0.5}> {\n"
      " r = DequantizeLinear(w, s)\n t = Transpose(r)\n y = MatMul(x, t)\n}");
  fold_constants(graph);
  EXPECT_EQ(graph.nodes.size(), 3u);
}

TEST(ReadOnnx, WhatIsNotKnownIsKeptAsItIs) {
  const std::string text =
      "(float[2] x, bool c) => (float[2] y) <float[2] w = {1, 2}> {\n a = custom.Twist<how = 3>(x)\n"
      " b = If(c) <then_branch = t () => (float[2] ty) { ty = Add(a, w) },\n"
      "           else_branch = e () => (float[2] ey) { ey = Relu(a) }>\n"
      " m, i = MaxPool<kernel_shape = [1]>(b)\n y = Relu<strange = 1>(m)\n}";
  const onnx::ModelProto model = parsed(text);
  Graph graph;
  EXPECT_THAT(error_of([&] { graph = from_onnx(model, "test.onnx", {}); }), HasSubstr("strange"));
  onnx::ModelProto plain = model;
  plain.mutable_graph()->mutable_node(3)->clear_attribute();
  graph = from_onnx(plain, "test.onnx", {});
  ASSERT_EQ(graph.nodes.size(), 4u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(graph.nodes[static_cast<std::size_t>(i)].op, Op::opaque);
  EXPECT_THAT(graph.nodes[1].captures, ElementsAre(graph.find("a"), graph.find("w")));
  const onnx::ModelProto written = to_onnx(graph);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(written.graph().node(i).SerializeAsString(), plain.graph().node(i).SerializeAsString());
  EXPECT_THAT(
      error_of([&] { interpret(graph, {{"x", testing::floats({2}, {1, 2})}, {"c", {Type::boolean, {}, {1}}}}); }),
      HasSubstr("(custom.Twist): cannot be interpreted"));
}

TEST(ReadOnnx, QuantizationIsBesideTheValues) {
  const Graph graph = graph_of(
      "(float[1,1,2,2] x) => (float[1,2,2,2] y) <float xs = {0.5}, uint8 xz = {3}, int8[2,1,1,1] w = {1, 2},\n"
      " float[2] ws = {0.1, 0.2}, int8[2] wz = {0, 0}, float ys = {2.0}, uint8 yz = {7}> {\n"
      " q = QuantizeLinear(x, xs, xz)\n r = QLinearConv(q, xs, xz, w, ws, wz, ys, yz)\n y = DequantizeLinear(r, ys, "
      "yz)\n}");
  EXPECT_EQ(graph.value(graph.find("q")).quantization, (Quantization{{0.5f}, {3}, std::nullopt}));
  EXPECT_EQ(graph.value(graph.find("w")).quantization, (Quantization{{0.1f, 0.2f}, {0, 0}, 0}));
  EXPECT_EQ(graph.value(graph.find("r")).quantization, (Quantization{{2.0f}, {7}, std::nullopt}));
  EXPECT_EQ(graph.value(graph.find("r")).type, Type::uint8);
  EXPECT_EQ(to_string(*graph.value(graph.find("r")).shape), "[1, 2, 2, 2]");
}

// Until operator set 12 Softmax goes over all dimensions from its axis on.
TEST(ReadOnnx, SoftmaxOfOldSetsGoesOverAllThatFollows) {
  const std::string text = "(float[1,2,2] x) => (float[1,2,2] y) { y = Softmax(x) }";
  const Tensor x = testing::floats({1, 2, 2}, {0, 0, 0, 0});
  EXPECT_THAT(interpret(graph_of(text, 12), {{"x", x}}).at("y").values, ElementsAre(.25, .25, .25, .25));
  EXPECT_THAT(interpret(graph_of(text, 13), {{"x", x}}).at("y").values, ElementsAre(.5, .5, .5, .5));
  EXPECT_THAT(error_of([&] { to_onnx(graph_of(text, 12), {.opset = 13}); }), HasSubstr("(Softmax)"));
}

TEST(ReadOnnx, RefusalsNameWhatIsWrong) {
  EXPECT_EQ(refused("(float[1] x) => (float[1] y) { y = Relu(x) }", 6),
            "test.onnx: operator set of ONNX's domain: found 6, expected 7 to 22");
  EXPECT_THAT(refused("(float[1] x) => (float[1] y) { y = Relu(z) }"), HasSubstr("input 'z': found no value"));
  EXPECT_THAT(refused("(float[1] x) => (float[1] y) { y = Relu(x)\n y = Neg(x) }"), HasSubstr("'y': found a second"));
  EXPECT_THAT(
      refused(
          "(float[1,3,4,4] x) => (float[1,1,4,4] y) <float[1,2,1,1] w = {1,2}> { y = Conv(x, w)\n z = Reshape(y, w) }"),
      HasSubstr("(Reshape): its shapes"));
  EXPECT_THAT(refused("(seq(float[1]) x) => (float[1] y) { y = Relu(x) }"), HasSubstr("input 'x': found no tensor"));
}

TEST(WriteOnnx, DefaultsMayBeLeftOut) {
  const Graph graph = graph_of("(float[N,2] x) => (float[N,2] y) { a = Flatten(x)\n y = Softmax(a) }");
  const onnx::ModelProto whole = to_onnx(graph), brief = to_onnx(graph, {.defaults = false});
  EXPECT_EQ(whole.graph().node(0).attribute_size(), 1);
  EXPECT_EQ(brief.graph().node(0).attribute_size(), 0);
  EXPECT_EQ(brief.graph().node(1).attribute_size(), 1);  // its default was another one once
  EXPECT_EQ(to_onnx_bytes(from_onnx(brief, "again", {})), to_onnx_bytes(graph));
}

class ExternalDataTest : public ::testing::Test {
 protected:
  onnx::ModelProto model_at(const std::string& location) {
    onnx::ModelProto model = parsed("(float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }");
    auto& tensor = *model.mutable_graph()->mutable_initializer(0);
    tensor.clear_float_data();
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] :
         {std::pair{"location", location}, {"offset", std::string("4")}, {"length", std::string("8")}}) {
      auto& entry = *tensor.add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    }
    return model;
  }
  std::string refused_at(const std::string& location) {
    return error_of([&] { from_onnx(model_at(location), "test.onnx", directory_.path()); });
  }
  TempDir directory_;
};

TEST_F(ExternalDataTest, LiesBesideTheFile) {
  const std::vector<float> values{9, 3, 4};
  write_file_atomic(directory_ / "w.bin", {reinterpret_cast<const char*>(values.data()), 12});
  write_file_atomic(directory_ / "m.onnx", model_at("w.bin").SerializeAsString());
  const Graph graph = read_onnx(directory_ / "m.onnx");
  EXPECT_THAT(graph.data(graph.find("w")).numbers(), ElementsAre(3, 4));
}

TEST_F(ExternalDataTest, MayBeRefused) {
  EXPECT_THAT(error_of([&] { parse_onnx(model_at("w.bin").SerializeAsString(), "m.onnx"); }),
              HasSubstr("m.onnx: constant 'w': found its data outside the file, expected it inside"));
}

TEST_F(ExternalDataTest, StaysBelowTheFolder) {
  write_file_atomic(directory_ / "short.bin", "12345678901");
  EXPECT_THAT(refused_at("../w.bin"), HasSubstr("location: found '../w.bin', expected a path below"));
  EXPECT_THAT(refused_at("a/../../w.bin"), HasSubstr("expected a path below"));
  EXPECT_THAT(refused_at("/etc/hostname"), HasSubstr("expected a path below"));
  EXPECT_THAT(refused_at(""), HasSubstr("expected a path below"));
  EXPECT_THAT(refused_at("short.bin"), HasSubstr("has 11 bytes, expected 8 from 4 on"));
}

// Whatever is wrong in a file, it is refused or read: nothing else happens.
TEST(ReadOnnx, DamagedFilesAreRefusedOrRead) {
  const TempDir directory;
  write_onnx(directory / "m.onnx",
             graph_of("(float[N,2,4,4] x) => (float[N,3] y) <float[3,2,3,3] w = "
                      "{1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,\n"
                      " 7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9}, int64[1] k = {2}> {\n a = Conv<pads = [1,1,1,1], "
                      "strides = [2,2]>(x, w)\n"
                      " b = Clip(a)\n c = GlobalAveragePool(b)\n y = Flatten(c)\n s, t = Split<axis = 1>(x)\n u = "
                      "Concat<axis = 1>(s, t)\n v = Unsqueeze(u, k)\n}"));
  const Damage found =
      damage(directory / "m.onnx", 150, [&] { return to_onnx_bytes(read_onnx(directory / "m.onnx")); });
  EXPECT_GT(found.refused, 15);
}

}  // namespace
}  // namespace triage::model
