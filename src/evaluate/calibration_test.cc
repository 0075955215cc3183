#include "evaluate/calibration.h"

#include <gtest/gtest.h>

#include "evaluate/tiny_test.h"
#include "route/synthetic_test.h"

namespace triage::evaluate {
namespace {

// By hand: 4 images at confidence 0.75 with 3 right (calibrated), 4 at 0.95 with 2 right: ECE = 4/8 * |0.5 - 0.95|.
TEST(Reliability, ByHand) {
  const std::vector<float> confidence{0.75f, 0.75f, 0.75f, 0.75f, 0.95f, 0.95f, 0.95f, 0.95f};
  const std::vector<std::uint8_t> correct{1, 1, 1, 0, 1, 1, 0, 0};
  const results::Reliability r = reliability(confidence, correct);
  ASSERT_EQ(r.bins.size(), 15u);
  EXPECT_NEAR(r.ece, 0.225, 1e-7);
  EXPECT_EQ(r.bins[11].count, 4u);  // (11/15, 12/15]
  EXPECT_NEAR(r.bins[11].accuracy, 0.75, 1e-12);
  EXPECT_EQ(r.bins[14].count, 4u);
  EXPECT_NEAR(r.bins[14].confidence, 0.95, 1e-6);
}

TEST(Reliability, Edges) {
  const results::Reliability r = reliability(std::vector<float>{0, 1, 0.5f}, std::vector<std::uint8_t>{0, 1, 1}, 2);
  EXPECT_EQ(r.bins[0].count, 2u);  // 0 and 1/2: bins are closed above
  EXPECT_EQ(r.bins[1].count, 1u);
  EXPECT_EQ(reliability({}, {}).ece, 0);
  EXPECT_THROW(reliability(std::vector<float>{1}, {}), Error);
}

// Labels drawn from the little net's own probabilities: no error but noise. Logits doubled: overconfident until the
// temperature halves them.
TEST(Calibration, TemperatureRepairsOverconfidence) {
  route::ScoreTable table = route::synthetic_table({.count = 20000});
  plan::Plan plan;
  plan.stages.resize(2);
  EXPECT_LT(calibration(plan, table)[0].before.ece, 0.015);
  for (float& logit : table.stages[0].logits) logit *= 2;
  plan.stages[0].exit.temperature = 2;
  const results::Calibration little = calibration(plan, table)[0];
  EXPECT_GT(little.before.ece, 0.05);
  EXPECT_LT(little.after.ece, 0.015);
}

// Every bin but the last holds its own upper end, whatever rounding does to it.
TEST(Reliability, BinsCoverEverythingOnce) {
  std::vector<float> confidence;
  for (int i = 0; i <= 1000; ++i) confidence.push_back(static_cast<float>(i) / 1000);
  const results::Reliability r = reliability(confidence, std::vector<std::uint8_t>(confidence.size(), 1), 10);
  std::size_t counted = 0;
  for (std::size_t b = 0; b < 10; ++b) {
    counted += r.bins[b].count;
    EXPECT_NEAR(static_cast<double>(r.bins[b].count), 100, 2) << b;
    EXPECT_GE(r.bins[b].confidence, r.bins[b].low) << b;
    EXPECT_LE(r.bins[b].confidence, r.bins[b].high + 1e-6) << b;
  }
  EXPECT_EQ(counted, 1001u);
  EXPECT_NEAR(r.ece, 0.5, 1e-6);  // always right, on average half sure
}

// Over- and underconfidence do not cancel: 0.9 with half right, 0.6 with all right.
TEST(Reliability, GapsOfBothSignsAddUp) {
  const results::Reliability r =
      reliability(std::vector<float>{0.9f, 0.9f, 0.6f, 0.6f}, std::vector<std::uint8_t>{1, 0, 1, 1});
  EXPECT_NEAR(r.ece, 0.5 * 0.4 + 0.5 * 0.4, 1e-6);
}

// tiny_test.h, by hand: each of little's confidences in a bin of its own but 0.9 and 0.95, both right.
TEST(Calibration, OfEachStageByHand) {
  const plan::Plan plan = tiny_plan();
  const std::vector<results::Calibration> stages = calibration(plan, tiny_table());
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0].stage, "little");
  EXPECT_NEAR(stages[0].before.ece, (2 * (1 - 0.925) + 0.5 + 0.4 + 0.8 + 0.4) / 6, 1e-6);
  EXPECT_NEAR(stages[1].before.ece, 0.97 - 4.0 / 6, 1e-6);  // all in one bin, four of six right
  EXPECT_EQ(stages[1].temperature, 1);
  EXPECT_EQ(stages[1].after.ece, stages[1].before.ece);
}

}  // namespace
}  // namespace triage::evaluate
