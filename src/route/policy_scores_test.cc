#include "route/policy_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/fake/fake_session.h"
#include "route/synthetic_test.h"
#include "runtime/executor.h"

namespace triage::route {
namespace {

plan::Plan two_stage_plan() {
  plan::Plan plan;
  plan.stages.resize(2);
  plan.stages[0].name = "little", plan.stages[1].name = "big";
  return plan;
}

TEST(PolicyScores, ByHand) {
  ScoreTable table;
  table.classes = 2;
  table.labels = {0, 1};
  table.indices = {0, 1};
  const float l = std::log(3.0f);  // p = (3/4, 1/4)
  table.stages = {{"little", 0, {2 * l, 0, 0, 0}, {}}, {"big", 0, {1, 0, 1, 0}, {}}};
  plan::Plan plan = two_stage_plan();
  plan.stages[0].exit.temperature = 2;
  const auto score = [&](plan::PolicyKind kind) { return policy_scores(plan, kind, table)[0]; };
  EXPECT_NEAR(score(plan::PolicyKind::confidence)[0], 0.25, 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::confidence)[1], 0.5, 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::margin)[0], 0.5, 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::margin)[1], 1, 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::entropy)[0], -(0.75 * std::log2(0.75) + 0.25 * std::log2(0.25)), 1e-6);
  EXPECT_NEAR(score(plan::PolicyKind::entropy)[1], 1, 1e-6);
  EXPECT_THROW(score(plan::PolicyKind::learned), Error);
  const Verdicts verdicts = route::verdicts(table);
  EXPECT_THAT(verdicts.correct[0], testing::ElementsAre(1, 0));  // equal logits: the lowest index, as in the runtime
  EXPECT_THAT(verdicts.correct[1], testing::ElementsAre(1, 0));
}

plan::Router random_router(int feature_width, Rng& rng) {
  plan::Router router{.feature_width = feature_width, .hidden = 3};
  const auto normals = [&](std::vector<float>& values, int count) {
    for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.normal()));
  };
  normals(router.mean, router.inputs());
  normals(router.scale, router.inputs());
  normals(router.weight1, 3 * router.inputs());
  normals(router.bias1, 3);
  normals(router.weight2, 3);
  return router;
}

// Stages of 7 classes, an exit of whose images goes on at about half of the scores, and some answers together.
struct RandomCascade {
  static constexpr int kClasses = 7, kFeatures = 5, kImages = 150;
  plan::Plan plan{.name = "random", .input = {1, 1, 2}, .classes = {"a", "b", "c", "d", "e", "f", "g"}};
  ScoreTable table;

  RandomCascade(int stages, plan::PolicyKind policy, std::uint64_t seed) {
    Rng rng(seed);
    plan.policy = policy;
    table.classes = kClasses;
    for (std::uint32_t i = 0; i < kImages; ++i) {
      table.indices.push_back(i);
      table.labels.push_back(static_cast<Label>(rng.below(kClasses)));
    }
    for (int s = 0; s < stages; ++s) {
      plan::Stage& stage = plan.stages.emplace_back(plan::Stage{.name = std::format("net {}", s), .onnx = "net.onnx"});
      stage.feature_width = kFeatures;
      stage.exit.temperature = 0.5 + rng.uniform();
      if (s + 1 < stages) stage.exit.router = random_router(kFeatures, rng);
      if (rng.below(4) > 0) {
        double sum = 0;
        for (int k = 0; k <= s; ++k) sum += stage.exit.answer_weights.emplace_back(rng.below(4) + (k == s ? 1 : 0));
        for (double& weight : stage.exit.answer_weights) weight /= sum;
      }
      StageScores& scores = table.stages.emplace_back(StageScores{stage.name, kFeatures, {}, {}});
      for (int i = 0; i < kImages * kClasses; ++i) scores.logits.push_back(static_cast<float>(2 * rng.normal()));
      for (int i = 0; i < kImages * kFeatures; ++i) scores.features.push_back(static_cast<float>(rng.normal()));
    }
    const ExitScores all = policy_scores(plan, policy, table);
    for (std::size_t s = 0; s < all.size(); ++s) {
      std::vector<float> sorted = all[s];
      std::ranges::sort(sorted);
      plan.stages[s].exit.threshold = sorted[sorted.size() / 2];
    }
  }

