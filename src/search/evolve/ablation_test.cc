#include "search/evolve/ablation.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/test_support.h"
#include "search/search_test_support.h"

namespace triage::search {
namespace {

struct Bench {
  SearchOptions options;
  FakeAnswers source;
  NetPool pool;
  FakeCosts costs;
  Evaluator evaluator;

  Bench()
      : options(small()),
        source(options.structures.spaces, 150),
        pool(source, options.structures.spaces),
        evaluator(pool, costs, {.classes = 4, .levels = 32}) {
    for (const family::ArchSpec& subnet : JointSearch::initial_subnets(options)) pool.add(subnet);
  }
  static SearchOptions small() {
    SearchOptions options = fake_search_options();
    options.max_trials = 200;
    return options;
  }
};

TEST(Evaluator, APlanRunAtItsThresholdsIsWhatTheSolverPromised) {
  Bench bench;
  Rng rng(3);
  const Variation variation(bench.options.structures);
  for (int i = 0; i < 40; ++i) {
    const Genome genome = variation.random(rng);
    for (const OperatingPoint& point : bench.evaluator.evaluate(genome)) {
      const PlanRun run = bench.evaluator.run(genome, point.thresholds);
      EXPECT_NEAR(run.point.accuracy, point.accuracy, 1e-12) << genome.text();
      EXPECT_NEAR(run.point.cost, point.cost, 1e-9 * point.cost) << genome.text();
      for (std::size_t j = 0; j < point.reach.size(); ++j) EXPECT_NEAR(run.point.reach[j], point.reach[j], 1e-12);
    }
  }
  EXPECT_EQ(error_of([&] { bench.evaluator.run(Genome::parse("margin: 4-8-8-16 > 8-16-32-64"), {}); }),
            "plan margin: 4-8-8-16 > 8-16-32-64: expected 1 thresholds, found 0");
}

TEST(Ablation, EveryMethodKeepsToItsPartOfTheSpaceAndNoneAsksForAnotherSubnet) {
  const TempDir dir;
  Bench bench;
  const std::size_t asked = bench.source.asked;
  std::map<std::string, std::uint64_t> trials;
  const auto open = [&](const std::string& method, const Json& search) {
    return Study((dir / (method + ".sqlite").c_str()).string(), "ablation", search);
  };
  const auto progress = [&](const std::string& method, std::uint64_t done) { trials[method] = done; };
  const AblationOptions options{.search = bench.options, .hand_picked = {}};
  const std::vector<Contender> contenders = ablate(bench.evaluator, options, open, progress);
  EXPECT_EQ(bench.source.asked, asked);
  const auto of = [&](const std::string& name) -> const Contender& {
    return *std::ranges::find(contenders, name, &Contender::name);
  };
  for (const Contender& contender : contenders) {
    ASSERT_FALSE(contender.points.empty()) << contender.name;
    for (std::size_t i = 1; i < contender.points.size(); ++i) {
      EXPECT_GT(contender.points[i].accuracy, contender.points[i - 1].accuracy);
      EXPECT_GT(contender.points[i].cost.mean_latency_us, contender.points[i - 1].cost.mean_latency_us);
    }
    for (const FrontPoint& point : contender.points) {  // its promise is what the plan does
      EXPECT_NEAR(bench.evaluator.run(point.genome, point.thresholds).point.accuracy, point.accuracy, 1e-12);
    }
  }
  for (const FrontPoint& point : of("cascade only").points)
    for (const Net& leg : point.genome.nets) EXPECT_TRUE(leg.early.empty());
  for (const FrontPoint& point : of("early exits only").points) EXPECT_EQ(point.genome.nets.size(), 1u);
  for (const FrontPoint& point : of("static").points) EXPECT_EQ(point.genome.stages(), 1u);
  std::set<std::string> nets;
  for (const FrontPoint& point : of("independent").points)
    for (const Net& leg : point.genome.nets) nets.insert(leg.arch.text());
  EXPECT_EQ(nets.size(), 2u);
  for (const char* method : {"joint", "random", "cascade only"}) EXPECT_GE(trials[method], 200u) << method;
  // A net alone is a plan of the pairs and of the joint space: neither offers less at any cost, up to a level's width.
  for (const char* method : {"joint", "independent pairs"}) {
    for (const FrontPoint& single : of("static").points) {
      EXPECT_TRUE(std::ranges::any_of(of(method).points,
                                      [&](const FrontPoint& point) {
                                        return point.accuracy >= single.accuracy &&
                                               bench.evaluator.levels().level(point.cost.mean_latency_us) <=
                                                   bench.evaluator.levels().level(single.cost.mean_latency_us);
                                      }))
          << method << " " << single.genome.text();
    }
  }
  // Done studies are found again: nothing is searched a second time.
  const std::vector<Contender> again = ablate(
      bench.evaluator, options, open, [](const std::string&, std::uint64_t) { FAIL() << "a batch was run again"; });
  ASSERT_EQ(again.size(), contenders.size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    ASSERT_EQ(again[i].points.size(), contenders[i].points.size());
    for (std::size_t p = 0; p < again[i].points.size(); ++p)
      EXPECT_EQ(again[i].points[p].genome, contenders[i].points[p].genome);
  }
}

}  // namespace
}  // namespace triage::search
