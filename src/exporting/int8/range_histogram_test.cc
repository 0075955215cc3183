#include "exporting/int8/range_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"

namespace triage::exporting {
namespace {

std::vector<float> half_normal(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(std::abs(rng.normal()));
  return values;
}

TEST(RangeHistogramTest, MinmaxIsExact) {
  RangeHistogram histogram;
  histogram.add(std::vector<float>{0.1f, -0.3f});
  histogram.add(std::vector<float>{7.25f, 0});
  const Range range = histogram.range(RangeMethod::minmax);
  EXPECT_EQ(range.low, -0.3f);
  EXPECT_EQ(range.high, 7.25f);
  EXPECT_EQ(histogram.count(), 3u);  // zeros apart
}

// The same values in any order and in pieces of any size give nearly the same ranges: reaches double as they come.
TEST(RangeHistogramTest, StreamingEqualsAllAtOnce) {
  std::vector<float> values = half_normal(20000, 1);
  RangeHistogram whole, pieces;
  std::ranges::sort(values);
  whole.add(values);
  for (std::size_t i = 0; i < values.size(); i += 100) pieces.add(std::span(values).subspan(i, 100));
  for (const RangeMethod method : {RangeMethod::percentile, RangeMethod::entropy}) {
    const Range a = whole.range(method, 99), b = pieces.range(method, 99);
    EXPECT_NEAR(a.high, b.high, 0.02 * a.high) << to_string(method);
    EXPECT_EQ(a.low, b.low);
  }
}

TEST(RangeHistogramTest, PercentileOfAHalfNormal) {
  RangeHistogram histogram;
  histogram.add(half_normal(200000, 2));
  EXPECT_NEAR(histogram.range(RangeMethod::percentile, 95).high, 1.96, 0.03);  // the normal's 97.5 % quantile
  EXPECT_EQ(histogram.range(RangeMethod::percentile, 95).low, 0);
}

TEST(RangeHistogramTest, OneOutlierDoesNotSetTheRange) {
  std::vector<float> values = half_normal(100000, 3);
  values.push_back(100);
  RangeHistogram histogram;
  histogram.add(values);
  EXPECT_EQ(histogram.range(RangeMethod::minmax).high, 100);
  EXPECT_LT(histogram.range(RangeMethod::percentile, 99.99).high, 6);
  EXPECT_LT(histogram.range(RangeMethod::entropy).high, 30);
}

TEST(RangeHistogramTest, EntropyKeepsEvenlySpreadValues) {
  Rng rng(4);
  std::vector<float> values(100000);
  for (float& value : values) value = static_cast<float>(rng.uniform());
  RangeHistogram histogram;
  histogram.add(values);
  EXPECT_GT(histogram.range(RangeMethod::entropy).high, 0.97);
}

TEST(RangeHistogramTest, TwoSignsMakeASymmetricEntropyRange) {
  Rng rng(5);
  std::vector<float> values(50000);
  for (float& value : values) value = static_cast<float>(rng.normal());
  RangeHistogram histogram;
  histogram.add(values);
  const Range range = histogram.range(RangeMethod::entropy);
  EXPECT_NEAR(-range.low, range.high, 0.15 * range.high);
}

TEST(RangeHistogramTest, NothingAndZerosAlone) {
  RangeHistogram histogram;
  histogram.add({});
  histogram.add(std::vector<float>{0, 0});
  for (const RangeMethod method : {RangeMethod::minmax, RangeMethod::percentile, RangeMethod::entropy}) {
    EXPECT_EQ(histogram.range(method).high, 0);
    EXPECT_EQ(histogram.range(method).low, 0);
  }
}

TEST(RangeHistogramTest, RefusesWhatIsNotFinite) {
  RangeHistogram histogram;
  EXPECT_THROW(histogram.add(std::vector<float>{1, NAN}), Error);
  EXPECT_THROW(histogram.add(std::vector<float>{1, INFINITY}), Error);
}

}  // namespace
}  // namespace triage::exporting
