#include "core/statistics/mean_interval.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/test_support.h"

namespace triage {
namespace {

TEST(MeanEstimate, IsStudentsInterval) {
  const MeanEstimate three = mean_estimate(std::vector{1.0, 2.0, 3.0});  // standard error 1 / sqrt(3)
  EXPECT_DOUBLE_EQ(three.mean, 2);
  EXPECT_NEAR(three.interval->high - 2, 4.3027 / std::sqrt(3.0), 1e-3);
  EXPECT_NEAR(2 - three.interval->low, 4.3027 / std::sqrt(3.0), 1e-3);
  std::vector<double> many;  // 21 values: t is 2.0860
  for (int i = -10; i <= 10; ++i) many.push_back(i);
  EXPECT_NEAR(mean_estimate(many).interval->high, 2.0860 * std::sqrt(38.5 / 21), 1e-3);
  const MeanEstimate alone = mean_estimate(std::vector{7.0});
  EXPECT_DOUBLE_EQ(alone.mean, 7);
  EXPECT_FALSE(alone.interval);
  EXPECT_EQ(to_json(alone).dump(), R"({"mean":7.0,"interval":null})");
  EXPECT_EQ(error_of([] { mean_estimate({}); }), "mean: expected at least one number, found none");
}

}  // namespace
}  // namespace triage
