#include "core/statistics/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/test_support.h"

namespace triage {
namespace {

TEST(Statistics, SummaryOfASmallSample) {
  const double sample[] = {4, 1, 3, 2, 10};
  const Summary s = summarize(sample);
  EXPECT_EQ(s.count, 5u);
  EXPECT_EQ(s.min, 1);
  EXPECT_EQ(s.max, 10);
  EXPECT_EQ(s.mean, 4);
  EXPECT_EQ(s.median, 3);
  EXPECT_DOUBLE_EQ(s.p90, 7.6);                 // place 3.6 between 4 and 10
  EXPECT_DOUBLE_EQ(s.stddev, std::sqrt(12.5));  // (9 + 4 + 1 + 0 + 36) / 4
  EXPECT_EQ(summarize({}).count, 0u);
  EXPECT_EQ(summarize({}).max, 0);
  const double one[] = {7};
  EXPECT_EQ(summarize(one).p99, 7);
  EXPECT_EQ(summarize(one).stddev, 0);
}

TEST(Statistics, SummarySurvivesJson) {
  const double sample[] = {0.1, 0.2, 0.7};
  const Summary s = summarize(sample);
  const Json json = parse_json(to_json(s).dump(), "x");
  const Summary back = summary_from_json(JsonReader(json, "x"));
  EXPECT_EQ(back.count, 3u);
  EXPECT_EQ(back.mean, s.mean);
  EXPECT_EQ(back.stddev, s.stddev);
  EXPECT_EQ(error_of([] { summary_from_json(JsonReader(Json::object(), "x")); }), "x: field 'count' is missing");
}

TEST(Statistics, PercentileInterpolatesAndClamps) {
  const double sorted[] = {10, 20, 30};
  EXPECT_EQ(percentile(sorted, 0), 10);
  EXPECT_EQ(percentile(sorted, 25), 15);
  EXPECT_EQ(percentile(sorted, 100), 30);
  EXPECT_EQ(percentile(sorted, 120), 30);
}

// Expected values: the formula of Wilson 1927 in Python with z = 1.959963984540054.
TEST(Statistics, WilsonInterval) {
  const Interval small = proportion_interval(8, 10);
  EXPECT_NEAR(small.low, 0.4901624715, 1e-9);
  EXPECT_NEAR(small.high, 0.9433178485, 1e-9);
  const Interval test_set = proportion_interval(9350, 10'000);
  EXPECT_NEAR(test_set.low, 0.9299991834, 1e-9);
  EXPECT_NEAR(test_set.high, 0.9396667380, 1e-9);
  EXPECT_NEAR(proportion_interval(0, 10).low, 0, 1e-12);
  EXPECT_NEAR(proportion_interval(0, 10).high, 0.2775327999, 1e-9);
  EXPECT_EQ(proportion_interval(0, 0).high, 1);
}

// The mean of 400 coin flips, half of them heads: standard error 0.025, so the interval is 0.5 +- 0.049.
TEST(Statistics, BootstrapFindsTheStandardErrorAndRepeats) {
  const auto mean = [](std::span<const std::uint32_t> indices) {
    return std::accumulate(indices.begin(), indices.end(), 0.0, [](double sum, auto i) { return sum + i % 2; }) /
           static_cast<double>(indices.size());
  };
  const Interval interval = bootstrap_interval(400, mean, 2000, 1);
  EXPECT_NEAR(interval.low, 0.451, 0.006);
  EXPECT_NEAR(interval.high, 0.549, 0.006);
  const Interval again = bootstrap_interval(400, mean, 2000, 1);
  EXPECT_EQ(interval.low, again.low);
  EXPECT_EQ(interval.high, again.high);
  EXPECT_THROW(bootstrap_interval(0, mean, 10, 1), Error);
}

// Expected values: 2 * sum C(n, i) / 2^n with Python's integers.
TEST(Statistics, McNemarExact) {
  EXPECT_NEAR(mcnemar_p(10, 2), 0.03857421875, 1e-12);
  EXPECT_NEAR(mcnemar_p(80, 120), 0.0056851559967503, 1e-12);
  EXPECT_NEAR(mcnemar_p(300, 200), 8.940066542253e-06, 1e-15);
  EXPECT_EQ(mcnemar_p(5, 5), 1);
  EXPECT_EQ(mcnemar_p(0, 0), 1);
  EXPECT_NEAR(mcnemar_p(0, 3), 0.25, 1e-12);
  EXPECT_LT(mcnemar_p(0, 5000), 1e-300);
}

// By hand, of the 6 pairs: 5 in the same order and 1 reversed; then one pair tied in b: 5 / sqrt(6 * 5).
TEST(KendallTau, CountsPairs) {
  const std::vector<double> a{1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(kendall_tau(a, a), 1);
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{4, 3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{1, 3, 2, 4}), 4.0 / 6);
  EXPECT_DOUBLE_EQ(kendall_tau(a, std::vector<double>{1, 2, 2, 4}), 5 / std::sqrt(30.0));
  EXPECT_TRUE(std::isnan(kendall_tau(a, std::vector<double>{1, 1, 1, 1})));
}

}  // namespace
}  // namespace triage
