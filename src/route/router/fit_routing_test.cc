#include "route/router/fit_routing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/synthetic_test.h"

namespace triage::route {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

plan::Plan costed_pair() {
  plan::Plan plan;
  plan.stages.resize(2);
  plan.stages[0].name = "little", plan.stages[1].name = "big";
  plan.stages[0].cost.emplace().latency_us.mean = 100;
  plan.stages[1].cost.emplace().latency_us.mean = 600;
  return plan;
}

RoutingRequest quick_request() {
  RoutingRequest request;
  request.routers.steps = 64;
  request.routers.repeats = 1;
  request.routers.objectives = {{true, 0.3}, {false, 0.5}};
  return request;
}

TEST(FitRouting, TheRouterIsTakenWhereItSeesMoreThanConfidence) {
  plan::Plan plan = costed_pair();
  const FittedRouting fitted =
      fit_routing(plan, synthetic_table({.count = 2500, .seed = 1, .hopeless = 0.4}),
                  synthetic_table({.count = 1000, .seed = 2, .hopeless = 0.4}), quick_request());
  EXPECT_EQ(plan.policy, plan::PolicyKind::learned) << to_json(fitted).dump(1);
  EXPECT_TRUE(plan.stages[0].exit.router);
  EXPECT_NEAR(plan.stages[0].exit.temperature, 1, 0.15);
  EXPECT_THAT(fitted.notes, testing::Contains(HasSubstr("policy learned, on folds of 2500 images")));
}

TEST(FitRouting, ConfidenceIsTakenWhereNothingWins) {
  plan::Plan plan = costed_pair();
  RoutingRequest request = quick_request();
  request.routers.evidence = -100;  // routers come out of noise, as in a run without luck
  const FittedRouting fitted = fit_routing(plan, synthetic_table({.count = 1200, .seed = 11}),
                                           synthetic_table({.count = 800, .seed = 12}), request);
  EXPECT_EQ(plan.policy, plan::PolicyKind::confidence) << to_json(fitted).dump(1);
  ASSERT_TRUE(fitted.choice);
  EXPECT_EQ(fitted.choice->gains[0].policy, plan::PolicyKind::learned);
  EXPECT_FALSE(fitted.choice->gains[0].wins);
}

TEST(FitRouting, APolicyThatIsNamedIsTaken) {
  plan::Plan plan = costed_pair();
  RoutingRequest request = quick_request();
  request.policy = plan::PolicyKind::margin;
  request.answers_together = false;
  const FittedRouting fitted = fit_routing(plan, synthetic_table({.count = 300, .seed = 21}),
                                           synthetic_table({.count = 300, .seed = 22}), request);
  EXPECT_EQ(plan.policy, plan::PolicyKind::margin);
  EXPECT_FALSE(fitted.choice);
  EXPECT_THAT(fitted.notes, IsEmpty());
  EXPECT_THAT(fitted.answers, IsEmpty());
}

// Two nets that hear the label through noise of their own.
ScoreTable two_ears(std::uint32_t count, std::uint64_t seed) {
  ScoreTable table = synthetic_table({.count = count, .classes = 5, .features = 0, .seed = seed});
  Rng rng(derive_seed(seed, "two ears"));
  for (StageScores& stage : table.stages) {
    for (std::size_t k = 0; k < stage.logits.size(); ++k)
      stage.logits[k] = static_cast<float>(2 * (rng.normal() + (k % 5 == table.labels[k / 5] ? 2 : 0)));
  }
  return table;
}

TEST(FitRouting, ExitsAnswerTogetherWhereThatWins) {
  plan::Plan plan = costed_pair();
  const FittedRouting fitted = fit_routing(plan, two_ears(2000, 31), two_ears(2000, 32), quick_request());
  EXPECT_TRUE(fitted.answers_kept) << to_json(fitted).dump(1);
  EXPECT_THAT(plan.stages[0].exit.answer_weights, IsEmpty());
  EXPECT_EQ(plan.stages[1].exit.answer_weights.size(), 2u);
  EXPECT_THAT(fitted.notes, testing::Contains(HasSubstr("exit 'big' answers together with the stages before it")));
}

TEST(FitRouting, WeightsThatLoseOnTheValidationSplitAreLeftOut) {
  plan::Plan plan = costed_pair();
  ScoreTable other = two_ears(2000, 42);  // there the first net knows nothing
  Rng rng(43);
  for (float& logit : other.stages[0].logits) logit = static_cast<float>(4 * rng.normal());
  const FittedRouting fitted = fit_routing(plan, two_ears(2000, 41), other, quick_request());
  EXPECT_FALSE(fitted.answers_kept);
  EXPECT_EQ(fitted.answers[1].weights.size(), 2u);
  EXPECT_THAT(plan.stages[1].exit.answer_weights, IsEmpty());
}

}  // namespace
}  // namespace triage::route
