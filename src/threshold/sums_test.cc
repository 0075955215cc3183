// Everything here is held to one definition, a loop over images and exits as the runtime makes it.
#include "threshold/sums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/rng.h"
#include "core/test_support.h"
#include "threshold/pair_curves.h"

namespace triage::threshold {
namespace {

struct Cascade {
  std::vector<std::vector<std::uint8_t>> correct;  // [stages][images]
  std::vector<std::vector<float>> scores;          // [exits][images], with many ties
  std::vector<int> weights;

  Cascade(std::size_t stages, std::size_t images, std::uint64_t seed) {
    Rng rng(seed);
    for (std::size_t s = 0; s < stages; ++s) {
      for (auto& one : correct.emplace_back(images)) one = rng.uniform() < 0.5 + 0.1 * static_cast<double>(s);
      if (s + 1 == stages) break;
      for (auto& one : scores.emplace_back(images)) one = static_cast<float>(rng.below(6)) / 5;  // 0 and 1 included
    }
    for (std::size_t i = 0; i < images; ++i) weights.push_back(static_cast<int>(rng.below(4)));
  }

  struct Run {
    int correct = 0;           // sum of weights
    std::vector<int> reached;  // [stages] sums of weights
    bool operator==(const Run&) const = default;
  };
  Run run(const std::vector<double>& thresholds, bool weighted) const {
    Run out{0, std::vector<int>(correct.size())};
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const int weight = weighted ? weights[i] : 1;
      std::size_t stage = 0;
      out.reached[0] += weight;
      while (stage < thresholds.size() && scores[stage][i] > thresholds[stage]) out.reached[++stage] += weight;
      out.correct += weight * correct[stage][i];
    }
    return out;
  }
  int first_correct(bool weighted) const {
    return run(std::vector<double>(scores.size(), kEscalateNone), weighted).correct;
  }
};

TEST(SumsProperty, ASweepHasEveryThresholdOfOneExit) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Cascade cascade(2, 1 + seed, seed);
    const auto ranking = rank_images<std::uint16_t>(cascade.scores[0]);
    const bool weighted = seed % 2 == 1;
    const auto weight = [&](std::size_t i) { return weighted ? cascade.weights[i] : 1; };
    std::size_t settings = 0;
    sweep_thresholds(
        ranking, cascade.first_correct(weighted),
        [&](std::size_t i) { return weight(i) * (cascade.correct[1][i] - cascade.correct[0][i]); }, weight,
        [&](std::size_t escalated, double correct, double gone) {
          const double threshold = threshold_after(ranking, escalated);
          const Cascade::Run truth = cascade.run({threshold}, weighted);
          EXPECT_EQ(correct, truth.correct) << "seed " << seed << " threshold " << threshold;
          EXPECT_EQ(gone, truth.reached[1]);
          EXPECT_EQ(static_cast<int>(escalated), cascade.run({threshold}, false).reached[1]);
          ++settings;
        });
    EXPECT_EQ(settings, std::set<float>(cascade.scores[0].begin(), cascade.scores[0].end()).size() + 1);
  }
}

TEST(SumsProperty, AGridHasEveryCombination) {
  const std::vector<double> thresholds{kEscalateAll, 0.1, 0.5, 0.7, kEscalateNone};
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Cascade cascade(2 + seed % 3, 1 + 2 * seed, seed);
    const bool weighted = seed % 2 == 1;
    const std::size_t exits = cascade.scores.size();
    std::vector<std::vector<std::uint16_t>> cells(exits);
    for (std::size_t e = 0; e < exits; ++e) {
      for (const float score : cascade.scores[e])
        cells[e].push_back(
            static_cast<std::uint16_t>(std::ranges::count_if(thresholds, [&](double t) { return t < score; })));
    }
    const auto weight = [&](std::size_t i) { return weighted ? cascade.weights[i] : 1; };
    const auto gain = [&](std::size_t e, std::size_t i) {
      return weight(i) * (cascade.correct[e + 1][i] - cascade.correct[e][i]);
    };
    const std::vector<std::size_t> sizes(exits, thresholds.size());
    const auto whole = grid_sums<int>(sizes, cells, gain, weight);
    const auto real = grid_sums<double>(sizes, cells, gain, weight);
    ASSERT_EQ(whole.size(), exits);
    std::vector<std::size_t> at(exits, 0);
    for (bool more = true; more;) {
      std::vector<double> chosen;
      Cascade::Run found{cascade.first_correct(weighted), cascade.run({}, weighted).reached};
      for (std::size_t e = 0, index = 0; e < exits; ++e) {
        chosen.push_back(thresholds[at[e]]);
        index = index * thresholds.size() + at[e];
        found.correct += whole[e].gain[index];
        found.reached[e + 1] = whole[e].count[index];
        EXPECT_EQ(real[e].gain[index], whole[e].gain[index]);
        EXPECT_EQ(real[e].count[index], whole[e].count[index]);
      }
      EXPECT_EQ(found, cascade.run(chosen, weighted)) << testing::PrintToString(chosen) << " seed " << seed;
      more = false;
      for (std::size_t e = exits; e-- > 0 && !more;) more = ++at[e] < thresholds.size() || (at[e] = 0);
    }
  }
}

