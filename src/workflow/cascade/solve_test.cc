#include "workflow/cascade/solve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/rng.h"
#include "route/policy_scores.h"

namespace triage::workflow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int kClasses = 5;

plan::Plan costed_nets(const std::vector<double>& microseconds) {
  plan::Plan plan{.name = "nets", .classes = {"a", "b", "c", "d", "e"}};
  for (const double us : microseconds) {
    plan::Stage& stage = plan.stages.emplace_back(plan::Stage{.name = std::format("net{}", plan.stages.size())});
    stage.cost.emplace().latency_us.mean = us;
  }
  return plan;
}

// Nets that hear the label through noise of their own, so loud: calibrated, and independent of each other.
route::ScoreTable heard(const std::vector<double>& noise, std::uint32_t count, std::uint64_t seed) {
  Rng rng(seed);
  route::ScoreTable table;
  table.classes = kClasses;
  for (std::size_t s = 0; s < noise.size(); ++s)
    table.stages.push_back(route::StageScores{.name = std::format("net{}", s)});
  for (std::uint32_t i = 0; i < count; ++i) {
    table.indices.push_back(i);
    table.labels.push_back(static_cast<Label>(rng.below(kClasses)));
    for (std::size_t s = 0; s < noise.size(); ++s) {
      for (std::size_t c = 0; c < kClasses; ++c) {
        const double heard = (c == table.labels.back() ? 2 : 0) + noise[s] * rng.normal();
        table.stages[s].logits.push_back(static_cast<float>(2 * heard / (noise[s] * noise[s])));
      }
    }
  }
  return table;
}

TEST(SolveCascades, ANetThatNobodyBeatsIsAPoint) {
  const auto front = solve_cascades(costed_nets({100, 20}), heard({0.5, 3}, 500, 1), heard({0.5, 3}, 100, 4), {});
  ASSERT_FALSE(front.empty());
  EXPECT_THAT(front.front().chain, ElementsAre(1));  // the cheapest
  EXPECT_TRUE(std::ranges::is_sorted(front, {}, [](const CascadePoint& point) { return point.at.latency_us; }));
  EXPECT_TRUE(std::ranges::is_sorted(front, {}, [](const CascadePoint& point) { return point.at.accuracy; }));
  for (const CascadePoint& point : front) EXPECT_THAT(point.weights, IsEmpty());
}

TEST(SolveCascades, NetsThatFailOnDifferentImagesAnswerTogether) {
  const plan::Plan plan = costed_nets({50, 100});
  const route::ScoreTable validation = heard({1, 1}, 2000, 2), split = heard({1, 1}, 2000, 3);
  const std::array some{0u, 1u, 2u};  // too few to fit weights on
  const auto alone = solve_cascades(plan, validation, route::select(split, some), {});
  const auto together = solve_cascades(plan, validation, split, {});
  EXPECT_GT(together.back().at.accuracy, alone.back().at.accuracy + 0.01);
  const CascadePoint& best = together.back();
  ASSERT_EQ(best.weights.size(), 2u);
  const plan::Plan made = plan_at(plan, best);
  EXPECT_EQ(made.stages[1].exit.answer_weights, best.weights[1]);
  EXPECT_EQ(made.stages[0].exit.threshold, best.at.thresholds[0]);
  // What the point promises is what the plan does on these images.
  const route::ScoreTable table = route::table_of_stages(validation, best.chain);
  const route::ExitAnswers answers = route::exit_answers(made, made.policy, table);
  const auto exits = route::exits_taken(answers.scores, best.at.thresholds);
  double right = 0;
  for (std::size_t i = 0; i < exits.size(); ++i) right += answers.verdicts.correct[exits[i]][i];
  EXPECT_NEAR(right / static_cast<double>(exits.size()), best.at.accuracy, 1e-12);
}

