#include "engine/onnxruntime/onnx_trim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/status.h"
#include "engine/testing/test_models.h"

namespace triage::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kWanted[] = {"logits", "features", "carry"};

onnx::GraphProto trimmed(const onnx::ModelProto& model, std::span<const std::string_view> wanted = kWanted) {
  onnx::ModelProto result;
  EXPECT_TRUE(result.ParseFromString(trim_model(model.SerializeAsString(), wanted, "test.onnx")));
  return result.graph();
}

template <class Field>
std::vector<std::string> names(const Field& field) {
  std::vector<std::string> result;
  for (const auto& element : field) result.push_back(element.name());
  return result;
}

std::vector<std::string> operators(const onnx::GraphProto& graph) {
  std::vector<std::string> result;
  for (const auto& node : graph.node()) result.push_back(node.op_type());
  return result;
}

std::string error_of(std::string_view bytes) {
  try {
    trim_model(bytes, kWanted, "test.onnx");
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code, ErrorCode::damaged);
    return failure.what();
  }
  return "no error";
}

TEST(OnnxTrim, TheScoreGoesWithItsNodesAndWeights) {
  const onnx::GraphProto graph = trimmed(TestModel{}.model());
  EXPECT_THAT(names(graph.output()), ElementsAre("logits", "features"));
  EXPECT_THAT(operators(graph), ElementsAre("Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"));
  EXPECT_THAT(names(graph.initializer()), ElementsAre("kernel", "kernel_bias", "head", "head_bias"));
  EXPECT_THAT(names(graph.input()), ElementsAre("image"));
}

TEST(OnnxTrim, NodesBeforeTheWantedOnesGoToo) {
  TestModel stage;
  stage.with_carry = true;
  const std::string_view carry[] = {"carry"};
  EXPECT_THAT(operators(trimmed(stage.model(), carry)), ElementsAre("Conv", "Relu"));
}

TEST(OnnxTrim, SubgraphsKeepWhatTheyReadFromOutside) {
  onnx::ModelProto model = TestModel{}.model();
  onnx::GraphProto& graph = *model.mutable_graph();
  onnx::NodeProto& branch = *graph.add_node();  // "carry" = If(..., then: router_logit, else: a node reading score)
  branch.set_op_type("If");
  branch.add_input("condition");
  branch.add_output("chosen");
  onnx::AttributeProto& then_branch = *branch.add_attribute();
  then_branch.set_name("then_branch");
  then_branch.mutable_g()->add_output()->set_name("router_logit");
  onnx::AttributeProto& else_branch = *branch.add_attribute();
  else_branch.set_name("else_branch");
  onnx::NodeProto& inner = *else_branch.mutable_g()->add_node();
  inner.add_input("score");
  inner.add_output("twice");
  else_branch.mutable_g()->add_output()->set_name("twice");
  graph.add_initializer()->set_name("condition");
  graph.add_initializer()->set_name("nobody");
  graph.add_output()->set_name("chosen");
  const std::string_view chosen[] = {"chosen"};
  const onnx::GraphProto kept = trimmed(model, chosen);
  EXPECT_THAT(operators(kept), Contains("Sigmoid"));
  EXPECT_THAT(names(kept.initializer()), Contains("condition"));
  EXPECT_THAT(names(kept.initializer()), Not(Contains("nobody")));
  EXPECT_THAT(names(kept.initializer()), Not(Contains("head")));
}

TEST(OnnxTrim, DamageIsNamed) {
  const std::string whole = TestModel{}.bytes();
  EXPECT_EQ(error_of(""), "test.onnx: found 0 bytes that are not an ONNX model (truncated or damaged?)");
  EXPECT_THAT(error_of("\x89PNG and no model at all"), HasSubstr("not an ONNX model"));
  EXPECT_THAT(error_of(std::string_view(whole).substr(0, whole.size() - 9)), HasSubstr("not an ONNX model"));
  onnx::ModelProto other;
  other.mutable_graph()->add_output()->set_name("y");
  EXPECT_EQ(error_of(other.SerializeAsString()), "test.onnx: outputs: found 'y', expected 'logits'");
  other.mutable_graph()->mutable_output(0)->set_name("logits");
  EXPECT_EQ(error_of(other.SerializeAsString()), "test.onnx: output 'logits': no node makes it");
}

TEST(OnnxTrim, WeightsInOtherFilesAreRefused) {
  onnx::ModelProto model = TestModel{}.model();
  model.mutable_graph()->mutable_initializer(0)->set_data_location(onnx::TensorProto::EXTERNAL);
  try {
    trim_model(model.SerializeAsString(), kWanted, "test.onnx");
    FAIL() << "no error";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code, ErrorCode::unsupported);
    EXPECT_THAT(failure.what(), HasSubstr("initializer 'kernel'"));
  }
}

}  // namespace
}  // namespace triage::engine
