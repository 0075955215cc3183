#include "model/counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/model_test_support.h"

namespace triage::model {
namespace {

using testing::graph_of;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A stride-2 convolution of 3x3 from 2 to 4 channels on 8x8: 4 * 4 * 4 outputs of 2 * 9 taps; depthwise 3x3 on 4x4: 4 *
// 16 outputs of 9 taps; the linear layer 4 * 3.
constexpr const char* kNet =
    "(float[N,2,8,8] x) => (float[N,3] y) {\n"
    " a = Conv<kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]>(x, w)\n"
    " b = Conv<kernel_shape = [3,3], pads = [1,1,1,1], group = 4>(a, d, e)\n"
    " c = GlobalAveragePool(b)\n f = Flatten(c)\n y = Gemm<transB = 1>(f, g, h)\n}";

Graph net(const std::string& batch) {
  std::string text = kNet;
  text.replace(text.find("float[N"), 7, "float[" + batch);
  onnx::ModelProto model = testing::parsed(text);
  for (const auto& [name, dims] : std::vector<std::pair<std::string, Dims>>{
           {"w", {4, 2, 3, 3}}, {"d", {4, 1, 3, 3}}, {"e", {4}}, {"g", {3, 4}}, {"h", {3}}}) {
    auto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const auto size : dims) tensor.add_dims(size);
    for (std::int64_t i = 0; i < elements(dims); ++i) tensor.add_float_data(1);
  }
  return from_onnx(model, "test.onnx", {});
}

TEST(Counts, OfASmallNet) {
  for (const char* batch : {"N", "1", "16"}) {
    const Counts counts = count(net(batch));
    EXPECT_EQ(counts.macs, 64 * 18 + 64 * 9 + 12) << batch;
    EXPECT_EQ(counts.parameters, 72 + 36 + 4 + 12 + 3) << batch;
    EXPECT_EQ(counts.weight_bytes, 4 * (72 + 36 + 4 + 12 + 3)) << batch;
    EXPECT_EQ(counts.peak_activation_bytes, 4 * (128 + 64)) << batch;  // the image and what the first layer gives
    EXPECT_THAT(counts.nodes, SizeIs(3));
  }
}

// Two maps of 64 numbers wait for their sum while the third is made.
TEST(Counts, PeakHoldsWhatIsReadLater) {
  const Counts counts =
      count(graph_of("(float[1,64] x) => (float[1,64] y) { a = Relu(x)\n b = Neg(a)\n c = Exp(b)\n y = Add(a, c) }"));
  EXPECT_EQ(counts.peak_activation_bytes, 4 * 64 * 3);
  EXPECT_EQ(counts.macs, 0);
}

// Stacks of matrices: 2 * 3 products of [4, 5] and [5, 6].
TEST(Counts, MatrixProducts) {
  EXPECT_EQ(count(graph_of("(float[N,3,4,5] x) => (float[N,3,4,5] y) <int64[4] s = {0,3,5,4}> {\n"
                           " t = Transpose<perm = [0,1,3,2]>(x)\n p = MatMul(x, t)\n y = MatMul(p, x)\n}"))
                .macs,
            3 * 4 * 5 * 4 * 2);
}

// A convolution in integers is counted as it is in real numbers; scales and zero points are no parameters.
TEST(Counts, IntegersCount) {
  const Counts counts = count(
      graph_of("(uint8[1,1,4,4] x) => (uint8[1,2,4,4] y) <float xs = {0.5}, uint8 xz = {3}, int8[2,1,1,1] w = {1, 2}, "
               "int32[2] b = {1, 2},\n"
               " float[2] ws = {0.1, 0.2}, int8[2] wz = {0, 0}> { y = QLinearConv(x, xs, xz, w, ws, wz, xs, xz, b) }"));
  EXPECT_EQ(counts.macs, 32);
  EXPECT_EQ(counts.parameters, 4);
  EXPECT_EQ(counts.weight_bytes, 2 + 8 + 8);  // weights, biases, the weights' scales
}

TEST(Counts, WhatAnImageIsNormalisedByIsNoParameter) {
  const Counts counts =
      count(graph_of("(float[1,2] x) => (float[1,2] y) <float[2] m = {1,2}, float[2] s = {1,2}, float[2] b = {1,2}> {\n"
                     " a = Sub(x, m)\n c = Div(a, s)\n d = Relu(c)\n y = Add(d, b) }"));
  EXPECT_EQ(counts.parameters, 2);  // b
  EXPECT_EQ(counts.weight_bytes, 8);
}

TEST(Counts, SaysWhatItDoesNotKnow) {
  const Counts counts =
      count(graph_of("(float[1,2] x) => (float[1,2] y) <float[2,2] w = {1,1,1,1}> {\n"
                     " a = MatMul(x, w)\n b = custom.Twist(a)\n c = MatMul(b, w)\n y = Relu(c) }"));
  EXPECT_EQ(counts.macs, 4);  // of the first product
  EXPECT_THAT(counts.not_counted, ::testing::ElementsAre(HasSubstr("'b' (custom.Twist)"), HasSubstr("'c' (MatMul)")));
}

}  // namespace
}  // namespace triage::model