  // The table's rows in place of networks; an image is told by its two pixels.
  std::vector<Outcome> classified(int batch) const {
    std::vector<std::unique_ptr<engine::Session>> sessions;
    for (std::size_t s = 0; s < table.stages.size(); ++s) {
      const engine::SessionInfo shape{.input_size = 2, .classes = kClasses, .feature_width = kFeatures};
      sessions.push_back(std::make_unique<engine::FakeSession>(shape, [this, s](const engine::FakeRow& row) {
        const auto image =
            static_cast<std::size_t>(std::lround(row.input[0] * 255) * 16 + std::lround(row.input[1] * 255));
        std::ranges::copy(table.logits(s, image), row.logits.begin());
        if (!row.features.empty()) std::ranges::copy(table.features(s, image), row.features.begin());
      }));
    }
    const runtime::Executor executor(plan, std::move(sessions));
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < kImages; ++i)
      pixels.insert(pixels.end(), {static_cast<std::uint8_t>(i / 16), static_cast<std::uint8_t>(i % 16)});
    std::vector<ImageView> views;
    for (int i = 0; i < kImages; ++i) views.push_back({&pixels[static_cast<std::size_t>(2 * i)], 1, 2, 1});
    std::vector<Outcome> outcomes(kImages);
    for (std::size_t i = 0; i < views.size(); i += static_cast<std::size_t>(batch)) {
      const std::size_t n = std::min<std::size_t>(static_cast<std::size_t>(batch), views.size() - i);
      const Status status = executor.classify(std::span(views).subspan(i, n), std::span(outcomes).subspan(i, n));
      if (!status) throw Error(status.error().message);
    }
    return outcomes;
  }
};

TEST(ExitAnswers, TheRuntimeAndTheTableAgreeOnEveryImage) {
  int exits_seen = 0;
  for (const plan::PolicyKind policy : plan::kPolicyKinds) {
    for (int stages : {2, 3, 5}) {
      for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(std::format("{}, {} stages, seed {}", plan::to_string(policy), stages, seed));
        const RandomCascade cascade(stages, policy, seed);
        std::vector<double> thresholds;
        for (int s = 0; s + 1 < stages; ++s)
          thresholds.push_back(cascade.plan.stages[static_cast<std::size_t>(s)].exit.threshold);
        const ExitAnswers offline = exit_answers(cascade.plan, policy, cascade.table);
        const std::vector<std::uint8_t> exits = exits_taken(offline.scores, thresholds);
        for (int batch : {1, 150}) {
          const std::vector<Outcome> outcomes = cascade.classified(batch);
          for (std::size_t i = 0; i < outcomes.size(); ++i) {
            const std::size_t exit = exits[i];
            ASSERT_EQ(outcomes[i].exit, static_cast<int>(exit)) << "image " << i;
            ASSERT_EQ(outcomes[i].label, static_cast<int>(offline.verdicts.label[exit][i])) << "image " << i;
            const float score = exit < offline.scores.size() ? offline.scores[exit][i] : 0;
            ASSERT_EQ(outcomes[i].score, score) << "image " << i;
            exits_seen |= 1 << exit;
          }
        }
      }
    }
  }
  EXPECT_EQ(exits_seen, 0b11111);
}

