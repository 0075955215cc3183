#include "runtime/answers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/rng.h"
#include "core/system/cpu_test_support.h"

namespace triage::runtime {
namespace {

class Answers : public testing::TestWithParam<CpuFeatures> {
  CpuOverride only_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(EveryCpu, Answers, testing::ValuesIn(cpus_here()));

TEST_P(Answers, ProbabilitiesAreTheSoftmaxInDoublePrecision) {
  Rng rng(1);
  for (int classes : {2, 3, 8, 9, 17, 100, 1000}) {
    for (double temperature : {0.3, 1.0, 2.5}) {
      std::vector<float> logits(classes), got(classes);
      for (float& logit : logits) logit = static_cast<float>(4 * rng.normal());
      calibrate(logits, static_cast<float>(temperature), got);
      double total = 0;
      for (float logit : logits) total += std::exp(logit / temperature);
      for (int c = 0; c < classes; ++c)
        ASSERT_NEAR(got[c], std::exp(logits[c] / temperature) / total, 2e-6) << classes << " classes, class " << c;
    }
  }
}

TEST_P(Answers, OneStageWithAllTheWeightSaysWhatItSaysAlone) {
  Rng rng(2);
  for (int classes : {2, 10, 100}) {
    std::vector<float> logits(classes), own(classes), mixed(classes);
    for (float& logit : logits) logit = static_cast<float>(3 * rng.normal());
    calibrate(logits, 1.7f, own);
    const float weights[] = {0, 1};
    const float* const answers[] = {nullptr, own.data()};
    const Evidence alone = evidence(logits, 1.7f), got = mixed_evidence(answers, weights, mixed, true);
    EXPECT_EQ(got.label, alone.label);
    EXPECT_NEAR(got.confidence, alone.confidence, 2e-6);
    EXPECT_NEAR(got.entropy, alone.entropy, 2e-6);
    EXPECT_NEAR(got.margin, alone.margin, 2e-6);
  }
}

TEST_P(Answers, MeanByHand) {
  const float first[] = {0.5f, 0.375f, 0.125f}, second[] = {0.125f, 0.375f, 0.5f};
  const float* const answers[] = {first, second};
  const float even[] = {0.5f, 0.5f}, mostly[] = {0.25f, 0.75f};
  std::vector<float> mixed(3);
  Evidence got = mixed_evidence(answers, even, mixed, true);
  EXPECT_EQ(mixed, (std::vector<float>{0.3125f, 0.375f, 0.3125f}));
  EXPECT_EQ(got.label, 1);  // that neither of them named
  EXPECT_EQ(got.confidence, 0.375f);
  EXPECT_EQ(got.margin, 0.0625f);
  EXPECT_NEAR(got.entropy, -(2 * 0.3125 * std::log(0.3125) + 0.375 * std::log(0.375)) / std::log(3), 1e-6);
  got = mixed_evidence(answers, mostly, mixed, false);
  EXPECT_EQ(got.label, 2);
  EXPECT_EQ(got.confidence, 0.40625f);
  EXPECT_EQ(got.entropy, 0);  // not asked for
}

TEST_P(Answers, TiesGoToTheLowestClassAndNoNumberIsSeen) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float first[] = {0, 0.5f, 0.5f}, broken[] = {0.5f, nan, 0.5f};
  const float weights[] = {0.5f, 0.5f};
  std::vector<float> mixed(3);
  const Evidence tied = mixed_evidence(std::vector{first, first}, weights, mixed, true);
  EXPECT_EQ(tied.label, 1);
  EXPECT_EQ(tied.margin, 0);
  EXPECT_TRUE(std::isnan(mixed_evidence(std::vector{first, broken}, weights, mixed, true).confidence));
}

TEST_P(Answers, DisagreementByHand) {
  const float dog[] = {0.25f, 0.75f, 0}, cat[] = {0.625f, 0.375f, 0}, ship[] = {0, 0, 1};
  EXPECT_EQ(disagreement(std::vector{dog, dog}, 3, 1), 0);
  EXPECT_EQ(disagreement(std::vector{dog, cat}, 3, 1), 0.125f);
  EXPECT_EQ(disagreement(std::vector{dog, cat}, 3, 0), 0.25f);
  EXPECT_EQ(disagreement(std::vector{ship, dog, dog}, 3, 1), 1 / 3.0f);
  EXPECT_EQ(disagreement(std::vector{ship, ship}, 3, 0), 1);
}

TEST(ExitAnswer, ReadsWhatItNeedsAndNothingElse) {
  const auto reads = [](const plan::Exit& exit, plan::PolicyKind policy, bool last) {
    std::vector<int> stages;
    const ExitAnswer answer(exit, policy, 2, last);
    for (int k = 0; k < 3; ++k)
      if (answer.reads(k)) stages.push_back(k);
    return stages;
  };
  const plan::Exit alone, together{.answer_weights = {0.25, 0, 0.75}};
  const std::vector<int> none, weighted{0, 2}, all{0, 1, 2};
  EXPECT_EQ(reads(alone, plan::PolicyKind::confidence, false), none);
  EXPECT_EQ(reads(together, plan::PolicyKind::confidence, false), weighted);
  EXPECT_EQ(reads(alone, plan::PolicyKind::agreement, false), all);
  EXPECT_EQ(reads(alone, plan::PolicyKind::agreement, true), none);
  EXPECT_EQ(reads(together, plan::PolicyKind::agreement, true), weighted);
  EXPECT_FALSE(ExitAnswer(alone, plan::PolicyKind::agreement, 0, false).reads(0));  // nobody to agree with
}

}  // namespace
}  // namespace triage::runtime
