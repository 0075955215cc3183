#include "workflow/search/front/front_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;

search::FrontPoint point(const std::string& net, double latency, double accuracy) {
  search::FrontPoint made;
  made.genome = search::Genome::parse("confidence: " + net);
  made.accuracy = accuracy;
  made.cost.mean_latency_us = latency;
  made.cost.mean_macs = 1e6 * latency;
  made.reach = {1};
  return made;
}

search::Front front() {
  search::Front made;
  made.points = {point("8", 100, 0.7), point("16", 110, 0.88), point("24", 200, 0.9), point("32", 400, 0.91)};
  made.singles = {point("32", 450, 0.92), point("8", 100, 0.7)};
  return made;
}

// point_of() refers into its front.
double latency_of(const search::Front& of, const BuildTarget& target) {
  return point_of(of, target).cost.mean_latency_us;
}

TEST(FrontChoice, ALatencyIsKeptByTheMostAccurate) {
  const search::Front all = front();
  EXPECT_EQ(latency_of(all, {.latency_us = 250}), 200);
  EXPECT_EQ(latency_of(all, {.latency_us = 400}), 400);
  EXPECT_THROW(latency_of(all, {.latency_us = 99}), Error);
}

TEST(FrontChoice, AnAccuracyIsReachedByTheCheapest) {
  const search::Front all = front();
  EXPECT_EQ(latency_of(all, {.accuracy = 0.89}), 200);
  EXPECT_EQ(latency_of(all, {.accuracy = 0.5}), 100);
  EXPECT_THROW(latency_of(all, {.accuracy = 0.95}), Error);
}

TEST(FrontChoice, ADropIsFromTheBestNetAlone) {
  search::Front all = front();
  EXPECT_EQ(latency_of(all, {.max_drop = 0.03}), 200);  // 0.92 - 0.03
  EXPECT_EQ(latency_of(all, {.max_drop = 0.05}), 110);
  all.singles.clear();
  EXPECT_THAT(error_of([&] { point_of(all, {.max_drop = 0.05}); }),
              HasSubstr("--max-drop: expected nets alone in the front to drop from, found none"));
}

TEST(FrontChoice, WithoutATargetItIsTheKnee) {
  const search::Front all = front();
  EXPECT_EQ(latency_of(all, {}), 110);
}

TEST(FrontChoice, AFrontIsReadFromItsRun) {
  const TempDir run;
  EXPECT_THAT(error_of([&] { front_of(run.path()); }), HasSubstr("run 'triage search' first"));
  search::save_front(run / "front.json", front());
  EXPECT_EQ(front_of(run.path()).points.size(), 4u);
}

}  // namespace
}  // namespace triage::workflow
