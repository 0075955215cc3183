#include "evaluate/calibration.h"

#include <gtest/gtest.h>

#include "route/synthetic_test.h"

namespace triage::evaluate {
namespace {

// By hand: 4 images at confidence 0.75 with 3 right (calibrated), 4 at 0.95 with 2 right: ECE = 4/8 * |0.5 - 0.95|.
TEST(Reliability, ByHand) {
  const std::vector<float> confidence{0.75f, 0.75f, 0.75f, 0.75f, 0.95f, 0.95f, 0.95f, 0.95f};
  const std::vector<std::uint8_t> correct{1, 1, 1, 0, 1, 1, 0, 0};
  const Reliability r = reliability(confidence, correct);
  ASSERT_EQ(r.bins.size(), 15u);
  EXPECT_NEAR(r.ece, 0.225, 1e-7);
  EXPECT_EQ(r.bins[11].count, 4u);  // (11/15, 12/15]
  EXPECT_NEAR(r.bins[11].accuracy, 0.75, 1e-12);
  EXPECT_EQ(r.bins[14].count, 4u);
  EXPECT_NEAR(r.bins[14].confidence, 0.95, 1e-6);
}

TEST(Reliability, Edges) {
  const Reliability r = reliability(std::vector<float>{0, 1, 0.5f}, std::vector<std::uint8_t>{0, 1, 1}, 2);
  EXPECT_EQ(r.bins[0].count, 2u);  // 0 and 1/2: bins are closed above
  EXPECT_EQ(r.bins[1].count, 1u);
  const Json empty = to_json(reliability(std::vector<float>{1}, std::vector<std::uint8_t>{1}, 2))["bins"][0];
  EXPECT_TRUE(empty["accuracy"].is_null() && empty["confidence"].is_null());  // no image, no figure
  EXPECT_EQ(reliability({}, {}).ece, 0);
  EXPECT_THROW(reliability(std::vector<float>{1}, {}), Error);
}

// Labels drawn from the little net's own probabilities: no error but noise. Logits doubled: overconfident until the
// temperature halves them.
TEST(Calibration, TemperatureRepairsOverconfidence) {
  route::ScoreTable table = route::synthetic_table({.count = 20000});
  plan::Plan plan;
  plan.stages.resize(2);
  EXPECT_LT(calibration_json(plan, table)[0]["before"]["ece"].get<double>(), 0.015);
  for (float& logit : table.stages[0].logits) logit *= 2;
  plan.stages[0].exit.temperature = 2;
  const Json little = calibration_json(plan, table)[0];
  EXPECT_GT(little["before"]["ece"].get<double>(), 0.05);
  EXPECT_LT(little["after"]["ece"].get<double>(), 0.015);
}

}  // namespace
}  // namespace triage::evaluate
