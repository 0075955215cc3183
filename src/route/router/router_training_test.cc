#include "route/router/router_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/curve.h"
#include "route/synthetic_test.h"

namespace triage::route {
namespace {

RouterTrainingOptions quick() {
  RouterTrainingOptions options;
  options.steps = 96;
  options.repeats = 1;
  options.objectives = {{true, 0.3}, {false, 0.5}};
  return options;
}

const std::vector<plan::Exit> kExits(2);  // temperature 1
const std::vector<double> kPath{100, 700};

plan::Plan plan_with(std::vector<plan::Router> routers) {
  plan::Plan plan;
  plan.stages.resize(routers.size() + 1);
  for (std::size_t e = 0; e < routers.size(); ++e) plan.stages[e].exit.router = std::move(routers[e]);
  return plan;
}

double apgr(const plan::Plan& plan, plan::PolicyKind kind, const ScoreTable& table, std::vector<double> path = kPath) {
  return CurveMaker(verdicts(table).correct, policy_scores(plan, kind, table), std::move(path)).area().apgr;
}

// On 40 % of the images the big net only repeats the little one, and one feature of twelve says so.
TEST(RouterTraining, LearnsARuleThatConfidenceCannotSee) {
  const TrainedRouters trained =
      train_routers(synthetic_table({.count = 2500, .seed = 1, .hopeless = 0.4}), kExits, kPath, quick());
  EXPECT_TRUE(trained.learned) << trained.report.dump(1);
  const ScoreTable held_out = synthetic_table({.count = 10000, .seed = 2, .hopeless = 0.4});
  const plan::Plan plan = plan_with(trained.routers);
  const double learned = apgr(plan, plan::PolicyKind::learned, held_out);
  const double confidence = apgr(plan, plan::PolicyKind::confidence, held_out);
  ExitScores ideal = policy_scores(plan, plan::PolicyKind::confidence, held_out);
  for (std::size_t i = 0; i < held_out.count(); ++i) ideal[0][i] *= held_out.features(0, i)[0] > 1 ? 0.001f : 1.0f;
  const double best = CurveMaker(verdicts(held_out).correct, ideal, kPath).area().apgr;  // knows the rule
  EXPECT_GT(learned, confidence + 0.5 * (best - confidence));
  std::cout << "planted rule: APGR learned " << learned << ", confidence " << confidence << ", knowing the rule "
            << best << ", " << trained.report["seconds"] << " s\n";
}

// Labels are drawn from the little net's own probabilities and features are noise: confidence is the best there is.
TEST(RouterTraining, IsNotWorseThanConfidenceWhereThereIsNothingToLearn) {
  for (std::uint64_t seed = 10; seed < 13; ++seed) {
    const TrainedRouters trained =
        train_routers(synthetic_table({.count = 1500, .seed = seed}), kExits, kPath, quick());
    const ScoreTable held_out = synthetic_table({.count = 10000, .seed = seed + 100});
    const plan::Plan plan = plan_with(trained.routers);
    const double learned = apgr(plan, plan::PolicyKind::learned, held_out);
    const double confidence = apgr(plan, plan::PolicyKind::confidence, held_out);
    EXPECT_GT(learned, confidence - 0.01) << trained.report.dump(1);
    EXPECT_NEAR(trained.learned ? confidence : learned, confidence, 1e-4);  // the same ranking but for rounding
  }
}

TEST(RouterTraining, IsDeterministicAndSeeded) {
  const ScoreTable table = synthetic_table({.count = 400, .seed = 1, .hopeless = 0.4});
  RouterTrainingOptions options = quick();
  options.steps = 32;
  options.evidence = -100;  // take whatever comes out
  const auto weights = [&] { return train_routers(table, kExits, kPath, options).routers.at(0).weight1; };
  const auto first = weights();
  EXPECT_EQ(first, weights());
  options.seed = 2;
  EXPECT_NE(first, weights());
}

// A third stage between little and big: routers for two exits, in one go.
TEST(RouterTraining, ThreeStages) {
  const auto three = [](std::uint64_t seed) {
    ScoreTable table = synthetic_table({.count = 2000, .features = 3, .seed = seed, .hopeless = 0.3});
    StageScores middle = table.stages[0];
    Rng rng(seed);
    for (std::size_t i = 0; i < table.count(); ++i) {  // knows more than the little one
      middle.logits[i * 10 + table.labels[i]] += static_cast<float>(1.5 * rng.uniform());
    }
    table.stages.insert(table.stages.begin() + 1, std::move(middle));
    return table;
  };
  const std::vector<double> path{100, 250, 800};
  const TrainedRouters trained = train_routers(three(1), std::vector<plan::Exit>(3), path, quick());
  ASSERT_EQ(trained.routers.size(), 2u);
  const plan::Plan plan = plan_with(trained.routers);
  const ScoreTable held_out = three(2);
  EXPECT_GT(apgr(plan, plan::PolicyKind::learned, held_out, path),
            apgr(plan, plan::PolicyKind::confidence, held_out, path) - 0.01);
}

TEST(RouterTraining, RefusesWhatDoesNotFit) {
  const ScoreTable table = synthetic_table({.count = 40});
  EXPECT_THROW(train_routers(table, kExits, kPath, {}), Error);  // too few images
  EXPECT_THROW(train_routers(synthetic_table({.count = 200}), std::vector<plan::Exit>(1), kPath, {}), Error);
}

TEST(RouterTraining, FileForPeople) {
  const fs::path path = fs::path(testing::TempDir()) / "router.pt";
  plan::Router router{.feature_width = 0,
                      .hidden = 1,
                      .mean = {0, 0, 0},
                      .scale = {1, 1, 1},
                      .weight1 = {1, 2, 3},
                      .bias1 = {0},
                      .weight2 = {4},
                      .bias2 = 5,
                      .skip = 6};
  save_router_pt(path, std::vector{router});
  EXPECT_THAT(read_file(path), testing::HasSubstr("exit0.weight1"));
  fs::remove(path);
}

}  // namespace
}  // namespace triage::route
