#include "workflow/cascade/learned.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/synthetic_test.h"

namespace triage::workflow {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

plan::Plan costed_pair() {
  plan::Plan plan{.name = "nets"};
  for (const double us : {100.0, 600.0}) {
    plan::Stage& stage = plan.stages.emplace_back(plan::Stage{.name = plan.stages.empty() ? "little" : "big"});
    stage.cost.emplace().latency_us.mean = us;
  }
  return plan;
}

LearnedRequest quick(bool asked) {
  LearnedRequest request{.asked = asked};
  request.routers.steps = 64;
  request.routers.repeats = 1;
  request.routers.objectives = {{true, 0.3}, {false, 0.5}};
  return request;
}

std::vector<CascadePoint> front_of(const route::ScoreTable& validation, const route::ScoreTable& fitted) {
  return solve_cascades(costed_pair(), validation, fitted, {.policies = {plan::PolicyKind::confidence}});
}

std::size_t learned_points(const std::vector<CascadePoint>& front) {
  return static_cast<std::size_t>(std::ranges::count(front, plan::PolicyKind::learned, &CascadePoint::policy));
}

// Images that no net is right about look hard to the confidence; the features tell them apart.
TEST(LearnedRouters, ArePointsWhereTheySeeMoreThanConfidence) {
  const auto fitted = route::synthetic_table({.count = 2500, .seed = 1, .hopeless = 0.4});
  const auto validation = route::synthetic_table({.count = 1000, .seed = 2, .hopeless = 0.4});
  auto front = front_of(validation, fitted);
  std::vector<std::string> notes;
  const auto learned = add_learned(front, costed_pair(), validation, fitted, quick(false), notes);
  ASSERT_FALSE(learned.empty());
  EXPECT_TRUE(learned[0].gain.wins);
  EXPECT_THAT(notes, Contains(HasSubstr("little > big: learned gains")));
  ASSERT_GT(learned_points(front), 0u);
  EXPECT_TRUE(std::ranges::is_sorted(front, {}, [](const CascadePoint& point) { return point.at.accuracy; }));
  const CascadePoint& point = *std::ranges::find(front, plan::PolicyKind::learned, &CascadePoint::policy);
  const plan::Plan plan = plan_at(costed_pair(), point);
  EXPECT_TRUE(plan.stages[0].exit.router);
  EXPECT_FALSE(plan.stages[1].exit.router);
}

TEST(LearnedRouters, ThatGainNothingAreTakenWhereTheyAreAskedFor) {
  const auto fitted = route::synthetic_table({.count = 600, .seed = 11});
  const auto validation = route::synthetic_table({.count = 600, .seed = 12});
  std::vector<std::string> notes;
  auto front = front_of(validation, fitted);
  const auto before = front.size();
  add_learned(front, costed_pair(), validation, fitted, quick(false), notes);
  EXPECT_EQ(front.size(), before);
  EXPECT_THAT(notes, Contains(HasSubstr(": not taken")));
  LearnedRequest alone = quick(true);
  alone.alone = true;
  add_learned(front, costed_pair(), validation, fitted, alone, notes);
  for (const CascadePoint& point : front)
    EXPECT_TRUE(point.chain.size() == 1 || point.policy == plan::PolicyKind::learned);
  EXPECT_GT(learned_points(front), 0u);
}

// Where the images that they are fitted on are those that they are judged on, each is judged by others: of noise they
// promise no more than of images that nobody has seen (a point of accuracy is 3 standard errors here).
TEST(LearnedRouters, PromiseNothingOfImagesTheyWereTrainedOn) {
  const auto one = route::synthetic_table({.count = 400, .seed = 21});
  auto front = front_of(one, one);
  const auto plain = front;
  LearnedRequest request = quick(true);
  request.routers.evidence = -100;  // routers come out of noise
  std::vector<std::string> notes;
  add_learned(front, costed_pair(), one, one, request, notes);
  const auto best_below = [](const std::vector<CascadePoint>& points, double us) {
    double best = 0;
    for (const CascadePoint& point : points)
      if (point.at.latency_us <= us) best = std::max(best, point.at.accuracy);
    return best;
  };
  EXPECT_LT(best_below(front, 300), best_below(plain, 300) + 0.03);
}

TEST(LearnedRouters, OfTooFewImagesAreRefusedOrSaidToBeLeftOut) {
  const auto few = route::synthetic_table({.count = 40, .seed = 31});
  auto front = front_of(few, few);
  std::vector<std::string> notes;
  EXPECT_TRUE(add_learned(front, costed_pair(), few, few, quick(false), notes).empty());
  EXPECT_THAT(notes, Contains(HasSubstr("expected at least 50 images to fit them on, found 40")));
  EXPECT_THROW(add_learned(front, costed_pair(), few, few, quick(true), notes), Error);
}

}  // namespace
}  // namespace triage::workflow
