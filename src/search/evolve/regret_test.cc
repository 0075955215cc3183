#include "search/evolve/regret.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/test_support.h"
#include "search/search_test_support.h"

namespace triage::search {
namespace {

struct RegretBench {
  SearchOptions options;
  FakeAnswers source;
  NetPool pool;
  BentCosts flat{0.3}, steep{1.2};
  EvaluatorOptions at{.classes = 4, .levels = 32},
      fine_at{.classes = 4, .levels = kRegretLevels, .lowest = kRegretLowest};
  Evaluator flat_search{pool, flat, at}, steep_search{pool, steep, at};
  Evaluator flat_fine{pool, flat, fine_at}, steep_fine{pool, steep, fine_at};

  RegretBench()
      : options(few_trials()), source(options.structures.spaces, 250), pool(source, options.structures.spaces) {
    for (const family::ArchSpec& subnet : JointSearch::initial_subnets(options)) pool.add(subnet);
  }
  static SearchOptions few_trials() {
    SearchOptions options = fake_search_options();
    options.max_trials = 200;
    options.new_subnets = 0;
    return options;
  }
  Front search(const Evaluator& evaluator) const {
    const TempDir dir;
    Study study((dir / "study.sqlite").string(), "regret", Json::object());
    return search_all_trials(study, evaluator, options, [](std::uint64_t) {});
  }
};

TEST(Regret, APlanChosenUnderOtherCostsIsDearerAndTheRightOneIsNot) {
  RegretBench bench;
  const std::vector<ModelFront> models{
      {"flat", refined(bench.search(bench.flat_search), bench.flat_fine), &bench.flat_fine},
      {"steep", refined(bench.search(bench.steep_search), bench.steep_fine), &bench.steep_fine}};
  const std::vector<double> grid = accuracy_grid(std::array{&models[0].front, &models[1].front}, 1000, 0.15);
  ASSERT_GT(grid.size(), 20u);
  EXPECT_LE(grid.back() - grid.front(), 0.15 + 1e-9);
  const std::vector<RegretLevel> levels = regrets(models, 1, grid);
  ASSERT_EQ(levels.size(), grid.size());
  for (const RegretLevel& level : levels) {
    const ModelChoice &wrong = level.choices[0], &right = level.choices[1];
    for (const ModelChoice& choice : level.choices) {
      EXPECT_GE(choice.plan.accuracy, level.accuracy);
      const OperatingPoint truth = bench.steep_fine.run(choice.plan.genome, choice.plan.thresholds).point;
      EXPECT_NEAR(truth.accuracy, choice.plan.accuracy, 1e-12);
      EXPECT_DOUBLE_EQ(truth.cost, choice.cost);
      ASSERT_TRUE(choice.resolved);
      EXPECT_GE(choice.resolved->accuracy, level.accuracy);
      EXPECT_LE(choice.resolved->cost, choice.cost * 1.01);  // up to a level's width
    }
    EXPECT_NEAR(right.predicted, right.cost, 1e-9 * right.cost);
    EXPECT_EQ(right.regret_percent, 0);
    EXPECT_NEAR(wrong.regret_percent, 100 * (wrong.cost / right.cost - 1), 1e-9);
    EXPECT_NEAR(wrong.promise_percent, 100 * (wrong.predicted / wrong.cost - 1), 1e-9);
    EXPECT_LE(wrong.structure_percent, wrong.regret_percent + 1);
  }
  const RegretCurve curve = regret_curve(std::array{levels, levels}, 0, 1);
  ASSERT_EQ(curve.at.size(), grid.size());
  const RegretMean& largest = curve.at[curve.largest];
  EXPECT_GT(largest.regret_percent.mean, 5);  // flat costs make large nets look cheap
  for (const RegretMean& at : curve.at) EXPECT_LE(at.regret_percent.mean, largest.regret_percent.mean);
  EXPECT_NEAR(largest.regret_percent.interval->low, largest.regret_percent.interval->high, 1e-9);  // equal seeds
  EXPECT_LT(curve.same_structure, 1);
  const RegretCurve itself = regret_curve(std::array{levels}, 1, 1);
  EXPECT_EQ(itself.same_structure, 1);
  EXPECT_EQ(itself.mean_percent.mean, 0);
  EXPECT_FALSE(itself.mean_percent.interval);
}

TEST(Regret, EqualCostsHaveNone) {
  RegretBench bench;
  const Front front = refined(bench.search(bench.steep_search), bench.steep_fine);
  const std::vector<ModelFront> models{{"a", front, &bench.steep_fine}, {"b", front, &bench.steep_fine}};
  const std::vector<double> grid = accuracy_grid(std::array{&front}, 500, 1);
  const RegretCurve curve = regret_curve(std::array{regrets(models, 0, grid)}, 1, 0);
  EXPECT_EQ(curve.mean_percent.mean, 0);
  EXPECT_EQ(curve.same_structure, 1);
}

TEST(Regret, ThresholdsOfARefinedFrontLieCloser) {
  RegretBench bench;
  const Front coarse = bench.search(bench.steep_search), fine = refined(coarse, bench.steep_fine);
  EXPECT_GT(fine.points.size(), coarse.points.size());
  for (const FrontPoint& point : coarse.points) {  // it offers no less
    EXPECT_LE(cheapest_above(fine, point.accuracy).cost.mean_latency_us, point.cost.mean_latency_us * 1.005);
  }
  for (std::size_t i = 1; i < fine.points.size(); ++i) {
    EXPECT_GT(fine.points[i].accuracy, fine.points[i - 1].accuracy);
    EXPECT_GT(fine.points[i].cost.mean_latency_us, fine.points[i - 1].cost.mean_latency_us);
  }
}

// Of all points below the first level the most accurate one would be kept, whatever it costs.
TEST(Regret, PlansCheaperThanTheSmallestExitHaveLevelsToo) {
  class Odd : public cost::CostModel {
   public:
    cost::StageCost stage(const cost::Segment& stage) const override {
      const std::string text = stage.text();
      return {.latency_us = text == "4-8-8-16" ? 30.0 : text == "8-16-32,32-64,64" ? 40.0 : 100.0};
    }
    Json identity() const override { return "odd"; }
  } odd;
  RegretBench bench;
  const Evaluator fine(bench.pool, odd, bench.fine_at);
  const Front pair{.points = {FrontPoint{.genome = Genome::parse("margin: 4-8-8-16 > 8-16-32,32-64,64")}}};
  EXPECT_GT(refined(pair, fine).points.size(), 20u);
}

TEST(Regret, AStructureThatBreaksADeployedBudgetHasNoThresholds) {
  RegretBench bench;
  const Genome large = Genome::parse("margin: 8-16-32,32-64,64"), small = Genome::parse("margin: 4-8-8-16");
  EvaluatorOptions tight = bench.fine_at;
  tight.budgets.worst_latency_us = 1.1 * bench.steep_fine.stage_costs(small)[0].cost.latency_us;
  const Evaluator deployed(bench.pool, bench.steep, tight);
  const auto front_of = [](Genome genome, const Evaluator& evaluator) {
    return refined(Front{.points = {FrontPoint{.genome = std::move(genome)}}}, evaluator);
  };
  const std::vector<ModelFront> models{{"wrong", front_of(large, bench.flat_fine), &bench.flat_fine},
                                       {"right", front_of(small, deployed), &deployed}};
  const ModelChoice wrong = regrets(models, 1, std::array{0.1})[0].choices[0];
  EXPECT_GT(wrong.violation, 0);
  EXPECT_FALSE(wrong.resolved);
  EXPECT_EQ(wrong.structure_percent, wrong.regret_percent);
}

TEST(Regret, RefusesWhatCannotBeCompared) {
  RegretBench bench, other;
  const Front front{.points = {FrontPoint{.genome = Genome::parse("margin: 4-8-8-16"), .accuracy = 0.5}}};
  const ModelFront a{"a", front, &bench.flat_fine}, b{"b", front, &bench.steep_fine}, c{"c", front, &other.flat_fine};
  const std::array at{0.4};
  EXPECT_EQ(error_of([&] { regrets(std::array{a}, 0, at); }), "regret: expected at least two cost models, found 1");
  EXPECT_EQ(error_of([&] { regrets(std::array{a, b}, 2, at); }),
            "regret: deployed: expected one of 2 cost models, found 2");
  EXPECT_EQ(error_of([&] { regrets(std::array{a, c}, 0, at); }),
            "regret: 'a' and 'c': expected costs of the same answers, found two pools");
  EXPECT_TRUE(error_of([&] { regrets(std::array{a, b}, 0, std::array{0.6}); }).starts_with("no plan of the front has"));
  EXPECT_EQ(error_of([&] { accuracy_grid(std::array{&front, &front}, 3, 1); }),
            "regret: expected an accuracy that all fronts offer, found 50.00 % as the least and 50.00 % as the most");
}

}  // namespace
}  // namespace triage::search
