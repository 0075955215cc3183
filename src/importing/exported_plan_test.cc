// Plans of imported networks as one ONNX file: against the runtime, image by image.
#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "exporting/onnx_engine.h"
#include "exporting/plan/operator_sets.h"
#include "exporting/plan/plan_check.h"
#include "exporting/plan/plan_model.h"
#include "exporting/test_models.h"
#include "importing/test_nets.h"
#include "preprocess/network_input.h"

namespace triage::importing {
namespace {

using exporting::compose_plan;
using exporting::GraphBuilder;
using plan::PolicyKind;
using testing::AllOf;
using testing::HasSubstr;
using testing_nets::Answer;
using testing_nets::save;
using testing_nets::TestNet;

constexpr int kImages = 32;

class ExportedPlanTest : public testing::Test {
 protected:
  void SetUp() override {
    plan_.name = "test";
    plan_.input = {.channels = 3, .height = 0, .width = 0};
    plan_.classes = {"a", "b", "c"};
    plan_.policy = PolicyKind::confidence;
    Rng rng(3);
    for (int i = 0; i < kImages; ++i) {  // of any size, each in a colour of its own, so that answers differ
      const int height = 4 + static_cast<int>(rng.below(9)), width = 4 + static_cast<int>(rng.below(9));
      const int colour[] = {static_cast<int>(rng.below(200)), static_cast<int>(rng.below(200)),
                            static_cast<int>(rng.below(200))};
      auto& pixels = pixels_.emplace_back();
      for (int k = 0; k < height * width * 3; ++k)
        pixels.push_back(static_cast<std::uint8_t>(colour[k % 3] + static_cast<int>(rng.below(56))));
      views_.push_back({pixels.data(), height, width, 3});
    }
  }

  static preprocess::Preprocess preprocessing(const TestNet& net) {
    preprocess::Preprocess spec =
        preprocess::plain_preprocess({.height = net.height,
                                      .width = net.width,
                                      .channels = net.channels,
                                      .layout = net.nhwc ? preprocess::Layout::nhwc : preprocess::Layout::nchw});
    spec.resize = {.mode = preprocess::ResizeMode::shorter, .height = 6};
    spec.scale = 1.0 / 32;  // so that answers are far apart
    return spec;
  }

  void add(const onnx::ModelProto& file, const std::optional<preprocess::Preprocess>& spec,
           const plan::ArchSpec& arch = {}) {
    plan::Stage stage;
    stage.name = std::format("net {}", plan_.stages.size());
    stage.arch = arch;
    stage.onnx = std::format("{}.onnx", plan_.stages.size());
    stage.preprocess = spec;
    stage.sha256 = sha256_file(save(file, directory_.path() / stage.onnx));
    stage.exit.temperature = 1.25;
    plan_.stages.push_back(stage);
  }

  onnx::ModelProto imported(const onnx::ModelProto& model, const std::string& features = {}, int classes = 3) {
    const OnnxNet net = read_onnx_net({.file = save(model, directory_ / "net.onnx"), .features = features}, classes);
    return adapted(net, {.features = features});
  }
  void add(const TestNet& net) { add(imported(net.model()), preprocessing(net)); }

  // Three nets that answer differently: other colours in other places.
  void add_three() {
    const TestNet first{.opset = 9}, second{.nhwc = true, .batch = 4, .input = onnx::TensorProto::UINT8, .opset = 11},
        third{.height = 6, .width = 6, .answer = Answer::softmax, .input = onnx::TensorProto::FLOAT16, .opset = 18};
    add(first);
    auto spec = preprocessing(second);
    spec.order = preprocess::ChannelOrder::bgr;
    spec.scale = 1;
    add(imported(second.model()), spec);
    spec = preprocessing(third);
    spec.mean = {4, -3, 2};
    add(imported(third.model()), spec);
    for (std::size_t k = 0; k < 3; ++k) plan_.stages[k].exit.temperature = k == 1 ? 40 : 1.5;
  }

  // So that images leave everywhere: each threshold in the middle of the scores that come there.
  void spread_thresholds() {
    for (auto& stage : plan_.stages) stage.exit.threshold = -1;
    for (std::size_t k = 0; k + 1 < plan_.stages.size(); ++k) {
      plan_.stages[k].exit.threshold = 2;
      plan::save_plan(directory_.path(), plan_);
      const auto classifier = Classifier::load(directory_.path().string());
      ASSERT_TRUE(classifier) << classifier.error().message;
      std::vector<float> scores;
      for (const auto& view : views_) {
        const auto outcome = classifier->classify(view);
        ASSERT_TRUE(outcome) << outcome.error().message;
        if (outcome->exit == static_cast<int>(k)) scores.push_back(outcome->score);
      }
      ASSERT_GT(scores.size(), 4u);
      std::ranges::sort(scores);
      const std::size_t place = scores.size() / 2;
      plan_.stages[k].exit.threshold = 0.5 * (double(scores[place]) + scores[place - 1]);
    }
    plan::save_plan(directory_.path(), plan_);
  }

