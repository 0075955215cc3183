#include "importing/adapt.h"

#include <cmath>
#include <numeric>

#include "core/rng.h"
#include "engine/onnxruntime/onnx_session.h"
#include "importing/test_nets.h"

namespace triage::importing {
namespace {

using testing::HasSubstr;
using testing_nets::Answer;
using testing_nets::save;
using testing_nets::TestNet;

class AdaptTest : public testing::Test {
 protected:
  std::unique_ptr<engine::Session> open(const TestNet& net, const Adaptation& adaptation, int classes = 3) {
    const OnnxNet read =
        read_onnx_net({.file = save(net.model(), directory_ / "net.onnx"), .features = adaptation.features}, classes);
    std::string bytes;
    EXPECT_TRUE(adapted(read, adaptation).SerializeToString(&bytes));
    return engine::make_onnx_session(bytes, "net.onnx", {});
  }

  // The answers of n random images against the plain loops; `places` of classes; levels: whole numbers, as uint8 takes.
  void expect_right(const TestNet& net, const engine::Session& session, int n, const std::vector<int>& places = {},
                    bool up_to_a_constant = false) {
    Rng rng(5);
    const auto size = static_cast<std::size_t>(session.info().input_size);
    std::vector<float> images(static_cast<std::size_t>(n) * size);
    for (float& value : images) value = static_cast<float>(rng.below(16));
    std::vector<float> found(static_cast<std::size_t>(n * session.info().classes)),
        features(static_cast<std::size_t>(n * session.info().feature_width));
    const Status status = session.run(
        n, {.input = images.data(), .logits = found.data(), .features = features.empty() ? nullptr : features.data()});
    ASSERT_TRUE(status) << status.error().message;
    for (int i = 0; i < n; ++i) {
      std::vector<float> expected = net.logits(std::span(images).subspan(static_cast<std::size_t>(i) * size, size));
      if (!places.empty()) {
        std::vector<float> placed;
        for (const int place : places) placed.push_back(expected[static_cast<std::size_t>(place)]);
        expected = placed;
      }
      const float* const row = &found[static_cast<std::size_t>(i) * expected.size()];
      const float shift = up_to_a_constant ? row[0] - expected[0] : 0;
      for (std::size_t c = 0; c < expected.size(); ++c) EXPECT_NEAR(row[c] - shift, expected[c], 1e-3) << i << ' ' << c;
    }
  }

