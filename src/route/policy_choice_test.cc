#include "route/policy_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/rng.h"
#include "route/synthetic_test.h"

namespace triage::route {
namespace {

using testing::ElementsAre;

TEST(PolicyChoice, SharesSendTheHighestScoresOn) {
  const ExitScores scores{{0.1f, 0.9f, 0.5f, 0.7f, 0.2f, 0.2f}, {0, 3, 1, 2, 9, 9}};
  std::vector<std::uint32_t> rows(6);
  std::iota(rows.begin(), rows.end(), 0u);
  const std::vector<std::uint8_t> exits = exits_at_shares(scores, rows, std::vector<double>{0.5, 1 / 3.0});
  EXPECT_THAT(exits, ElementsAre(0, 2, 1, 1, 0, 0));
  EXPECT_THAT(shares_going_on(exits, 3), ElementsAre(0.5, testing::DoubleNear(1 / 3.0, 1e-12)));
  EXPECT_THAT(exits_at_shares(scores, std::vector<std::uint32_t>{5, 4}, std::vector<double>{0.5, 0}),
              ElementsAre(1, 0));  // equal scores: the first
  EXPECT_THROW(exits_at_shares(scores, rows, std::vector<double>{1}), Error);
}

TEST(PolicyChoice, FoldsAreEqualAndSeeded) {
  const std::vector<std::uint8_t> folds = folds_of(101, 4, 1);
  for (int fold = 0; fold < 4; ++fold) {
    const auto rows = rows_of_fold(folds, fold), others = rows_of_fold(folds, fold, true);
    EXPECT_EQ(rows.size(), fold == 0 ? 26u : 25u);
    EXPECT_EQ(rows.size() + others.size(), 101u);
  }
  EXPECT_EQ(folds, folds_of(101, 4, 1));
  EXPECT_NE(folds, folds_of(101, 4, 2));
}

struct PolicyWins : testing::Test {
  ScoreTable table = synthetic_table({.count = 3000, .seed = 5, .hopeless = 0.4});
  std::vector<plan::Exit> exits{2};
  ExitAnswers plain = exit_answers(exits, plan::PolicyKind::confidence, table, std::vector<std::size_t>{0, 1});
  std::vector<std::uint8_t> folds = folds_of(3000, 3, 1);

  PolicyChoice choose(const std::vector<PolicyCandidate>& candidates) const {
    return choose_policy(plain.verdicts, plain.scores, candidates, folds);
  }
  ExitScores knowing() const {  // which images no net can help
    ExitScores scores = plain.scores;
    for (std::size_t i = 0; i < table.count(); ++i)
      if (table.features(0, i)[0] > 1) scores[0][i] *= 0.001f;
    return scores;
  }
};

TEST_F(PolicyWins, APolicyThatKnowsMoreWins) {
  const PolicyChoice choice = choose({{plan::PolicyKind::learned, knowing()}});
  EXPECT_EQ(choice.policy, plan::PolicyKind::learned);
  EXPECT_GT(choice.gains[0].points, 1);
  EXPECT_EQ(to_json(choice)["chosen"], "learned");
}

TEST_F(PolicyWins, ScoresNeedBeComparableWithinAFoldOnly) {
  ExitScores shifted = knowing();
  for (std::size_t i = 0; i < shifted[0].size(); ++i) shifted[0][i] += static_cast<float>(2 * folds[i]);
  EXPECT_NEAR(choose({{plan::PolicyKind::learned, shifted}}).gains[0].points,
              choose({{plan::PolicyKind::learned, knowing()}}).gains[0].points, 0.1);
}

TEST_F(PolicyWins, ConfidenceStaysWhereNothingWins) {
  ExitScores noisy = plain.scores;
  Rng rng(3);
  for (float& score : noisy[0]) score += static_cast<float>(0.2 * rng.normal());
  const PolicyChoice choice = choose({{plan::PolicyKind::learned, noisy}, {plan::PolicyKind::margin, plain.scores}});
  EXPECT_EQ(choice.policy, plan::PolicyKind::confidence);
  EXPECT_LT(choice.gains[0].points, 0);
  EXPECT_EQ(choice.gains[1].points, 0);
  EXPECT_FALSE(choice.gains[1].wins);
}

TEST_F(PolicyWins, OfTwoThatWinTheBetterIsTaken) {
  ExitScores half = plain.scores;
  const ExitScores all = knowing();
  for (std::size_t i = 0; i < half[0].size(); i += 2) half[0][i] = all[0][i];
  const PolicyChoice choice = choose({{plan::PolicyKind::entropy, half}, {plan::PolicyKind::learned, all}});
  EXPECT_TRUE(choice.gains[0].wins);
  EXPECT_EQ(choice.policy, plan::PolicyKind::learned);
}

TEST(PairedGain, ByHand) {
  const Verdicts verdicts{{}, {{1, 0, 0, 1}, {1, 1, 0, 0}}};
  const PolicyGain gain =
      paired_gain(verdicts, std::vector<std::uint8_t>{0, 1, 0, 0}, std::vector<std::uint8_t>{0, 0, 1, 0});
  EXPECT_DOUBLE_EQ(gain.points, 25);
  EXPECT_DOUBLE_EQ(gain.error, 25);  // of 100, 0, 0, 0
  EXPECT_FALSE(gain.wins);
}

}  // namespace
}  // namespace triage::route