TEST(SolveCascades, ANetThatIsBetterAndCheaperIsTheWholeAnswer) {
  const route::ScoreTable split = heard({3, 0.3}, 400, 5);
  const auto front = solve_cascades(costed_nets({39, 28.5}), split, split, {});
  EXPECT_THAT(front.back().chain, ElementsAre(1));
  EXPECT_EQ(front.back().at.latency_us, 28.5);
  const std::vector<std::size_t> sure = sure_points(front, costed_nets({39, 28.5}), split, plan::Metric::accuracy);
  EXPECT_THAT(choose_cascade(front, {}, sure).chain, ElementsAre(1));
}

// Of two nets that are right about the same images but for a few, a chain gains a few images: not worth a knee. With
// nets that fail on different images it gains many.
TEST(SolveCascades, AGainWithinTheNoiseIsNoKnee) {
  const plan::Plan plan = costed_nets({50, 60});
  const auto sure_chains = [&](const route::ScoreTable& table) {
    const auto front = solve_cascades(plan, table, table, {});
    EXPECT_TRUE(std::ranges::any_of(front, [](const CascadePoint& point) { return point.chain.size() > 1; }));
    const std::vector<std::size_t> sure = sure_points(front, plan, table, plan::Metric::accuracy);
    return std::ranges::count_if(sure, [&](std::size_t i) { return front[i].chain.size() > 1; });
  };
  const route::ScoreTable other = heard({1, 1}, 2000, 8);
  route::ScoreTable alike = other;
  const std::ptrdiff_t same = kClasses * 1990;
  std::copy_n(alike.stages[0].logits.begin(), same, alike.stages[1].logits.begin());
  EXPECT_EQ(sure_chains(alike), 0);
  EXPECT_GT(sure_chains(other), 0);
}

TEST(SolveCascades, APreprocessingThatTwoNetsShareIsPaidOnce) {
  plan::Plan plan = costed_nets({50, 100});
  for (plan::Stage& stage : plan.stages) stage.cost->prepare_us = 20;
  const route::ScoreTable table = heard({1, 0.5}, 300, 6);
  const auto longest = [&] {
    const auto front = solve_cascades(plan, table, table, {.policies = {plan::PolicyKind::confidence}});
    return front.back().at;
  };
  const double shared = longest().latency_us;
  plan.stages[1].preprocess.emplace();
  EXPECT_GT(longest().latency_us, shared);
}

TEST(SolveCascades, ANetCostsWhatItTakesBehindTheOneBeforeIt) {
  plan::Plan plan = costed_nets({50, 100});
  const route::ScoreTable table = heard({1, 0.5}, 300, 6);
  const auto latency_of = [&](const std::vector<std::size_t>& chain) {  // every image through all of them
    const std::vector<double> path = route::path_latency_us(plan::plan_of_stages(plan, chain));
    return path.back();
  };
  EXPECT_EQ(latency_of({0, 1}), 150);
  plan.stages[0].cost->behind_us = {50, 58};
  plan.stages[1].cost->behind_us = {111, 100};
  EXPECT_EQ(latency_of({0, 1}), 58 + 111);
  EXPECT_EQ(latency_of({1, 0}), 58 + 111);
  EXPECT_EQ(latency_of({1}), 100);
  // The front's costs are these: its dearest chain runs both.
  double dearest = 0;
  for (const CascadePoint& point : solve_cascades(plan, table, table, {}))
    dearest = std::max(dearest, point.at.latency_us);
  EXPECT_LE(dearest, 58 + 111);
  EXPECT_GT(dearest, 100);
}

TEST(SolveCascades, TargetsThatNothingMeetsAreRefused) {
  const route::ScoreTable table = heard({1, 1}, 300, 7);
  const auto front = solve_cascades(costed_nets({50, 100}), table, table, {});
  EXPECT_LE(choose_cascade(front, {.latency_us = 60}, {}).at.latency_us, 60);
  EXPECT_GE(choose_cascade(front, {.accuracy = front.front().at.accuracy}, {}).at.accuracy, front.front().at.accuracy);
  EXPECT_THROW(choose_cascade(front, {.latency_us = 1}, {}), Error);
  EXPECT_THROW(choose_cascade(front, {.accuracy = 1.0}, {}), Error);
}

}  // namespace
}  // namespace triage::workflow