  TempDir directory_;
};

TEST_F(AdaptTest, EveryInputBecomesAnImage) {
  for (const auto& net :
       {TestNet{}, TestNet{.nhwc = true}, TestNet{.channels = 1}, TestNet{.batch = 1}, TestNet{.batch = 4},
        TestNet{.input = onnx::TensorProto::UINT8}, TestNet{.input = onnx::TensorProto::FLOAT16}, TestNet{.opset = 9},
        TestNet{.nhwc = true, .batch = 2, .input = onnx::TensorProto::UINT8, .opset = 11}}) {
    const auto session = open(net, {});
    EXPECT_EQ(session->info().input_name, "image");
    for (const int n : {1, 3, 4, 9}) expect_right(net, *session, n);
  }
}

TEST_F(AdaptTest, EveryAnswerBecomesLogits) {
  for (const auto& net : {TestNet{.batch = 1, .flat = true}, TestNet{.answer = Answer::softmax},
                          TestNet{.batch = 1, .flat = true, .answer = Answer::softmax}})
    expect_right(net, *open(net, {}), 3);
  const TestNet log{.answer = Answer::log_softmax};
  expect_right(log, *open(log, {}), 3, {}, /*up_to_a_constant=*/true);
}

TEST_F(AdaptTest, ProbabilitiesBecomeTheirLogarithms) {
  // A softmax that is not the last node: its values are seen, not its place.
  onnx::ModelProto model = TestNet{.answer = Answer::softmax}.model();
  onnx::NodeProto& last = *model.mutable_graph()->mutable_node(model.graph().node_size() - 1);
  last.set_op_type("Abs");
  const OnnxNet net = read_onnx_net({.file = save(model, directory_ / "net.onnx")}, 3);
  EXPECT_FALSE(net.output.softmax);
  std::string bytes;
  adapted(net, {.answer = AnswerKind::probabilities}).SerializeToString(&bytes);
  expect_right(TestNet{}, *engine::make_onnx_session(bytes, "net.onnx", {}), 3, {}, /*up_to_a_constant=*/true);
}

TEST_F(AdaptTest, ANetOfOneBatchSizeRunsAnyWhereItsReshapesAllowIt) {
  for (const int batch : {1, 4}) {
    const TestNet net{.batch = batch};
    const auto session = open(net, {.free_batch = true});
    for (const int n : {1, 3, 8}) expect_right(net, *session, n);
  }
}

TEST_F(AdaptTest, ClassesInTheDataSetsOrder) {
  const TestNet net{.classes = 4};
  expect_right(net, *open(net, {.class_at = {1, 2, 3}}), 2, {1, 2, 3});  // without the background
  expect_right(net, *open(net, {.class_at = {2, 0, 3}}), 2, {2, 0, 3});
}

TEST_F(AdaptTest, NamesOfOursInsideTheNetAreNoMatter) {
  for (const TestNet& net : {TestNet{.input_name = "logits", .output_name = "image", .inner_name = "features"},
                             TestNet{.input_name = "image", .output_name = "logits"}})
    expect_right(net, *open(net, {}), 2);
}

TEST_F(AdaptTest, ValuesForRouters) {
  for (const auto* value : {"pooled", "row"}) {  // [N, 3, 1, 1] and [N, 3]
    const auto session = open(TestNet{}, {.features = value});
    EXPECT_EQ(session->info().feature_width, 3) << value;
    expect_right(TestNet{}, *session, 2);
  }
}

// A mean over maps whose sizes are computed, as PyTorch's exporters write it: shapes become constants and the answers
// stay. Nothing to fold, or a graph that cannot be read: none.
TEST_F(AdaptTest, WhatDoesNotDependOnTheImageBecomesConstants) {
  for (const int opset : {9, 13, 22}) {
    onnx::ModelProto model = TestNet{.opset = opset}.model();
    onnx::GraphProto& graph = *model.mutable_graph();
    onnx::GraphProto front;
    exporting::GraphBuilder builder(front);
    builder.node("Shape", {"x"}, "sizes");
    builder.node("Gather",
                 {"sizes", builder.constant("first", std::vector<std::int64_t>{}, std::array{std::int64_t{0}})}, "n");
    builder.node("Unsqueeze", {"n"}, "n_row");
    if (opset < 13) {
      builder.attribute("axes", std::vector<std::int64_t>{0});
    } else {
      front.mutable_node(front.node_size() - 1)->add_input(builder.constant("axis", {1}, std::vector<std::int64_t>{0}));
    }
    const std::vector<std::int64_t> rest{3};
    builder.node("Concat", {"n_row", builder.constant("rest", {1}, rest)}, "shape_computed");
    builder.attribute("axis", std::int64_t{0});
    for (auto& node : *graph.mutable_node()) {
      if (node.op_type() == "Reshape" && node.input(1) == "shape") node.set_input(1, "shape_computed");
      *front.add_node() = node;
    }
    graph.mutable_node()->Swap(front.mutable_node());
    for (const auto& tensor : front.initializer()) *graph.add_initializer() = tensor;
    const OnnxNet net = read_onnx_net({.file = save(model, directory_ / "net.onnx")}, 3);
    const onnx::ModelProto whole = adapted(net, {});
    const auto lean = folded(whole, net.file);
    ASSERT_TRUE(lean) << opset;
    EXPECT_EQ(lean->graph().node_size(), whole.graph().node_size() - 4) << opset;
    EXPECT_EQ(lean->opset_import(0).version(), opset);
    std::string bytes;
    lean->SerializeToString(&bytes);
    const auto session = engine::make_onnx_session(bytes, "net.onnx", {});
    for (const int n : {1, 3, 8}) expect_right(TestNet{}, *session, n);
    EXPECT_FALSE(folded(*lean, net.file)) << opset;
    onnx::ModelProto odd = whole;
    odd.mutable_graph()->add_sparse_initializer();
    EXPECT_FALSE(folded(odd, net.file));
  }
}

TEST(AnswerKind, IsSeenByTheValues) {
  EXPECT_EQ(answer_kind(std::vector{0.2f, 0.8f, 0.5f, 0.5f}, 2, "net"), AnswerKind::probabilities);
  EXPECT_EQ(answer_kind(std::vector{-0.2f, 1.2f, 0.5f, 0.5f}, 2, "net"), AnswerKind::logits);
  EXPECT_EQ(answer_kind(std::vector{std::log(0.3f), std::log(0.7f), std::log(0.5f), std::log(0.5f)}, 2, "net"),
            AnswerKind::logits);
  EXPECT_EQ(error_of([] { answer_kind(std::vector{1.f, 2.f, 1.f, 2.f}, 2, "net"); }),
            "net: answers: found the same for every image, expected those of a classifier");
  EXPECT_EQ(error_of([] { answer_kind(std::vector{1.f, std::nanf("")}, 2, "net"); }),
            "net: answers: found values that are not finite, expected those of a classifier");
}

}  // namespace
}  // namespace triage::importing