// An image that is below every threshold of a grid never goes on, and no later stage counts it.
TEST(Sums, CellZeroStays) {
  const std::vector<std::vector<std::uint16_t>> cells{{0, 1}, {1, 1}};
  const auto one = [](auto...) { return 1; };
  const auto sums = grid_sums<int>(std::vector<std::size_t>{1, 1}, cells, one, one);
  EXPECT_THAT(sums[0].count, testing::ElementsAre(1));
  EXPECT_THAT(sums[1].gain, testing::ElementsAre(1));
}

TEST(PairCurvesProperty, EveryLaneIsTheUpperEnvelopeOfItsSweep) {
  for (const std::size_t lanes : {std::size_t{1}, std::size_t{5}, kLanes}) {
    constexpr std::size_t kImages = 90;
    const Cascade first(2, kImages, lanes);
    const auto ranking = rank_images<std::uint16_t>(first.scores[0]);
    std::vector<Cascade> pairs;  // the same first stage, other second ones
    std::vector<std::span<const std::uint8_t>> verdicts;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      pairs.push_back(first);
      pairs.back().correct[1] = Cascade(2, kImages, 100 + lane).correct[1];
    }
    for (const Cascade& pair : pairs) verdicts.emplace_back(pair.correct[1]);
    PairCurves<std::uint16_t> curves(kImages);
    curves.compute(ranking, first.correct[0], VerdictBlock(verdicts, kImages));
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      int best = 0;
      for (std::size_t k = 0; k <= kImages; ++k) {
        // Of the thresholds that send on k or fewer the highest comes last.
        if (k == 0 || ranking.group_end[k - 1])
          best = std::max(best, pairs[lane].run({threshold_after(ranking, k)}, false).correct);
        EXPECT_EQ(curves.correct(k, lane), best) << "lane " << lane << " of " << lanes << ", " << k;
      }
    }
  }
}

// More images than 16 bits count, nearly all labelled correctly.
TEST(PairCurves, CountMoreThan65535Images) {
  constexpr std::size_t kImages = 70'001;
  const CompactRanking compact = rank_compactly(std::vector<float>(kImages, 0.5f));
  const auto& ranking = std::get<Ranking<std::uint32_t>>(compact);
  EXPECT_EQ(scores(compact).size(), kImages);
  EXPECT_EQ(threshold_after(compact, kImages), kEscalateAll);
  const std::vector<std::uint8_t> all(kImages, 1), none(kImages, 0);
  std::vector<std::uint8_t> but_one = all;
  but_one[69'999] = 0;
  PairCurves<std::uint32_t> curves(kImages);
  curves.compute(ranking, but_one, VerdictBlock(std::vector<std::span<const std::uint8_t>>{all, none}, kImages));
  EXPECT_EQ(curves.correct(0, 0), kImages - 1);
  EXPECT_EQ(curves.correct(kImages, 0), kImages);
  EXPECT_EQ(curves.correct(kImages, 1), kImages - 1);
  EXPECT_TRUE(std::holds_alternative<Ranking<std::uint16_t>>(rank_compactly(std::vector<float>(65'535))));
}

TEST(PairCurves, ABlockTakesSixtyFourNetsOfTheSameImages) {
  const std::vector<std::uint8_t> verdicts(3);
  const std::vector<std::span<const std::uint8_t>> many(kLanes + 1, verdicts);
  EXPECT_EQ(error_of([&] { VerdictBlock(many, 3); }), "verdicts: expected at most 64 nets, found 65");
  EXPECT_EQ(error_of([&] { VerdictBlock(std::span(many).first(2), 4); }), "verdicts of net 0: expected 4, found 3");
}

TEST(Ranking, ByHand) {
  const auto ranking = rank_images<std::uint16_t>({0.5f, 0.25f, 1, 0.5f});
  EXPECT_THAT(ranking.order, testing::ElementsAre(2, 0, 3, 1));
  EXPECT_THAT(ranking.group_end, testing::ElementsAre(1, 0, 1, 1));
  EXPECT_THAT(ranking.below, testing::ElementsAre(1, 0, 3, 1));
  EXPECT_EQ(threshold_after(ranking, 0), kEscalateNone);
  EXPECT_EQ(threshold_after(ranking, 1), 0.75);
  EXPECT_EQ(threshold_after(ranking, 3), 0.375);
  EXPECT_EQ(threshold_after(ranking, 4), kEscalateAll);
  EXPECT_EQ(error_of([] { rank_images<std::uint16_t>(std::vector<float>(65536)); }),
            "ranking: expected at most 65535 images, found 65536");
  EXPECT_EQ(rank_images<std::uint32_t>(std::vector<float>(65536)).group_end.back(), 1);
}

}  // namespace
}  // namespace triage::threshold
