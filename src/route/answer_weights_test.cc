#include "route/answer_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.h"
#include "route/policy_scores.h"

namespace triage::route {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int kClasses = 5;
const std::vector<std::size_t> kChain{0, 1};
const std::vector<double> kTemperatures{1, 1, 1};

// Three nets that hear the label through noise: `a` and `b` each through their own, `echo` what b heard once more.
ScoreTable noisy_nets(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  ScoreTable table;
  table.classes = kClasses;
  table.stages = {{"a", 0, {}, {}}, {"b", 0, {}, {}}, {"echo", 0, {}, {}}};
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto label = static_cast<Label>(rng.below(kClasses));
    table.indices.push_back(i);
    table.labels.push_back(label);
    for (std::size_t c = 0; c < kClasses; ++c) {
      // Of N(2, 1) against N(0, 1) the log-likelihood ratio is 2x: these logits are calibrated.
      const double mean = c == label ? 2 : 0;
      table.stages[0].logits.push_back(static_cast<float>(2 * (mean + rng.normal())));
      table.stages[1].logits.push_back(static_cast<float>(2 * (mean + rng.normal())));
      table.stages[2].logits.push_back(table.stages[1].logits.back());
    }
  }
  return table;
}

double accuracy(const ScoreTable& table, const std::vector<double>& weights) {
  std::vector<plan::Exit> exits(2);
  exits[1].answer_weights = weights;
  const auto said = exit_answers(exits, plan::PolicyKind::confidence, table, kChain).verdicts;
  return static_cast<double>(std::ranges::count(said.correct[1], 1)) / static_cast<double>(table.count());
}

TEST(AnswerWeights, NetsThatFailOnDifferentImagesAnswerTogether) {
  const auto fitted = fit_answer_weights(noisy_nets(2000, 1), kTemperatures, kChain);
  EXPECT_THAT(fitted[0].weights, IsEmpty());
  ASSERT_EQ(fitted[1].weights.size(), 2u);
  EXPECT_NEAR(fitted[1].weights[0] + fitted[1].weights[1], 1, 1e-12);
  EXPECT_EQ(fitted[1].images, 1000u);
  EXPECT_GT(fitted[1].points, 2 * fitted[1].error);
  const ScoreTable held_out = noisy_nets(5000, 2);
  EXPECT_GT(accuracy(held_out, fitted[1].weights), accuracy(held_out, {}) + 0.01);
}

TEST(AnswerWeights, ANetThatKnowsNothingGetsNone) {
  ScoreTable table = noisy_nets(2000, 3);
  Rng rng(4);
  for (float& logit : table.stages[0].logits) logit = static_cast<float>(3 * rng.normal());  // sure of anything
  EXPECT_THAT(fit_answer_weights(table, kTemperatures, kChain)[1].weights, IsEmpty());
}

TEST(AnswerWeights, TheSameAnswerOnceMoreWinsNothing) {
  const std::vector<std::size_t> echo{1, 2};
  EXPECT_THAT(fit_answer_weights(noisy_nets(2000, 5), kTemperatures, echo)[1].weights, IsEmpty());
}

TEST(AnswerWeights, AChainNamesItsStagesInTheirOrder) {
  const std::vector<std::size_t> chain{0, 1, 2};
  const auto fitted = fit_answer_weights(noisy_nets(3000, 6), kTemperatures, chain);
  ASSERT_EQ(fitted.size(), 3u);
  ASSERT_EQ(fitted[1].weights.size(), 2u);
  EXPECT_GE(fitted[1].images, 2 * fitted[2].images);
  EXPECT_THAT(fitted[2].weights.size(), testing::AnyOf(0, 3));
  const std::vector<std::size_t> turned{1, 0};
  ASSERT_EQ(fit_answer_weights(noisy_nets(3000, 6), kTemperatures, turned)[1].weights.size(), 2u);
}

TEST(AnswerWeights, FewImagesAreNotEnough) {
  const auto fitted = fit_answer_weights(noisy_nets(150, 7), kTemperatures, kChain);
  EXPECT_THAT(fitted[1].weights, IsEmpty());
  EXPECT_EQ(fitted[1].images, 0u);
}

}  // namespace
}  // namespace triage::route