  exporting::PlanCheck checked() {
    const auto model = compose_plan(directory_.path());
    exporting::save_model(directory_ / "plan.onnx", model);
    return exporting::check_plan_model(model, directory_.path(), views_);
  }
  void expect_like_the_runtime() {
    spread_thresholds();
    const auto check = checked();
    EXPECT_TRUE(check.ok()) << check.first;
    EXPECT_EQ(check.on_border, 0u);
    EXPECT_LT(check.max_probability_error, 1e-5);
    for (const std::size_t left : check.exits) EXPECT_GT(left, 0u);
  }
  std::string refused() {
    plan::save_plan(directory_.path(), plan_);
    return error_of([&] { compose_plan(directory_.path()); });
  }

  TempDir directory_;
  plan::Plan plan_;
  std::vector<std::vector<std::uint8_t>> pixels_;
  std::vector<ImageView> views_;
};

TEST_F(ExportedPlanTest, EveryPolicyTypeLayoutAndOperatorSet) {
  add_three();
  for (const PolicyKind policy :
       {PolicyKind::confidence, PolicyKind::entropy, PolicyKind::margin, PolicyKind::agreement}) {
    SCOPED_TRACE(to_string(policy));
    plan_.policy = policy;
    for (const bool together : {false, true}) {
      plan_.stages[1].exit.answer_weights = together ? std::vector{0.25, 0.75} : std::vector<double>{};
      plan_.stages[2].exit.answer_weights = together ? std::vector{0.5, 0.0, 0.5} : std::vector<double>{};
      expect_like_the_runtime();
    }
  }
  const auto model = compose_plan(directory_.path());
  EXPECT_EQ(exporting::opset_of(model), 18);  // of the latest of 9, 11 and 18
  EXPECT_EQ(exporting::metadata(model, "triage.image"), "uint8 [H, W, C], RGB");
  const auto& image = model.graph().input(0).type().tensor_type();
  EXPECT_EQ(image.elem_type(), onnx::TensorProto::UINT8);
  EXPECT_EQ(image.shape().dim(0).dim_param(), "H");
  EXPECT_EQ(image.shape().dim(2).dim_value(), 3);
}

TEST_F(ExportedPlanTest, LearnedRoutersReadTheirFeatures) {
  const TestNet net;
  for (int k = 0; k < 2; ++k) {
    add(imported(net.model(), "pooled"), preprocessing(net));
    plan_.stages.back().preprocess->scale = 1.0 / 255;  // what routers see is neither huge nor saturated
  }
  Rng rng(9);
  plan_.policy = PolicyKind::learned;
  plan_.stages[0].feature_width = plan_.stages[1].feature_width = 3;
  plan_.stages[0].exit.router = exporting::testing::random_router(3, 4, rng);
  expect_like_the_runtime();
}

// The nodes named so, in the graph and those inside it: how deep they stand.
void depths(const onnx::GraphProto& graph, const std::string& ending, int depth, std::vector<int>& found) {
  for (const auto& node : graph.node()) {
    if (node.name().ends_with(ending)) found.push_back(depth);
    for (const auto& attribute : node.attribute())
      if (attribute.has_g()) depths(attribute.g(), ending, depth + 1, found);
  }
}

TEST_F(ExportedPlanTest, EachPreprocessingOnceWhereItIsFirstNeeded) {
  const TestNet small, large{.height = 6, .width = 6};
  for (const auto& net : {small, large, small, large}) add(net);
  expect_like_the_runtime();
  std::vector<int> found;
  depths(compose_plan(directory_.path()).graph(), "input/Reshape_2", 0, found);
  EXPECT_EQ(found, (std::vector{0, 1}));
}

TEST_F(ExportedPlanTest, OursAndImportedOnes) {
  plan_.input = {.channels = 3, .height = 8, .width = 8};  // ours takes the pixels as they are
  for (std::size_t i = 0; i < views_.size(); ++i) {
    Rng rng(i);
    for (int k = 0; k < 3 * 64; ++k) pixels_[i].push_back(static_cast<std::uint8_t>(rng.below(256)));
    views_[i] = {pixels_[i].data(), 8, 8, 3};
  }
  auto ours = exporting::testing::random_stage("ours", "4-6", plan_.input, 3, 5);
  ours.classes = plan_.classes;
  add(TestNet{});
  add(exporting::stage_to_onnx(ours), {}, ours.arch);
  plan_.stages[1].feature_width = ours.feature_width();
  add(TestNet{.channels = 1, .opset = 13});
  expect_like_the_runtime();
  EXPECT_EQ(compose_plan(directory_.path()).graph().input(0).type().tensor_type().shape().dim(0).dim_value(), 8);
}

TEST_F(ExportedPlanTest, NamesOfTheirsAndOursDoNotMeet) {
  TestNet net{.output_name = "exit", .inner_name = "router/score"};
  net.input_name = "stop/result";
  for (int k = 0; k < 2; ++k) add(net);
  plan_.stages[1].name = "net 0/net";
  expect_like_the_runtime();
}

// Its last node inside an If, which reads the value in front of it, and in a function of the file's own.
onnx::ModelProto with_branch(const TestNet& net, bool function) {
  onnx::ModelProto model = net.model();
  auto& last = *model.mutable_graph()->mutable_node(model.graph().node_size() - 1);
  if (function) {
    auto& own = *model.add_functions();
    own.set_name("Same");
    own.set_domain("com.microsoft");
    own.add_input("a");
    own.add_output("b");
    *own.add_opset_import() = model.opset_import(0);
    auto& node = *own.add_node();
    node.set_op_type("Identity");
    node.add_input("a");
    node.add_output("b");
    auto& import = *model.add_opset_import();
    import.set_domain("com.microsoft");
    import.set_version(1);
    last.set_op_type("Same");
    last.set_domain("com.microsoft");
    return model;
  }
  onnx::GraphProto branch;
  branch.set_name("branch");
  GraphBuilder(branch).node("Identity", {last.input(0)}, "inside");
  *branch.add_output() = exporting::value_info("inside", exporting::kFloat, {{0, "N"}, {net.classes, {}}});
  const std::string name = last.output(0);
  GraphBuilder builder(*model.mutable_graph());
  last.Clear();
  last.set_op_type("Greater");
  last.add_input("one_number");
  last.add_input("another");
  last.add_output("choice");
  builder.constant("one_number", 2.0f);
  builder.constant("another", 1.0f);
  auto& chosen = *model.mutable_graph()->add_node();
  chosen.set_op_type("If");
  chosen.add_input("choice");
  chosen.add_output(name);
  for (const char* which : {"then_branch", "else_branch"}) {
    auto& attribute = *chosen.add_attribute();
    attribute.set_name(which);
    attribute.set_type(onnx::AttributeProto::GRAPH);
    *attribute.mutable_g() = branch;
  }
  return model;
}

TEST_F(ExportedPlanTest, GraphsAndFunctionsInsideNets) {
  const TestNet net{.opset = 18};
  for (const bool function : {false, true}) add(imported(with_branch(net, function)), preprocessing(net));
  add(TestNet{.opset = 19});
  expect_like_the_runtime();
}

TEST_F(ExportedPlanTest, WhatDoesNotFitIsRefusedByStage) {
  add_three();
  plan::save_plan(directory_.path(), plan_);
  EXPECT_THAT(error_of([&] { compose_plan(directory_.path(), {.batch = 0}); }),
              HasSubstr("batch: found free, expected 1: the model takes the pixels of one image"));
  plan_.stages[1].preprocess->height = 7;
  EXPECT_THAT(refused(), HasSubstr("stage net 1: input \"image\": found [4, 4, 5, 3], expected [N, 7, 5, 3]"));
  plan_.stages[1].preprocess->height = 4;
  plan_.classes.push_back("d");
  EXPECT_THAT(refused(), HasSubstr("stage net 0: output \"logits\": found [?, 3], expected [N, 4]"));
}

TEST(OperatorSetsTest, WhatAnswersOtherwiseInALaterSetIsRefusedByNode) {
  // Resize of set 10 puts the corners elsewhere than that of 11, which the converter does not know.
  onnx::ModelProto model = exporting::new_model("test");
  model.mutable_opset_import(0)->set_version(10);
  onnx::GraphProto& graph = *model.mutable_graph();
  GraphBuilder builder(graph);
  builder.node("Resize", {"image", builder.constant("scales", {4}, std::vector<float>{1, 1, 2, 2})}, "larger");
  auto& mode = *graph.mutable_node(0)->add_attribute();
  mode.set_name("mode");
  mode.set_type(onnx::AttributeProto::STRING);
  mode.set_s("linear");
  *graph.add_input() = exporting::value_info("image", exporting::kFloat, {{0, "N"}, {1, {}}, {4, {}}, {4, {}}});
  *graph.add_output() = exporting::value_info("larger", exporting::kFloat, {{0, "N"}, {1, {}}, {8, {}}, {8, {}}});
  EXPECT_THAT(
      error_of([&] { exporting::with_opset(model, 17, "net"); }),
      AllOf(HasSubstr("net: 1 nodes, the first node 'larger' (Resize): cannot be brought from operator set 10 to 17: "),
            HasSubstr("output 'larger': found ")));
}

}  // namespace
}  // namespace triage::importing
