#include "route/plan_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/metric.h"
#include "route/synthetic_test.h"

namespace triage::route {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct PlanWarnings : testing::Test {
  plan::Plan plan;
  ScoreTable table = synthetic_table({.count = 2000, .seed = 3});
  PlanWarnings() {
    plan.policy = plan::PolicyKind::confidence;
    plan.stages.resize(2);
    plan.stages[0].name = "little";
    plan.stages[1].name = "big";
    cost(100, 600);
  }
  void cost(double little, double big) {
    plan.stages[0].cost.emplace().latency_us.mean = little;
    plan.stages[1].cost.emplace().latency_us.mean = big;
  }
  std::vector<std::string> at(double threshold) {
    const ExitScores scores = policy_scores(plan, plan.policy, table);
    return plan_warnings(plan, table, verdicts(table), exits_taken(scores, std::vector{threshold}),
                         plan::Metric::accuracy);
  }
};

TEST_F(PlanWarnings, AGoodPlanHasNone) { EXPECT_THAT(at(0.3), IsEmpty()); }

TEST_F(PlanWarnings, ALaterStageThatIsCheaperAndBetter) {
  cost(100, 60);
  EXPECT_THAT(at(0.3), ElementsAre(HasSubstr("'big' is cheaper than 'little' before it: 60.0 against 100.0 us"),
                                   HasSubstr("'big' alone is as good as the plan")));
}

TEST_F(PlanWarnings, AllLeaveAtOneExit) {
  EXPECT_THAT(at(1), ElementsAre(HasSubstr("all 2000 images leave at 'little'")));
  EXPECT_THAT(at(-1), ElementsAre(HasSubstr("none of 2000 images leaves at 'little'"),
                                  HasSubstr("all 2000 images leave at 'big'")));
}

TEST_F(PlanWarnings, TheLittleNetIsAsGood) {
  table.stages[1].logits = table.stages[0].logits;
  EXPECT_THAT(at(0.3), ElementsAre(HasSubstr("'little' alone is as good as the plan")));
}

TEST_F(PlanWarnings, RoutingThatKnowsNothing) {
  Rng rng(7);  // the little net is as sure of wrong answers as of right ones
  for (std::size_t i = 0; i < table.count(); ++i) {
    const double sure = rng.uniform();
    const bool right = rng.uniform() < 0.6;
    for (std::size_t c = 0; c < 10; ++c) {
      const std::size_t said = right ? table.labels[i] : (table.labels[i] + 1u) % 10;
      table.stages[0].logits[i * 10 + c] = c == said ? static_cast<float>(1 + 5 * sure) : 0.0f;
    }
  }
  EXPECT_THAT(at(0.3), ElementsAre(HasSubstr("not shown to beat random routing on 2000 images: APGR 0.")));
}

TEST_F(PlanWarnings, APolicyThatPlainConfidenceBeats) {
  plan.policy = plan::PolicyKind::learned;
  plan::Router router{.feature_width = 12, .hidden = 1};  // confidence, blurred by a feature that means nothing
  router.mean.assign(15, 0);
  router.scale.assign(15, 1);
  router.weight1.assign(15, 0);
  router.weight1[3] = 3;
  router.bias1 = {3};
  router.weight2 = {1};
  router.skip = -6;
  plan.stages[0].exit.router = router;
  const std::vector<float> scores = policy_scores(plan, plan.policy, table)[0];
  std::vector<float> sorted = scores;
  std::ranges::sort(sorted);
  EXPECT_THAT(at(sorted[sorted.size() * 7 / 10]),
              ElementsAre(HasSubstr("routing by 'learned' is worse than by plain confidence")));
  plan.stages[0].exit.router->weight1[3] = 0;
  EXPECT_THAT(at(policy_scores(plan, plan.policy, table)[0][0]), IsEmpty());  // ranks as confidence does
}

TEST_F(PlanWarnings, OneStageHasNothingToHear) {
  plan.stages.resize(1);
  table.stages.resize(1);
  const std::vector<std::uint8_t> exits(table.count());
  EXPECT_THAT(plan_warnings(plan, table, verdicts(table), exits, plan::Metric::accuracy), IsEmpty());
}

TEST(Metric, BalancedCountsClassesAlike) {
  const std::vector<Label> labels{0, 0, 0, 1};
  const std::vector<std::uint8_t> correct{1, 1, 1, 0};
  EXPECT_DOUBLE_EQ(valued_accuracy(correct, image_values(plan::Metric::accuracy, labels)), 0.75);
  EXPECT_NEAR(valued_accuracy(correct, image_values(plan::Metric::balanced, labels)), 0.5, 1e-9);
  EXPECT_NEAR(valued_accuracy(std::vector<std::uint8_t>{0, 0, 0, 1}, image_values(plan::Metric::balanced, labels)), 0.5,
              1e-9);
  for (const double value : image_values(plan::Metric::balanced, std::vector<Label>{0, 1, 1, 5, 5, 5}))
    EXPECT_EQ(value, std::floor(value));  // whole numbers: sums are exact
}

}  // namespace
}  // namespace triage::route
