#include "route/policy_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/synthetic_test.h"

namespace triage::route {
namespace {

plan::Plan two_stage_plan() {
  plan::Plan plan;
  plan.stages.resize(2);
  plan.stages[0].name = "little", plan.stages[1].name = "big";
  return plan;
}

TEST(PolicyScores, ByHand) {
  ScoreTable table;
  table.classes = 2;
  table.labels = {0, 1};
  table.indices = {0, 1};
  const float l = std::log(3.0f);  // p = (3/4, 1/4)
  table.stages = {{"little", 0, {2 * l, 0, 0, 0}, {}}, {"big", 0, {1, 0, 1, 0}, {}}};
  plan::Plan plan = two_stage_plan();
  plan.stages[0].exit.temperature = 2;
  const auto score = [&](plan::PolicyKind kind) { return policy_scores(plan, kind, table)[0]; };
  EXPECT_NEAR(score(plan::PolicyKind::confidence)[0], 0.25, 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::confidence)[1], 0.5, 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::margin)[0], 0.5, 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::margin)[1], 1, 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::entropy)[0], -(0.75 * std::log2(0.75) + 0.25 * std::log2(0.25)), 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::entropy)[1], 1, 1e-6);
  EXPECT_THROW(score(plan::PolicyKind::learned), Error);
  const Verdicts verdicts = route::verdicts(table);
  EXPECT_THAT(verdicts.correct[0], testing::ElementsAre(1, 0));  // equal logits: the lowest index, as in the runtime
  EXPECT_THAT(verdicts.correct[1], testing::ElementsAre(1, 0));
}

TEST(PolicyScores, OracleKnows) {
  // Three stages; images: won at once, lost for ever, won by the last, spoiled by the second, all wrong but the second.
  const Verdicts verdicts{{}, {{1, 0, 0, 1, 0}, {1, 0, 0, 0, 1}, {1, 0, 1, 1, 0}}};
  const ExitScores scores = oracle_scores(verdicts);
  EXPECT_THAT(scores[0], testing::ElementsAre(0.5f, 0.5f, 1, 0, 1));
  EXPECT_THAT(scores[1], testing::ElementsAre(0.5f, 0.5f, 1, 1, 0));
  const std::vector<double> thresholds{0.5, 0.5};
  EXPECT_THAT(exits_taken(scores, thresholds), testing::ElementsAre(0, 0, 2, 0, 1));
}

TEST(PolicyScores, RandomIsSeededAndUniform) {
  const ExitScores a = random_scores(2, 10000, 3);
  EXPECT_EQ(a, random_scores(2, 10000, 3));
  EXPECT_NE(a[0], a[1]);
  EXPECT_NE(a, random_scores(2, 10000, 4));
  EXPECT_LT(*std::ranges::max_element(a[0]), 1);
  EXPECT_NEAR(static_cast<double>(std::ranges::count_if(a[0], [](float s) { return s > 0.3f; })), 7000, 250);
}

TEST(PolicyScores, LatencyAddsUpAlongThePath) {
  plan::Plan plan = two_stage_plan();
  plan.stages.insert(plan.stages.begin() + 1,
                     plan::Stage{.name = "deeper", .input = plan::StageInput::features, .source = 0});
  EXPECT_THROW(path_latency_us(plan), Error);
  for (std::size_t s = 0; s < 3; ++s) {
    plan.stages[s].cost.emplace().latency_us = Summary{.count = 10, .mean = 10.0 * static_cast<double>(s + 1)};
  }
  EXPECT_THAT(path_latency_us(plan), testing::ElementsAre(10, 30, 60));
  EXPECT_EQ(alone_latency_us(plan, 0), 10);
  EXPECT_EQ(alone_latency_us(plan, 1), 30);  // needs the stage it reads
  EXPECT_EQ(alone_latency_us(plan, 2), 30);  // an image stage stands alone
}

}  // namespace
}  // namespace triage::route
