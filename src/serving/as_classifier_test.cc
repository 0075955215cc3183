// Real networks: the scheduler's answers against Classifier's.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/rng.h"
#include "runtime/open_plan.h"
#include "serving/serving_test_support.h"
#include "triage/classifier.h"

namespace triage::serving {
namespace {

using testing_serving::Asked;

struct Photos {  // as CIFAR-10's, of random pixels
  explicit Photos(int count) : pixels(static_cast<std::size_t>(count) * kSize) {
    Rng rng(5);
    for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(rng.next());
    for (int i = 0; i < count; ++i) views.push_back({&pixels[i * kSize], 32, 32, 3});
  }
  static constexpr std::size_t kSize = 32 * 32 * 3;
  std::vector<std::uint8_t> pixels;
  std::vector<ImageView> views;
};

class AsClassifier : public ::testing::TestWithParam<const char*> {
 protected:
  AsClassifier() {
    for (std::size_t s = 0; s + 1 < classifier_->info().stages.size(); ++s) {  // about half go on
      std::vector<double> never(classifier_->info().stages.size() - 1, 1.0);
      std::fill_n(never.begin(), s, -1.0);
      EXPECT_TRUE(classifier_->set_thresholds(never));
      std::vector<Outcome> outcomes(photos_.views.size());
      EXPECT_TRUE(classifier_->classify(photos_.views, outcomes));
      std::ranges::sort(outcomes, {}, &Outcome::score);
      const std::size_t half = outcomes.size() / 2;  // between two scores, which rounding does not bring together
      thresholds_.push_back((static_cast<double>(outcomes[half - 1].score) + outcomes[half].score) / 2);
    }
    EXPECT_TRUE(classifier_->set_thresholds(thresholds_));
    runtime::OpenPlan open = runtime::open_plan(GetParam(), kOptions);
    scheduler_ = std::make_unique<Scheduler>(
        std::make_shared<runtime::StageSet>(std::move(open.plan), std::move(open.sessions), thresholds_), workers_,
        SchedulerOptions{.max_batch_time = 1e9, .max_queue_delay = 1e9});
  }
  void run_all() {
    while (workers_->run_one()) {
    }
  }

  static inline const ClassifierOptions kOptions{.engine = "onnxruntime"};
  Photos photos_{64};
  Result<Classifier> classifier_ = Classifier::load(GetParam(), kOptions);
  std::vector<double> thresholds_;
  std::shared_ptr<Workers> workers_ = std::make_shared<Workers>(0);
  std::unique_ptr<Scheduler> scheduler_;
};

void expect_same_bits(const Outcome& found, const Outcome& expected) {
  EXPECT_EQ(found.label, expected.label);
  EXPECT_EQ(found.exit, expected.exit);
  EXPECT_EQ(found.probability, expected.probability);
  EXPECT_EQ(found.score, expected.score);
}

TEST_P(AsClassifier, TheSameBitsWhereTheSameImagesRunTogether) {
  for (const std::size_t count : {1u, 2u, 7u, 64u}) {
    const std::span images = std::span(photos_.views).first(count);
    std::vector<Outcome> expected(count);
    std::vector<float> logits(count * 10), probabilities(count * 10);
    ASSERT_TRUE(classifier_->classify(images, expected, {.logits = logits, .probabilities = probabilities}));
    Asked asked;
    Request request = asked.request(images);
    request.wants_logits = request.wants_probabilities = true;
    ASSERT_FALSE(scheduler_->submit(std::move(request)).refused);
    run_all();
    ASSERT_TRUE(asked.reply && !asked.reply->error);
    for (std::size_t i = 0; i < count; ++i) {
      const Answer& answer = asked.reply->answers[i];
      expect_same_bits(answer.outcome, expected[i]);
      EXPECT_TRUE(std::ranges::equal(answer.logits, std::span(logits).subspan(i * 10, 10)));
      EXPECT_TRUE(std::ranges::equal(answer.probabilities, std::span(probabilities).subspan(i * 10, 10)));
    }
    if (count == 64) {
      EXPECT_TRUE(std::ranges::any_of(expected, [](const Outcome& outcome) { return outcome.exit == 0; }));
      EXPECT_TRUE(std::ranges::any_of(expected, [](const Outcome& outcome) { return outcome.exit > 0; }));
    }
  }
}

TEST_P(AsClassifier, WithinRoundingInOtherCompany) {
  std::vector<Outcome> expected(64);
  ASSERT_TRUE(classifier_->classify(photos_.views, expected));
  std::vector<Asked> asked(64);
  Rng rng(3);
  for (int i = 0; i < 64; ++i) {
    ASSERT_FALSE(scheduler_->submit(asked[i].request(std::span(photos_.views).subspan(i, 1))).refused);
    if (rng.uniform() < 0.3) workers_->run_one();
  }
  run_all();
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(asked[i].reply && !asked[i].reply->error);
    const Outcome& found = asked[i].reply->answers[0].outcome;
    EXPECT_EQ(found.label, expected[i].label);
    EXPECT_EQ(found.exit, expected[i].exit);
    EXPECT_NEAR(found.probability, expected[i].probability, 1e-5);
    EXPECT_NEAR(found.score, expected[i].score, 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Zoo, AsClassifier, ::testing::Values(TRIAGE_ZOO "/cifar10-pair", TRIAGE_ZOO "/cifar10-fast"),
                         [](const auto& plan) { return plan.index == 0 ? "pair" : "fast"; });

}  // namespace
}  // namespace triage::serving
