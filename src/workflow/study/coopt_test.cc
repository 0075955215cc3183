#include "workflow/study/coopt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "search/search_test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;

// Two searches under costs of their own, on a made-up supernet.
class Bench {
 public:
  Bench() {
    base.max_trials = 1;  // replaced by the request's
    base.new_subnets = 4;
    for (const family::ArchSpec& subnet : search::JointSearch::initial_subnets(base)) pool_.add(subnet);
  }
  Coopt run(const CooptRequest& request) {
    const std::vector<CooptModel> models{{"cpu", &cheap_fine_}, {"compiled-untuned", &dear_fine_}};
    return coopt_searches(request, models, base, cost::CostAxis::latency, [&](const search::SearchOptions& options) {
      asked.push_back(options);
      return std::vector{search(cheap_, options), search(dear_, options)};
    });
  }
  static CooptRequest request() {
    return {.costs = {"cpu", "compiled-untuned"}, .deployed = "compiled-untuned", .at = {}, .seeds = 2, .trials = 120};
  }

  search::SearchOptions base = search::fake_search_options();
  std::vector<search::SearchOptions> asked;

 private:
  static search::Front search(const search::Evaluator& evaluator, const search::SearchOptions& options) {
    const TempDir dir;
    search::Study study((dir / "study.sqlite").string(), "coopt", Json::object());
    return search::search_all_trials(study, evaluator, options, [](std::uint64_t) {});
  }
  search::FakeAnswers source_{base.structures.spaces, 200};
  search::NetPool pool_{source_, base.structures.spaces};
  search::BentCosts flat_{0.3}, steep_{1.2};
  search::EvaluatorOptions at_{.classes = 4, .levels = 32},
      fine_at_{.classes = 4, .levels = search::kRegretLevels, .lowest = search::kRegretLowest};
  search::Evaluator cheap_{pool_, flat_, at_}, dear_{pool_, steep_, at_};
  search::Evaluator cheap_fine_{pool_, flat_, fine_at_}, dear_fine_{pool_, steep_, fine_at_};
};

TEST(CooptRequest, HasAtLeastTwoKnownCostModelsEachOnce) {
  EXPECT_EQ(deployed_of({.costs = {"cpu", "compiled"}, .deployed = "compiled", .at = {}}), 1u);
  const auto refused = [](std::vector<std::string> costs, const std::string& deployed) {
    return error_of([&] { deployed_of({.costs = costs, .deployed = deployed, .at = {}}); });
  };
  EXPECT_EQ(refused({"gpu", "cpu"}, "cpu"),
            "--costs: expected some of cpu, xnnpack, compiled-untuned, compiled, found 'gpu'");
  EXPECT_EQ(refused({"cpu", "cpu"}, "cpu"), "--costs: expected each cost model once, found 'cpu' again");
  EXPECT_EQ(refused({"cpu"}, "cpu"), "--costs: expected at least two cost models, found cpu");
  EXPECT_EQ(refused({"cpu", "xnnpack"}, "compiled"),
            "--deployed: expected one of --costs (cpu, xnnpack), found 'compiled'");
}

TEST(CooptSearches, ARefusedRequestSearchesNothing) {
  Bench bench;
  CooptRequest request = Bench::request();
  request.deployed = "cpus";
  EXPECT_THROW(bench.run(request), UsageError);
  EXPECT_TRUE(bench.asked.empty());
}

TEST(CooptSearches, SeedsFollowTheConfigurationsAndSubnetsStayTheSame) {
  Bench bench;
  bench.base.seed = 7;
  const Coopt coopt = bench.run(Bench::request());
  ASSERT_EQ(bench.asked.size(), 2u);
  EXPECT_EQ(bench.asked[0].seed, 7u);
  EXPECT_EQ(bench.asked[1].seed, 8u);
  for (const search::SearchOptions& options : bench.asked) {
    EXPECT_EQ(options.max_trials, 120u);
    EXPECT_EQ(options.new_subnets, 0u);  // all models choose among the same nets
  }
  EXPECT_EQ(coopt.seeds[1].seed, 8u);
}

TEST(CooptSearches, TheDeployedModelRegretsNothingTheOthersDo) {
  Bench bench;
  const Coopt coopt = bench.run(Bench::request());
  ASSERT_EQ(coopt.curves.size(), 2u);
  EXPECT_EQ(coopt.curves[1].mean_percent.mean, 0);
  EXPECT_EQ(coopt.curves[1].same_structure, 1);
  EXPECT_GT(coopt.curves[0].at[coopt.curves[0].largest].regret_percent.mean, 0);
  for (const CooptSeed& seed : coopt.seeds) EXPECT_EQ(seed.grid.size(), coopt.curves[0].at.size());
}

TEST(CooptSearches, TargetsAreThoseAskedForOrAFewOfTheGrid) {
  Bench bench;
  const Coopt usual = bench.run(Bench::request());
  const std::vector<search::RegretLevel>&grid = usual.seeds[0].grid, &targets = usual.seeds[0].targets;
  ASSERT_EQ(targets.size(), 4u);
  EXPECT_EQ(targets.back().accuracy, grid.back().accuracy);
  for (std::size_t i = 1; i < targets.size(); ++i) EXPECT_GT(targets[i].accuracy, targets[i - 1].accuracy);
  CooptRequest request = Bench::request();
  request.at = {grid.front().accuracy};
  const Coopt asked = bench.run(request);
  ASSERT_EQ(asked.seeds[0].targets.size(), 1u);
  EXPECT_EQ(asked.seeds[0].targets[0].accuracy, grid.front().accuracy);
}

TEST(CooptSearches, AnAccuracyThatNotAllReachIsRefused) {
  Bench bench;
  CooptRequest request = Bench::request();
  request.at = {1};
  const std::string said = error_of([&] { bench.run(request); });
  EXPECT_THAT(said, HasSubstr("--at: expected at most"));
  EXPECT_THAT(said, HasSubstr("found 100.0 %"));
}

TEST(CooptResult, JsonHasEveryModelsChoicesAndCurves) {
  Bench bench;
  const Coopt coopt = bench.run(Bench::request());
  const Json json = to_json(coopt);
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["deployed"], "compiled-untuned");
  EXPECT_EQ(json["axis"], "latency");
  ASSERT_EQ(json["seeds"].size(), 2u);
  ASSERT_EQ(json["seeds"][0]["fronts"].size(), 2u);
  EXPECT_TRUE(json["seeds"][0]["fronts"][0]["front"].value("singles", Json::array()).empty());  // left out: large
  EXPECT_EQ(json["seeds"][0]["targets"][0]["choices"][0]["model"], "cpu");
  EXPECT_EQ(json["regret"][0]["largest"]["regret_percent"],
            json["regret"][0]["at"][coopt.curves[0].largest]["regret_percent"]);
}

TEST(CooptResult, FiguresAreOfAllButTheDeployedModelAndTheUsualOneHasNoPrefix) {
  Bench bench;
  const Coopt coopt = bench.run(Bench::request());
  const std::map<std::string, Figure> figures = coopt_figures(coopt);
  EXPECT_EQ(figures.size(), 5u);
  EXPECT_EQ(figures.at("coopt.regret_percent").value, coopt.curves[0].at[coopt.curves[0].largest].regret_percent.mean);
  EXPECT_EQ(figures.at("coopt.regret_percent").n, 2);
  Coopt turned = coopt;
  turned.deployed = 0;
  EXPECT_TRUE(coopt_figures(turned).contains("coopt.compiled_untuned_regret_percent"));
}

}  // namespace
}  // namespace triage::workflow
