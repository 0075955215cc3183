#include "workflow/study/ablation.h"

#include <algorithm>

#include "core/files/new_files.h"
#include "core/progress.h"
#include "search/evolve/ablation.h"

namespace triage::workflow {
namespace {

constexpr double kOfInterest =
    0.15;  // share of accuracy: plans farther below the best one are not run on the test split

TestedSeed ablate_seed(SearchRun& opened, search::Evaluator& test, std::uint64_t trials, std::uint64_t seed) {
  search::AblationOptions options{.search = opened.config.options, .hand_picked = opened.config.hand_picked};
  options.search.seed = seed;
  options.search.max_trials = trials;
  opened.score_initial(options.search);
  const fs::path directory = opened.run / "ablation";
  fs::create_directories(directory);
  const auto open = [&](const std::string& method, const Json& search) {
    std::string file = std::format("{}_{}.sqlite", method, seed);
    std::ranges::replace(file, ' ', '_');
    return search::Study((directory / file).string(), opened.config.name, opened.identity(search));
  };
  std::optional<Progress> progress;
  std::string shown;
  std::vector<search::Contender> contenders =
      search::ablate(opened.evaluator, options, open, [&](const std::string& method, std::uint64_t done) {
        if (shown != method)
          progress.emplace(opened.context, std::format("seed {} {}", seed, method), options.search.max_trials,
                           "trials");
        shown = method;
        progress->update(done);
      });
  progress.reset();
  double best = 0;
  std::size_t plans = 0;
  for (search::Contender& contender : contenders) {
    for (const search::FrontPoint& point : contender.points) best = std::max(best, point.accuracy);
  }
  for (search::Contender& contender : contenders) {
    std::erase_if(contender.points, [&](const auto& point) { return point.accuracy < best - kOfInterest; });
    plans += contender.points.size();
  }
  Progress testing(opened.context, std::format("seed {} on the test split", seed), plans, "plans");
  TestedSeed tested;
  std::size_t done = 0;
  for (search::Contender& contender : contenders) {
    TestedMethod& method = tested.emplace_back(contender.name, contender.says);
    for (search::FrontPoint& point : contender.points) {
      search::PlanRun run = test.run(point.genome, point.thresholds);
      method.plans.push_back({std::move(point), std::move(run)});
      testing.update(++done);
      if (opened.context.stop.requested()) throw Interrupted("stopped; the same command goes on from here");
    }
  }
  testing.finish();
  return tested;
}

}  // namespace

AblationFiles run_ablation(SearchRun& opened, const AblationRequest& request) {
  SupernetAnswers answers(opened.supernets, opened.fixed, "test");
  search::NetPool pool(answers, opened.config.options.structures.spaces);
  search::Evaluator test(pool, opened.costs, opened.evaluator_options());
  Comparison all{.axis = opened.config.axis, .seeds = {}, .budgets = {}};
  for (int i = 0; i < request.seeds; ++i)
    all.seeds.push_back(
        ablate_seed(opened, test, request.trials, opened.config.options.seed + static_cast<std::uint64_t>(i)));
  all.budgets = budgets_of(all.seeds, all.axis, opened.evaluator.levels());
  AblationFiles done{.comparison = std::move(all), .written = {}};
  done.written = to_json(done.comparison);
  NewFiles files(opened.run, "ablation");
  write_json(files.path() / "ablation.json", done.written);
  draw_ablation(done.comparison, files.path() / "ablation.png");
  files.commit();
  return done;
}

}  // namespace triage::workflow
