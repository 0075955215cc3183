#include "evaluate/class_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/rng.h"
#include "core/test_support.h"
#include "evaluate/tiny_test.h"
#include "route/policy_scores.h"

namespace triage::evaluate {
namespace {

TEST(ClassCounts, ByHand) {
  const std::vector<Label> labels{0, 0, 0, 1, 1, 2}, answers{0, 0, 1, 1, 0, 1};
  const ClassCounts counts = count_classes(labels, answers, 4);
  EXPECT_DOUBLE_EQ(counts.recall(0).value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(counts.precision(0).value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(counts.f1(1).value(), 2.0 / 5);
  EXPECT_EQ(counts.precision(2), std::nullopt);
  EXPECT_EQ(counts.recall(2), 0);
  EXPECT_EQ(counts.recall(3), std::nullopt);
  EXPECT_DOUBLE_EQ(counts.balanced_accuracy().value(), (2.0 / 3 + 0.5 + 0) / 3);
  EXPECT_DOUBLE_EQ(counts.macro_f1().value(), (2.0 / 3 + 0.4 + 0) / 3);
  EXPECT_EQ(count_classes({}, {}, 4).balanced_accuracy(), std::nullopt);
}

// F1 by its usual definition, the harmonic mean of precision and recall.
TEST(ClassCounts, F1IsTheHarmonicMean) {
  Rng rng(3);
  std::vector<Label> labels, answers;
  for (int i = 0; i < 500; ++i) {
    labels.push_back(rng.below(5));
    answers.push_back(rng.uniform() < 0.6 ? labels.back() : rng.below(5));
  }
  const ClassCounts counts = count_classes(labels, answers, 5);
  for (std::size_t c = 0; c < 5; ++c) {
    const double p = counts.precision(c).value(), r = counts.recall(c).value();
    EXPECT_NEAR(counts.f1(c).value(), 2 * p * r / (p + r), 1e-12);
  }
}

results::Accuracies of_stage(const route::ScoreTable& table, std::uint8_t stage, int rounds = 200,
                             std::uint64_t seed = 1) {
  const std::vector<std::uint8_t> exits(table.count(), stage);
  return accuracies(table, route::verdicts(table).label[stage], exits, rounds, seed);
}

TEST(Accuracies, ByHand) {
  const results::Accuracies little = of_stage(tiny_table(), 0);
  EXPECT_DOUBLE_EQ(little.accuracy, 0.5);          // images 0, 2 and 4
  EXPECT_NEAR(little.interval.low, 0.1876, 1e-4);  // Wilson's, 3 of 6
  EXPECT_NEAR(little.interval.high, 0.8124, 1e-4);
  EXPECT_DOUBLE_EQ(little.balanced_accuracy.value(), (1 + 0 + 1 + 0) / 4.0);
  // ant: 2 of 2, answered 3 times; cat: 1 of 1, answered twice
  EXPECT_DOUBLE_EQ(little.macro_f1.value(), (4.0 / 5 + 0 + 2.0 / 3 + 0) / 4);
  EXPECT_EQ(little.top5_accuracy, std::nullopt);  // of four classes it says nothing
  EXPECT_EQ(little.top5_accuracy_interval, std::nullopt);
}

// The label's logit stands at place 1, 5 and 6 of eight; of equal ones the first counts as higher.
TEST(Accuracies, TopFive) {
  route::ScoreTable table = table_of({0, 1, 2, 7}, 8, {{{0}, {0}, {0}, {0}}});
  const auto set = [&](std::size_t image, const std::vector<float>& logits) {
    std::ranges::copy(logits, table.stages[0].logits.begin() + static_cast<std::ptrdiff_t>(image * 8));
  };
  set(0, {9, 1, 1, 1, 1, 1, 1, 1});
  set(1, {9, 5, 8, 7, 6, 0, 0, 0});
  set(2, {9, 8, 4, 7, 6, 5, 0, 0});
  set(3, {9, 0, 0, 0, 0, 0, 0, 0});  // ties with seven, and stands behind them
  const results::Accuracies of = of_stage(table, 0);
  EXPECT_DOUBLE_EQ(of.top5_accuracy.value(), 0.5);
  EXPECT_DOUBLE_EQ(of.accuracy, 0.25);
  const Interval wilson = proportion_interval(2, 4);
  EXPECT_EQ(of.top5_accuracy_interval->low, wilson.low);
  EXPECT_EQ(of.top5_accuracy_interval->high, wilson.high);
}

// With classes of equal size balanced accuracy is accuracy, and its bootstrap interval must agree with the normal
// approximation of a binomial: 1.96 * sqrt(p (1 - p) / n) each way.
TEST(Accuracies, BootstrapAgreesWithTheBinomial) {
  constexpr int kImages = 2000;
  std::vector<Label> labels;
  std::vector<Said> said;
  for (int i = 0; i < kImages; ++i) {
    labels.push_back(static_cast<Label>(i % 4));
    said.push_back({static_cast<Label>(i / 4 % 5 == 0 ? (i + 1) % 4 : i % 4)});  // one in five is wrong, of each class
  }
  const results::Accuracies of = of_stage(table_of(labels, 4, {said}), 0, 2000);
  EXPECT_NEAR(of.accuracy, 0.8, 1e-12);
  EXPECT_NEAR(of.balanced_accuracy.value(), 0.8, 1e-12);
  const double half = 1.96 * std::sqrt(0.8 * 0.2 / kImages);
  EXPECT_NEAR(of.balanced_accuracy_interval->high - 0.8, half, 0.1 * half);
  EXPECT_NEAR(0.8 - of.balanced_accuracy_interval->low, half, 0.1 * half);
  EXPECT_LT(of.macro_f1_interval->low, of.macro_f1.value());
  EXPECT_GT(of.macro_f1_interval->high, of.macro_f1.value());
}

TEST(Accuracies, TheSeedIsAllThatIsDrawn) {
  const results::Accuracies a = of_stage(tiny_table(), 1, 50, 7), b = of_stage(tiny_table(), 1, 50, 7);
  EXPECT_EQ(a.balanced_accuracy_interval->low, b.balanced_accuracy_interval->low);
  EXPECT_EQ(a.macro_f1_interval->high, b.macro_f1_interval->high);
}

TEST(Accuracies, OfNoImagesAreRefused) {
  EXPECT_EQ(error_of([] { of_stage(table_of({}, 4, {{}}), 0); }),
            "accuracies: expected at least one image, found none");
}

TEST(ClassFigures, WhatNoImageStandsBehindIsAbsent) {
  const std::vector<Label> labels{0, 0, 1}, answers{0, 2, 2};
  const std::vector<std::size_t> escalated{1, 1, 0, 0};
  const auto figures = class_figures(count_classes(labels, answers, 4), escalated, {"ant", "bee", "cat", "dog"});
  ASSERT_EQ(figures.size(), 4u);
  EXPECT_EQ(figures[0].name, "ant");
  EXPECT_EQ(figures[0].recall, 0.5);
  EXPECT_EQ(figures[0].precision, 1.0);
  EXPECT_EQ(figures[0].escalation, 0.5);
  EXPECT_EQ(figures[0].recall_interval->low, proportion_interval(1, 2).low);
  EXPECT_EQ(figures[1].recall, 0.0);  // bee: one image, never answered
  EXPECT_EQ(figures[1].precision, std::nullopt);
  EXPECT_EQ(figures[1].precision_interval, std::nullopt);
  EXPECT_EQ(figures[1].f1, 0.0);
  EXPECT_EQ(figures[2].recall, std::nullopt);  // cat: no image, answered twice
  EXPECT_EQ(figures[2].precision, 0.0);
  EXPECT_EQ(figures[2].f1, std::nullopt);
  EXPECT_EQ(figures[3].precision, std::nullopt);
  EXPECT_EQ(figures[3].escalation, std::nullopt);
}

}  // namespace
}  // namespace triage::evaluate
