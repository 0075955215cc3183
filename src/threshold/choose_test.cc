#include "threshold/choose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/rng.h"
#include "core/test_support.h"
#include "threshold/levels.h"

namespace triage::threshold {
namespace {

struct Point {
  double cost = 0, accuracy = 0;
  int number = 0;
  bool operator==(const Point&) const = default;
};

std::vector<Point> random_points(std::size_t count, std::uint64_t seed) {  // with ties in both
  Rng rng(seed);
  std::vector<Point> points;
  for (std::size_t i = 0; i < count; ++i)
    points.push_back({1.0 + rng.below(12), static_cast<double>(rng.below(10)) / 10, static_cast<int>(i)});
  return points;
}

TEST(Choose, BudgetTargetAndKnee) {
  const std::vector<Point> curve{{100, 0.80}, {140, 0.88}, {200, 0.90}, {300, 0.895}, {500, 0.90}};
  const auto below = [&](double cost) { return most_accurate(curve, cost, &Point::cost, &Point::accuracy); };
  EXPECT_EQ(below(199)->cost, 140);
  EXPECT_EQ(below(1000)->cost, 200);  // the first of the same accuracy
  EXPECT_EQ(below(99), curve.end());
  EXPECT_EQ(cheapest(curve, 0.89, &Point::accuracy)->cost, 200);
  EXPECT_EQ(cheapest(curve, 0.91, &Point::accuracy), curve.end());
  EXPECT_EQ(knee(curve, &Point::cost, &Point::accuracy)->cost, 140);  // 0.8 of the height at 0.4 of the width
  const std::vector<Point> flat{{1, 0.5}, {2, 0.5}}, chord{{1, 0.5}, {2, 0.6}, {3, 0.7}}, none;
  EXPECT_EQ(knee(flat, &Point::cost, &Point::accuracy)->cost, 1);
  EXPECT_EQ(knee(chord, &Point::cost, &Point::accuracy)->cost, 3);  // none above the chord: the most accurate
  EXPECT_EQ(knee(none, &Point::cost, &Point::accuracy), none.end());
}

TEST(ChooseProperty, TheParetoFrontIsWhatNoPointBeats) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<Point> points = random_points(seed, seed);
    std::vector<Point> expected;  // of points that are alike the first
    for (const Point& p : points) {
      const bool beaten = std::ranges::any_of(points, [&](const Point& q) {
        const bool no_worse = q.cost <= p.cost && q.accuracy >= p.accuracy;
        return no_worse && (q.cost < p.cost || q.accuracy > p.accuracy || q.number < p.number);
      });
      if (!beaten) expected.push_back(p);
    }
    std::ranges::sort(expected, {}, &Point::cost);
    std::vector<Point> found;
    for (const std::size_t i : pareto_front(
             points.size(), [&](std::size_t at) { return points[at].cost; },
             [&](std::size_t at) { return points[at].accuracy; }))
      found.push_back(points[i]);
    EXPECT_EQ(found, expected) << "seed " << seed;
  }
}

template <class Better>
void hold_to_sorting(std::size_t keep, std::uint64_t seed) {
  constexpr std::size_t kLevels = 3;
  const std::vector<Point> points = random_points(40, seed);
  LevelTable<Point, Better> table(kLevels, keep);
  std::vector<std::vector<Point>> lists(kLevels);
  for (const Point& point : points) {
    const std::size_t level = static_cast<std::size_t>(point.number) % (kLevels + 1);  // one is beyond the last
    table.offer(level, point);
    if (level < kLevels) lists[level].push_back(point);
  }
  std::vector<Point> rising;
  for (std::size_t level = 0; level < kLevels; ++level) {
    std::ranges::stable_sort(lists[level], Better());
    lists[level].resize(keep);
    EXPECT_THAT(table.at(level), testing::ElementsAreArray(lists[level])) << "keep " << keep << " seed " << seed;
    if (rising.empty() || lists[level][0].accuracy > rising.back().accuracy) rising.push_back(lists[level][0]);
  }
  EXPECT_EQ(table.rising(), rising);
}

TEST(LevelTableProperty, KeepsTheFirstOfEachLevelSorted) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    hold_to_sorting<MoreAccurate>(1 + seed % 4, seed);
    hold_to_sorting<MoreAccurateOrCheaper>(1 + seed % 4, seed);
  }
}

TEST(LevelTable, WhatIsFoundTwiceCountsOnce) {
  LevelTable<Point, MoreAccurate> table(1, 2);
  const auto same = [](const Point& a, const Point& b) { return a.number == b.number; };
  for (const Point& point : {Point{1, 0.5, 1}, Point{1, 0.4, 1}, Point{1, 0.3, 2}, Point{1, 0.6, 2}, Point{1, 0.55, 3}})
    table.offer(0, point, same);
  EXPECT_THAT(table.at(0), testing::ElementsAre(Point{1, 0.6, 2}, Point{1, 0.55, 3}));
  EXPECT_TRUE((LevelTable<Point>(1).at(0).empty()));
  EXPECT_FALSE(table.improves(0, Point{1, 0.55, 4}));
  EXPECT_TRUE(table.improves(0, Point{1, 0.56, 4}));
  EXPECT_FALSE(table.improves(1, Point{1, 1, 4}));
}

TEST(CostLevels, ACostOutOfRangeIsNoLevel) {
  const CostLevels levels(1, 100, 3);
  EXPECT_EQ(levels.level(0.5), 0u);
  EXPECT_EQ(levels.level(10), 1u);
  EXPECT_EQ(levels.level(10.1), 2u);
  EXPECT_EQ(levels.level(101), 3u);
  EXPECT_EQ(error_of([] { CostLevels(2, 1, 3); }),
            "cost levels: expected 0 < low < high and at least 2, found 2, 1 and 3");
}

}  // namespace
}  // namespace triage::threshold
