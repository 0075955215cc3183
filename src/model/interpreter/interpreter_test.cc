// Numbers by hand. The operators are held against ONNX Runtime in src/exporting/imported.
#include "model/interpreter/interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "model/model_test_support.h"

namespace triage::model {
namespace {

using ::testing::ElementsAre;
using testing::floats;
using testing::graph_of;
using ::testing::HasSubstr;

TEST(Interpreter, ConvolutionWithPaddingAndStride) {
  const Graph graph = graph_of(
      "(float[1,1,3,3] x) => (float[1,1,2,2] y) <float[1,1,3,3] w = {1,1,1,1,1,1,1,1,1}, float[1] b = {10}> {\n"
      " y = Conv<pads = [1,1,1,1], strides = [2,2]>(x, w, b) }");
  const auto y = interpret(graph, {{"x", floats({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9})}}).at("y");
  EXPECT_THAT(y.values, ElementsAre(10 + 1 + 2 + 4 + 5, 10 + 2 + 3 + 5 + 6, 10 + 4 + 5 + 7 + 8, 10 + 5 + 6 + 8 + 9));
}

// SAME_UPPER on 4 with stride 3 and a window of 2: one column of padding, behind.
TEST(Interpreter, PaddingThatKeepsTheSize) {
  const Graph graph = graph_of(
      "(float[1,1,4] x) => (float[1,1,2] y) { y = MaxPool<kernel_shape = [2], strides = [3], auto_pad = "
      "\"SAME_UPPER\">(x) }");
  EXPECT_THAT(interpret(graph, {{"x", floats({1, 1, 4}, {1, 2, 3, -4})}}).at("y").values, ElementsAre(2, -4));
}

// (2 - 1) * 0.5 * 3 * 0.25 + 4 * 0.125 = 0.875; in steps of 0.1 from 10 on: 19 (8.75 is nearer to 9).
TEST(Interpreter, ConvolutionInIntegers) {
  const Graph graph = graph_of(
      "(uint8[1,1,1,1] x) => (uint8[1,1,1,1] y) <float xs = {0.5}, uint8 xz = {1}, int8[1,1,1,1] w = {3}, float[1] ws "
      "= {0.25},\n"
      " int8[1] wz = {0}, float ys = {0.1}, uint8 yz = {10}, int32[1] b = {4}> { y = QLinearConv(x, xs, xz, w, ws, wz, "
      "ys, yz, b) }");
  const auto y = interpret(graph, {{"x", {Type::uint8, {1, 1, 1, 1}, {2}}}}).at("y");
  EXPECT_THAT(y.values, ElementsAre(19));
  EXPECT_EQ(y.type, Type::uint8);
}

// SiLU as ONNX Runtime writes it: 2 / (1 + e^-2) = 1.7615942.
TEST(Interpreter, QuickGelu) {
  const Graph graph = graph_of("(float[N,1] x) => (float[M,1] y) { y = com.microsoft.QuickGelu<alpha = 1.0>(x) }");
  EXPECT_EQ(to_string(*graph.value(graph.find("y")).shape), "[N, 1]");
  EXPECT_NEAR(interpret(graph, {{"x", floats({1, 1}, {2})}}).at("y").values[0], 1.7615942, 1e-6);
}

TEST(Interpreter, EachValueIsSeenOnce) {
  const Graph graph = graph_of("(float[2] x) => (float[2] y) { a = Relu(x)\n y = Add(a, a) }");
  std::vector<std::string> seen;
  interpret(graph, {{"x", floats({2}, {-1, 2})}},
            [&](const Value& value, const Tensor&) { seen.push_back(value.name); });
  EXPECT_THAT(seen, ElementsAre("a", "y"));
}

TEST(Interpreter, RefusesWhatDoesNotFit) {
  const Graph graph = graph_of("(float[N,2] x) => (float[N,2] y) { y = Relu(x) }");
  EXPECT_EQ(error_of([&] { interpret(graph, {}); }), "test.onnx: input 'x': found none, expected one");
  EXPECT_EQ(error_of([&] { interpret(graph, {{"x", floats({1, 3}, {1, 2, 3})}}); }),
            "test.onnx: input 'x': found 3 values of shape [1, 3], expected [N, 2]");
  EXPECT_THAT(error_of([&] { interpret(graph, {{"x", {Type::uint8, {1, 2}, {1, 2}}}}); }),
              HasSubstr("found uint8, expected float32"));
  const Graph cubic = graph_of(
      "(float[1,1,2,2] x) => (float[1,1,4,4] y) <float[4] s = {1,1,2,2}> {\n"
      " y = Resize<mode = \"cubic\">(x, , s) }");
  EXPECT_THAT(error_of([&] { interpret(cubic, {{"x", floats({1, 1, 2, 2}, {1, 2, 3, 4})}}); }),
              HasSubstr("(Resize): attribute mode: found cubic, expected nearest or linear"));
}

}  // namespace
}  // namespace triage::model
