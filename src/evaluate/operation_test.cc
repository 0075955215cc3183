#include "evaluate/operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "evaluate/tiny_test.h"

namespace triage::evaluate {
namespace {

using testing::ElementsAre;

struct OperationTest : testing::Test {
  plan::Plan plan = tiny_plan();
  route::ScoreTable table = tiny_table();
  Operation operated() const { return operate(plan, table); }
};

TEST_F(OperationTest, ByHand) {
  const Operation at = operated();
  EXPECT_THAT(at.thresholds, ElementsAre(0.3));
  EXPECT_THAT(at.exits, ElementsAre(0, 1, 1, 0, 0, 1));
  EXPECT_THAT(at.labels, ElementsAre(0, 1, 1, 1, 0, 2));
  EXPECT_THAT(at.correct, ElementsAre(1, 1, 0, 0, 1, 0));
  EXPECT_NEAR(at.latency_us, 100 + 600 * 3.0 / 6, 1e-9);
  EXPECT_NEAR(at.score[5], 0.6, 1e-6);  // 1 - confidence at the first exit
  const std::vector<Expected> expected = at.expected();
  ASSERT_EQ(expected.size(), 6u);
  EXPECT_EQ(expected[5].exit, 1);
  EXPECT_EQ(expected[5].label, 2u);
}

TEST_F(OperationTest, TheThresholdItselfDoesNotGoOn) {
  plan.stages[0].exit.threshold = operated().score[1];
  EXPECT_THAT(operated().exits, ElementsAre(0, 0, 0, 0, 0, 1));
}

// Divided by 2 the logits say less: 0.8 of four classes becomes 0.536.
TEST_F(OperationTest, TheTemperatureComesBeforeTheThreshold) {
  plan.stages[0].exit.temperature = 2;
  plan.stages[0].exit.threshold = 0.46;
  const double odds = std::sqrt(0.8 * 3 / 0.2);
  EXPECT_NEAR(operated().score[3], 1 - odds / (odds + 3), 1e-6);
  EXPECT_THAT(operated().exits, ElementsAre(0, 1, 1, 1, 0, 1));
}

TEST_F(OperationTest, OneStageAnswersEverything) {
  plan.stages.resize(1);
  table.stages.resize(1);
  const Operation at = operated();
  EXPECT_THAT(at.thresholds, testing::IsEmpty());
  EXPECT_THAT(at.exits, testing::Each(0));
  EXPECT_THAT(at.correct, ElementsAre(1, 0, 1, 0, 1, 0));
  EXPECT_NEAR(at.latency_us, 100, 1e-9);
  EXPECT_NEAR(at.score[2], 0.4, 1e-6);
}

TEST_F(OperationTest, WithoutCostsThereIsNoLatency) {
  plan.stages[1].cost.reset();
  EXPECT_THAT(error_of([&] { operated(); }), testing::HasSubstr("big"));
}

}  // namespace
}  // namespace triage::evaluate
