#include "route/temperature.h"

#include <gtest/gtest.h>

#include "route/synthetic_test.h"

namespace triage::route {
namespace {

TEST(Temperature, RecoversTheScaleOfCalibratedLogits) {
  ScoreTable table = synthetic_table({.count = 20000, .seed = 3});
  EXPECT_NEAR(fit_temperature(table.stages[0].logits, table.classes, table.labels), 1, 0.03);  // calibrated as drawn
  for (const double scale : {0.5, 2.5, 8.0}) {
    std::vector<float> scaled = table.stages[0].logits;
    for (float& logit : scaled) logit *= static_cast<float>(scale);
    EXPECT_NEAR(fit_temperature(scaled, table.classes, table.labels) / scale, 1, 0.03);
  }
}

TEST(Temperature, IsTheMinimum) {
  const ScoreTable table = synthetic_table({.count = 500, .seed = 4});
  for (const StageScores& stage : table.stages) {
    const double best = fit_temperature(stage.logits, table.classes, table.labels);
    const double loss = negative_log_likelihood(stage.logits, table.classes, table.labels, best);
    for (double t = 0.05; t <= 20; t *= 1.1) {
      EXPECT_LE(loss, negative_log_likelihood(stage.logits, table.classes, table.labels, t) + 1e-6);
    }
  }
}

TEST(Temperature, ByHand) {
  // Two classes, logits (ln 3, 0): p = (3/4, 1/4). Right 3 times of 4 is what that says, so T = 1.
  const float l = std::log(3.0f);
  const std::vector<float> logits{l, 0, l, 0, l, 0, l, 0};
  const std::vector<Label> labels{0, 0, 0, 1};
  EXPECT_NEAR(fit_temperature(logits, 2, labels), 1, 1e-3);
  EXPECT_NEAR(negative_log_likelihood(logits, 2, labels, 1), -(3 * std::log(0.75) + std::log(0.25)) / 4, 1e-7);
  EXPECT_EQ(fit_temperature({}, 2, {}), 1);
}

TEST(Temperature, EndsOfTheRange) {
  const std::vector<float> logits{0.05f, 0, 0.05f, 0};
  EXPECT_NEAR(fit_temperature(logits, 2, std::vector<Label>{0, 0}), 0.05,
              1e-3);                                                            // always right: infinitely sure
  EXPECT_NEAR(fit_temperature(logits, 2, std::vector<Label>{1, 1}), 20, 0.01);  // always wrong
}

}  // namespace
}  // namespace triage::route
