#include "search/evolve/joint_search.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/test_support.h"
#include "search/search_test_support.h"
#include "search/solve/router_fit.h"

namespace triage::search {
namespace {

SearchOptions small_options() {
  SearchOptions options = fake_search_options();
  options.max_subnets = 60;
  options.sweep_every = 4;
  return options;
}

// All that one process of a search holds.
struct Worker {
  FakeAnswers source;
  NetPool pool;
  FakeCosts costs;
  Evaluator evaluator;
  Study study;
  JointSearch search;

  Worker(const fs::path& location, const SearchOptions& options, const cost::Budgets& budgets = {})
      : source(options.structures.spaces, 150),
        pool(source, options.structures.spaces),
        evaluator(pool, costs, {.classes = 4, .budgets = budgets, .levels = 32}),
        study(location.string(), "test", to_json(options)),
        search(prepare(*this, options)) {}

  static JointSearch prepare(Worker& worker, const SearchOptions& options) {
    for (const family::ArchSpec& subnet : JointSearch::initial_subnets(options)) worker.pool.add(subnet);
    return {worker.study, worker.evaluator, options};
  }
};

std::vector<std::string> genomes(const Study& study) {
  std::vector<std::string> all;
  for (const Trial& trial : study.trials_after(0)) all.push_back(std::format("{} {}", trial.batch, trial.genome));
  return all;
}

TEST(JointSearch, IsRefusedByEnergyWhereNoneIsMeasured) {
  const SearchOptions options = small_options();
  FakeAnswers source(options.structures.spaces, 10);
  NetPool pool(source, options.structures.spaces);
  const FakeCosts costs;
  const auto refusal = [&](const EvaluatorOptions& wanted) {
    return error_of([&] { const Evaluator evaluator(pool, costs, wanted); });
  };
  EXPECT_EQ(refusal({.classes = 4, .axis = cost::CostAxis::energy}),
            "search by energy (the axis): expected costs with measured energy, found none");
  EXPECT_EQ(refusal({.classes = 4, .budgets = {.mean_energy_uj = 50}}),
            "search by energy (budget mean_energy_uj): expected costs with measured energy, found none");
  EXPECT_EQ(refusal({.classes = 4}), "no error");
}

TEST(JointSearch, GetsBetterAndEndsWhenItNoLongerDoes) {
  const TempDir dir;
  SearchOptions options = small_options();
  options.patience = 6;
  Worker worker(dir / "study.sqlite", options);
  SearchStatus status;
  double first = 0;
  while (!(status = worker.search.status()).done && status.batches < 200) {
    worker.search.run_batch();
    if (first == 0) first = worker.search.status().hypervolume;
  }
  EXPECT_EQ(status.why, "settled");
  EXPECT_GT(status.hypervolume, first);
  EXPECT_LE(status.subnets, 60u);
  EXPECT_LE(worker.source.asked, 60u);
  const Front front = worker.search.front();
  ASSERT_GT(front.points.size(), 5u);
  for (std::size_t i = 1; i < front.points.size(); ++i) {
    EXPECT_GT(front.points[i].accuracy, front.points[i - 1].accuracy);
    EXPECT_GT(front.points[i].cost.mean_latency_us, front.points[i - 1].cost.mean_latency_us);
  }
  EXPECT_TRUE(std::ranges::any_of(front.points, [](const FrontPoint& point) { return point.genome.stages() > 1; }));
  // The front is all that the search counted, but for cheaper points of a level that has a more accurate one: none is
  // lost on the way.
  std::vector<CostAccuracy> points;
  for (const FrontPoint& point : front.points) points.push_back({point.cost.mean_latency_us, point.accuracy});
  const threshold::CostLevels& levels = worker.evaluator.levels();
  const double reference = worker.pool.get(options.structures.spaces[0].space->smallest()).accuracy;
  EXPECT_GT(hypervolume(points, levels.upper(0), levels.upper(levels.size() - 1), reference),
            0.99 * status.hypervolume);
  for (const FrontPoint& single : front.singles) {  // no net alone beats the front, up to the width of a level
    EXPECT_TRUE(std::ranges::any_of(front.points, [&](const FrontPoint& point) {
      return point.cost.mean_latency_us <= 1.3 * single.cost.mean_latency_us && point.accuracy >= single.accuracy;
    })) << single.genome.text();
  }
}

// As written before there were several spaces: studies of then go on.
TEST(SearchOptions, OfOneSpaceAreTheTextThatTheyWere) {
  EXPECT_EQ(to_json(small_options()).dump(),
            R"({"space":"4:8:4-8:16:8-8:32:8,8:32:8?-16:64:16,16:64:16?","exits":[1,2,3],)"
            R"("policies":["confidence","learned"],"precisions":["fp32"],"most_stages":3,"early_exits":true,)"
            R"("cascades":true,"seed":1,"random":false,"initial_subnets":20,"most_subnets":60,"new_subnets":4,)"
            R"("batch":40,"population":40,"sweep_every":4,"sweep_keep":2})");
}

TEST(JointSearch, NetsOfSeveralFamiliesAreSearchedTogether) {
  const TempDir dir;
  SearchOptions options = small_options();
  options.initial_subnets = 30;
  options.structures.spaces.push_back(
      {family::AnySpace::parse("residual:4:8:4-4:8:4-8:16:8x1,x1?/2-16:32:8/2"), {1, 2}});
  options.structures.spaces.push_back(
      {family::AnySpace::parse("mbconv:8/2-8e1-16:24:8k3:5:2e2:4:1x1,k3:5:2e2?-c32"), {1}});
  EXPECT_EQ(to_json(options)["spaces"].size(), 3u);
  const std::vector<family::ArchSpec> initial = JointSearch::initial_subnets(options);
  for (const char* family : {"plain", "residual", "mbconv"})
    EXPECT_EQ(std::ranges::count(initial, family, &family::ArchSpec::family), 10) << family;
  Worker whole(dir / "whole.sqlite", options);
  for (int i = 0; i < 6; ++i) whole.search.run_batch();
  std::set<std::string> alone, together;
  for (const Trial& trial : whole.study.trials_after(0)) {
    const Genome genome = Genome::parse(trial.genome);
    options.structures.check(genome);
    std::set<std::string> of;
    for (const Net& leg : genome.nets) of.insert(leg.arch.family);
    (of.size() == 1 ? alone : together).insert(*of.begin() + " " + *of.rbegin());
  }
  EXPECT_EQ(alone.size(), 3u);
  EXPECT_EQ(together.size(), 3u);
  std::set<std::string> singles;
  for (const FrontPoint& single : whole.search.front().singles) singles.insert(single.genome.nets[0].arch.family);
  EXPECT_EQ(singles.size(), 3u);
  for (int part = 0; part < 3; ++part) {
    Worker worker(dir / "parts.sqlite", options);
    for (int i = 0; i < 2; ++i) worker.search.run_batch();
  }
  EXPECT_EQ(genomes(Worker(dir / "parts.sqlite", options).study), genomes(whole.study));
}

TEST(JointSearch, StoppedAndStartedAgainTakesTheSameWay) {
  const TempDir dir;
  const SearchOptions options = small_options();
  Worker whole(dir / "whole.sqlite", options);
  for (int i = 0; i < 9; ++i) whole.search.run_batch();
  for (int part = 0; part < 3; ++part) {
    Worker worker(dir / "parts.sqlite", options);
    for (int i = 0; i < 3; ++i) worker.search.run_batch();
  }
  const Worker parts(dir / "parts.sqlite", options);
  EXPECT_EQ(genomes(parts.study), genomes(whole.study));
  EXPECT_GT(genomes(whole.study).size(), 200u);
}

TEST(JointSearch, AStopBetweenBatchesKeepsThem) {
  const TempDir dir;
  std::atomic<bool> stop = false;
  SearchOptions options = small_options();
  options.max_trials = 100'000;
  options.stop = StopToken(stop);
  Worker worker(dir / "study.sqlite", options);
  std::uint64_t trials = 0;
  EXPECT_THROW(search_all_trials(worker.study, worker.evaluator, options,
                                 [&](std::uint64_t done) {
                                   trials = done;
                                   stop = true;
                                 }),
               Interrupted);
  EXPECT_GT(trials, 0u);
  Study again((dir / "study.sqlite").string(), "test", to_json(options));
  EXPECT_EQ(again.size(), trials);
  EXPECT_EQ(again.history().size(), 1u);
}

TEST(JointSearch, TwoWorkersShareAStudy) {
  const TempDir dir;
  const SearchOptions options = small_options();
  Worker a(dir / "study.sqlite", options), b(dir / "study.sqlite", options);
  for (int i = 0; i < 4; ++i) {
    a.search.run_batch();
    b.search.run_batch();
  }
  EXPECT_EQ(a.search.status().batches, 8u);
  EXPECT_EQ(a.search.status().hypervolume, b.search.status().hypervolume);
  EXPECT_EQ(to_json(a.search.front()), to_json(b.search.front()));
}

TEST(JointSearch, NeverOffersAPlanThatBreaksABudget) {
  const TempDir dir;
  const cost::Budgets budgets{.p90_latency_us = 150, .mean_macs = 1e6, .model_kb = 120};
  Worker worker(dir / "study.sqlite", small_options(), budgets);
  for (int i = 0; i < 6; ++i) worker.search.run_batch();
  const Front front = worker.search.front();
  ASSERT_FALSE(front.points.empty());
  for (const FrontPoint& point : front.points) EXPECT_EQ(violation(point.cost, budgets), 0) << point.genome.text();
  EXPECT_FALSE(front.infeasible.empty());
  for (const FrontPoint& point : front.infeasible) EXPECT_GT(violation(point.cost, budgets), 0);
}

TEST(JointSearch, AnImpossibleBudgetNamesTheClosestPlan) {
  const TempDir dir;
  Worker worker(dir / "study.sqlite", small_options(), {.mean_latency_us = 1});
  worker.search.run_batch();
  const Front front = worker.search.front();
  EXPECT_TRUE(front.points.empty());
  const std::string error = error_of([&] { knee_of(front); });
  EXPECT_TRUE(error.starts_with("no plan keeps the budgets: the closest one, '")) << error;
  EXPECT_NE(error.find("needs mean latency "), std::string::npos) << error;
}

TEST(Front, FileGoesThereAndBack) {
  const TempDir dir;
  Worker worker(dir / "study.sqlite", small_options(), {.p90_latency_us = 80});
  worker.search.run_batch();
  const Front front = worker.search.front();
  save_front(dir / "front.json", front);
  EXPECT_EQ(to_json(load_front(dir / "front.json")), to_json(front));
  const Damage found = damage(dir / "front.json", 100, [&] { return to_json(load_front(dir / "front.json")).dump(); });
  EXPECT_EQ(found.taken, std::vector<std::string>());
  EXPECT_GT(found.refused, 50);
  const FrontPoint& some = front.points[front.points.size() / 2];
  EXPECT_EQ(most_accurate_below(front, cost::CostAxis::latency, some.cost.mean_latency_us).accuracy, some.accuracy);
  EXPECT_EQ(cheapest_above(front, some.accuracy).accuracy, some.accuracy);
  EXPECT_TRUE(error_of([&] {
                most_accurate_below(front, cost::CostAxis::latency, 0.1);
              }).starts_with("no plan of the front has a mean latency of at most 0.1: "));
  EXPECT_TRUE(error_of([&] { cheapest_above(front, 1); }).starts_with("no plan of the front has 100.00 % "));
  Json broken = to_json(front);
  broken["points"][0]["reach"] = Json::array();
  EXPECT_EQ(error_of([&] { front_from_json(broken, "front.json"); }).substr(0, 27), "front.json: points[0].reach");
}

TEST(RouterFit, LearnsWhatConfidenceDoesNotShow) {
  // Where the margin is small the big net helps, whatever the confidence.
  ExitNet exit{.name = "made up"};
  std::vector<std::uint8_t> last;
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    const auto confidence = static_cast<float>(rng.uniform()), margin = static_cast<float>(rng.uniform());
    const bool helps = margin < 0.3F;
    for (SplitEvidence* split : {&exit.route, &exit.validation}) {
      split->seen.push_back({confidence, 0.5F, margin});
      split->correct.push_back(!helps);
    }
    last.push_back(1);
  }
  const std::vector<float> scores = fit_router_scores(exit, last);
  int agree = 0;
  std::vector<float> sorted = scores;
  std::ranges::sort(sorted, std::ranges::greater{});
  const float cut = sorted[600];
  for (std::size_t i = 0; i < scores.size(); ++i) agree += (scores[i] > cut) == !exit.validation.correct[i];
  EXPECT_GT(agree, 1900);
}

}  // namespace
}  // namespace triage::search
