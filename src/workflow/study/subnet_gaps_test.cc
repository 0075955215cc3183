#include "workflow/study/subnet_gaps.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace triage::workflow {
namespace {

// `right` of a hundred images are, the first ones.
Right hundred(int right) {
  Right images(100, 0);
  std::fill_n(images.begin(), right, 1);
  return images;
}

SubnetPair pair_of(const std::string& arch, int alone, int inherited) {
  return {.arch = family::ArchSpec::parse(arch),
          .macs = 1,
          .origin = "r",
          .alone = hundred(alone),
          .inherited = hundred(inherited)};
}

TEST(SubnetGaps, ShareIsOfAllImages) {
  EXPECT_EQ(share(hundred(25)), 0.25);
  EXPECT_EQ(share({1, 1, 1, 1}), 1);
}

TEST(SubnetGaps, AGapIsTheMeanOfPointsLost) {
  const std::vector<SubnetPair> pairs{pair_of("8", 90, 80), pair_of("16", 90, 86)};
  const Figure figure = gap(pairs);
  EXPECT_NEAR(figure.value, 7, 1e-9);
  EXPECT_EQ(figure.n, 2);
  EXPECT_EQ(figure.unit, "points");
  EXPECT_LT(figure.interval->low, 7);
  EXPECT_GT(figure.interval->high, 7);
}

TEST(SubnetGaps, EqualAnswersHaveNoGapWithoutAnyDoubt) {
  const std::vector<SubnetPair> pairs{pair_of("8", 90, 90)};
  const Figure figure = gap(pairs);
  EXPECT_EQ(figure.value, 0);
  EXPECT_EQ(figure.interval->low, 0);
  EXPECT_EQ(figure.interval->high, 0);
}

TEST(SubnetGaps, AnInheritedNetMayBeBetter) { EXPECT_NEAR(gap(std::vector{pair_of("8", 80, 85)}).value, -5, 1e-9); }

TEST(SubnetGapFigures, TheLargestStandsApart) {
  const family::ArchSpec largest = family::ArchSpec::parse("32");
  const std::vector<SubnetPair> pairs{pair_of("32", 95, 94), pair_of("8", 80, 70), pair_of("16", 90, 84)};
  const auto figures = gap_figures(largest, hundred(94), pairs);
  EXPECT_NEAR(figures.at("largest.accuracy").value, 94, 1e-9);
  EXPECT_LT(figures.at("largest.accuracy").interval->low, 94);
  EXPECT_NEAR(figures.at("largest.gap_points").value, 1, 1e-9);
  EXPECT_NEAR(figures.at("largest.accuracy_alone").value, 95, 1e-9);
  EXPECT_NEAR(figures.at("subnets.mean_gap_points").value, 8, 1e-9);  // of the two others
  EXPECT_EQ(figures.at("subnets.kendall_tau").value, 1);
}

TEST(SubnetGapFigures, RanksThatDisagreeAreNegative) {
  const std::vector<SubnetPair> pairs{pair_of("8", 80, 84), pair_of("16", 90, 70)};
  EXPECT_EQ(gap_figures(family::ArchSpec::parse("32"), hundred(94), pairs).at("subnets.kendall_tau").value, -1);
}

TEST(SubnetGapFigures, WhereThereIsNoRankNoneIsTold) {
  const family::ArchSpec largest = family::ArchSpec::parse("32");
  EXPECT_EQ(gap_figures(largest, hundred(94), {}).size(), 1u);
  const auto one = gap_figures(largest, hundred(94), std::vector{pair_of("8", 80, 84)});
  EXPECT_TRUE(one.contains("subnets.mean_gap_points"));
  EXPECT_FALSE(one.contains("subnets.kendall_tau"));
  const auto equal = gap_figures(largest, hundred(94), std::vector{pair_of("8", 80, 84), pair_of("16", 80, 84)});
  EXPECT_FALSE(equal.contains("subnets.kendall_tau"));
}

}  // namespace
}  // namespace triage::workflow