TEST(ExitAnswers, OfSomeStagesAreThoseOfAPlanOfThem) {
  const RandomCascade all(4, plan::PolicyKind::agreement, 7);
  const std::vector<std::size_t> chain{2, 0, 3};
  std::vector<plan::Exit> exits(3);
  exits[1].answer_weights = {0.5, 0.5};
  plan::Plan plan;
  ScoreTable table = all.table;
  table.stages.clear();
  for (std::size_t k = 0; k < chain.size(); ++k) {
    plan.stages.push_back({.name = std::format("{}", k), .exit = exits[k]});
    table.stages.push_back(all.table.stages[chain[k]]);
  }
  const ExitAnswers got = exit_answers(exits, plan::PolicyKind::agreement, all.table, chain);
  const ExitAnswers want = exit_answers(plan, plan::PolicyKind::agreement, table);
  EXPECT_EQ(got.scores, want.scores);
  EXPECT_EQ(got.verdicts.label, want.verdicts.label);
  EXPECT_EQ(got.verdicts.correct, want.verdicts.correct);
  EXPECT_EQ(got.verdicts.label[0], verdicts(table).label[0]);
  EXPECT_NE(got.verdicts.label[1], verdicts(table).label[1]);
}

TEST(ExitAnswers, TwoThatFailOnDifferentImagesAreRightTogether) {
  ScoreTable table;
  table.classes = 3;
  table.labels = {0, 0};
  table.indices = {0, 1};
  // Image 0: the first is right and sure, the second wrong and unsure; image 1 the other way round.
  table.stages = {{"a", 0, {4, 0, 0, 1, 1.5f, 0}, {}}, {"b", 0, {1, 1.5f, 0, 4, 0, 0}, {}}};
  plan::Plan plan = two_stage_plan();
  EXPECT_THAT(exit_verdicts(plan, table).correct,
              testing::ElementsAre(testing::ElementsAre(1, 0), testing::ElementsAre(0, 1)));
  plan.stages[1].exit.answer_weights = {0.5, 0.5};
  EXPECT_THAT(exit_verdicts(plan, table).correct[1], testing::ElementsAre(1, 1));
}

TEST(PolicyScores, OracleKnows) {
  // Three stages; images: won at once, lost for ever, won by the last, spoiled by the second, all wrong but the second.
  const Verdicts verdicts{{}, {{1, 0, 0, 1, 0}, {1, 0, 0, 0, 1}, {1, 0, 1, 1, 0}}};
  const ExitScores scores = oracle_scores(verdicts);
  EXPECT_THAT(scores[0], testing::ElementsAre(0.5f, 0.5f, 1, 0, 1));
  EXPECT_THAT(scores[1], testing::ElementsAre(0.5f, 0.5f, 1, 1, 0));
  const std::vector<double> thresholds{0.5, 0.5};
  EXPECT_THAT(exits_taken(scores, thresholds), testing::ElementsAre(0, 0, 2, 0, 1));
}

TEST(PolicyScores, RandomIsSeededAndUniform) {
  const ExitScores a = random_scores(2, 10000, 3);
  EXPECT_EQ(a, random_scores(2, 10000, 3));
  EXPECT_NE(a[0], a[1]);
  EXPECT_NE(a, random_scores(2, 10000, 4));
  EXPECT_LT(*std::ranges::max_element(a[0]), 1);
  EXPECT_NEAR(static_cast<double>(std::ranges::count_if(a[0], [](float s) { return s > 0.3f; })), 7000, 250);
}

TEST(PolicyScores, LatencyAddsUpAlongThePath) {
  plan::Plan plan = two_stage_plan();
  plan.stages.insert(plan.stages.begin() + 1,
                     plan::Stage{.name = "deeper", .input = plan::StageInput::features, .source = 0});
  EXPECT_THROW(path_latency_us(plan), Error);
  for (std::size_t s = 0; s < 3; ++s) {
    plan.stages[s].cost.emplace().latency_us = Summary{.count = 10, .mean = 10.0 * static_cast<double>(s + 1)};
  }
  EXPECT_THAT(path_latency_us(plan), testing::ElementsAre(10, 30, 60));
  EXPECT_EQ(alone_latency_us(plan, 0), 10);
  EXPECT_EQ(alone_latency_us(plan, 1), 30);  // needs the stage it reads
  EXPECT_EQ(alone_latency_us(plan, 2), 30);  // an image stage stands alone
}

}  // namespace
}  // namespace triage::route
