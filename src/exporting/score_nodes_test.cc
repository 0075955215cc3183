#include "exporting/score_nodes.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"
#include "exporting/onnx_engine.h"
#include "exporting/test_models.h"

namespace triage::exporting {
namespace {

// A model of the score alone: its input is the logits, without features.
onnx::ModelProto score_model(plan::PolicyKind policy, const plan::Exit& exit, int classes) {
  auto model = new_model("score");
  auto& graph = *model.mutable_graph();
  GraphBuilder builder(graph);
  *graph.add_input() = value_info("logits", kFloat, {{0, "N"}, {classes, {}}});
  builder.node("Identity", {add_score(builder, policy, exit, classes, "logits", "")}, "score");
  *graph.add_output() = value_info("score", kFloat, {{0, "N"}});
  check_model(model, "score");
  return model;
}

TEST(ScoreNodesTest, AgreesWithTheRuntimeOnHardLogits) {
  constexpr int kClasses = 4;
  // Certain, undecided, two-way tie, very large and very small values.
  const std::vector<float> logits{90, 0, 0,  -90, 1,  1,  1,    1,     5,    5,    0,  0,
                                  -3, 2, .5, 1.9, 50, 49, -1e4, -5000, 1e-6, 2e-6, 0., 3e-6};
  Rng rng(11);
  plan::Exit exit{0.8, testing::random_router(0, 3, rng), 0.5};
  for (const plan::PolicyKind policy : plan::kPolicyKinds) {
    const auto found = onnx_engine("score", score_model(policy, exit, kClasses)).run(logits, 6).at("score");
    ASSERT_EQ(found.size(), 6u);
    for (int i = 0; i < 6; ++i) {
      const auto evidence = runtime::evidence(std::span(logits).subspan(i * kClasses, kClasses), 0.8f);
      EXPECT_NEAR(found[i], runtime::escalation_score(policy, exit, {}, evidence), 2e-6)
          << to_string(policy) << " of row " << i;
    }
  }
}

TEST(ScoreNodesTest, ThresholdInFloatDecidesLikeTheDoubleOne) {
  const float largest = std::numeric_limits<float>::max();
  for (double threshold : {0.0, 0.1, 0.5, 1.0 / 3, 0.7, 1.0, 1e-30}) {
    const float rounded = float_threshold(threshold);
    for (float score : {std::nextafter(rounded, -largest), rounded, std::nextafter(rounded, largest)})
      EXPECT_EQ(score > rounded, double(score) > threshold) << threshold << " " << score;
  }
}

TEST(ScoreNodesTest, RefusesARouterOfTheWrongSize) {
  Rng rng(12);
  plan::Exit exit{1, testing::random_router(0, 3, rng), 0.5};
  exit.router->weight2.pop_back();
  EXPECT_THROW(score_model(plan::PolicyKind::learned, exit, 4), Error);
  EXPECT_THROW(score_model(plan::PolicyKind::confidence, {.temperature = 0}, 4), Error);
}

}  // namespace
}  // namespace triage::exporting
