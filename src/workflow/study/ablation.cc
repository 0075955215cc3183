// Map: ablate_seed (one seed's contenders, their plans run on the test split); Comparison, against (methods at
// equal budgets and at equal accuracy); run_ablation (table, picture, figures).
#include "workflow/study/ablation.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "core/files/new_files.h"
#include "core/progress.h"
#include "core/statistics/statistics.h"
#include "core/system/machine.h"
#include "report/front.h"
#include "search/evolve/ablation.h"
#include "threshold/choose.h"

namespace triage::workflow {
namespace {

// Shares of accuracy: plans farther below the best one are not run on the test split; methods are compared where the
// other one is this near to its own best.
constexpr double kOfInterest = 0.15, kWorthBuying = 0.05;
constexpr int kBootstrapRounds = 2000;

struct Tested {  // a plan chosen on the validation split
  search::FrontPoint plan;
  search::PlanRun test;
};
struct Method {
  std::string name, says;
  std::vector<Tested> plans;
};
using Seed = std::vector<Method>;  // all methods, in the same order for every seed

Seed ablate_seed(SearchRun& opened, search::Evaluator& test, std::uint64_t trials, std::uint64_t seed) {
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
          progress.emplace(std::format("seed {} {}", seed, method), options.search.max_trials, "trials");
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
  Progress testing(std::format("seed {} on the test split", seed), plans, "plans");
  Seed tested;
  std::size_t done = 0;
  for (search::Contender& contender : contenders) {
    Method& method = tested.emplace_back(contender.name, contender.says);
    for (search::FrontPoint& point : contender.points) {
      search::PlanRun run = test.run(point.genome, point.thresholds);
      method.plans.push_back({std::move(point), std::move(run)});
      testing.update(++done);
      if (stop_requested()) throw Interrupted("stopped; the same command goes on from here");
    }
  }
  testing.finish();
  return tested;
}

// What a user gets: the most accurate plan on the validation split whose predicted cost keeps the budget. Null: none.
const Tested* at_budget(const Method& method, cost::CostAxis axis, double budget) {
  const auto found = threshold::most_accurate(
      method.plans, budget, [&](const Tested& tested) { return cost::on_axis(tested.plan.cost, axis); },
      [](const Tested& tested) { return tested.plan.accuracy; });
  return found == method.plans.end() ? nullptr : &*found;
}

using Indices = std::span<const std::uint32_t>;  // of test images

double accuracy_on(const Tested& tested, Indices images) {
  std::size_t correct = 0;
  for (const std::uint32_t i : images) correct += tested.test.correct[i];
  return static_cast<double>(correct) / static_cast<double>(images.size());
}

// Mean accuracy of all seeds at each budget; NaN where a seed has no plan.
using Curve = std::vector<double>;

// The smallest budget, between those of the curve, from which on a plan of this accuracy can be had. Infinite: none.
double cost_of(const Curve& curve, const std::vector<double>& budgets, double accuracy) {
  double before = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (curve[i] >= accuracy) {
      if (i == 0 || std::isnan(before)) return budgets[i];
      const double share = (accuracy - before) / (curve[i] - before);
      return budgets[i - 1] * std::pow(budgets[i] / budgets[i - 1], share);
    }
    if (!std::isnan(curve[i])) before = std::isnan(before) ? curve[i] : std::max(before, curve[i]);
  }
  return std::numeric_limits<double>::infinity();
}

struct Comparison {
  cost::CostAxis axis;
  std::vector<Seed> seeds;
  std::vector<double> budgets;

  // Mean over the seeds of what `accuracy_of` says about the plan at a budget; NaN where a seed has none.
  template <class AccuracyOf>
  double mean(std::size_t of, double budget, AccuracyOf&& accuracy_of) const {
    double mean = 0;
    for (const Seed& seed : seeds) {
      const Tested* plan = at_budget(seed[of], axis, budget);
      if (!plan) return std::numeric_limits<double>::quiet_NaN();
      mean += accuracy_of(*plan) / static_cast<double>(seeds.size());
    }
    return mean;
  }
  Curve curve(std::size_t of) const {
    Curve curve;
    for (const double budget : budgets)
      curve.push_back(mean(of, budget, [](const Tested& plan) { return plan.test.point.accuracy; }));
    return curve;
  }
};

// The joint search against another method: points won at equal budgets, and how many times less a plan of equal
// accuracy costs, read off the two curves of test accuracy.
Json against(const Comparison& all, std::size_t other) {
  const std::size_t images = all.seeds[0][0].plans[0].test.correct.size();
  const Curve ours = all.curve(0), theirs = all.curve(other);
  double best = 0;
  for (const double accuracy : theirs) best = std::max(best, std::isnan(accuracy) ? 0 : accuracy);
  Json points = Json::array(), ratios = Json::array();
  for (std::size_t i = 0; i < all.budgets.size(); ++i) {
    if (!(theirs[i] >= best - kWorthBuying) || std::isnan(ours[i])) continue;
    const auto won = [&](Indices drawn) {
      const auto on_images = [&](const Tested& plan) { return accuracy_on(plan, drawn); };
      return 100 * (all.mean(0, all.budgets[i], on_images) - all.mean(other, all.budgets[i], on_images));
    };
    const Interval interval = bootstrap_interval(images, won, kBootstrapRounds, /*seed=*/1);
    points.push_back({{"cost", all.budgets[i]},
                      {"accuracy", theirs[i]},
                      {"points", 100 * (ours[i] - theirs[i])},
                      {"interval", {interval.low, interval.high}}});
  }
  for (double below = kWorthBuying; below > -1e-9; below -= 0.0025) {
    const double ratio = cost_of(theirs, all.budgets, best - below) / cost_of(ours, all.budgets, best - below);
    if (ratio > 0 && std::isfinite(ratio)) ratios.push_back({{"accuracy", best - below}, {"ratio", ratio}});
  }
  return {{"method", all.seeds[0][other].name}, {"at_cost", points}, {"at_accuracy", ratios}};
}

Json plans_json(const Method& method, cost::CostAxis axis) {
  Json plans = Json::array();
  for (const Tested& tested : method.plans) {
    plans.push_back({{"genome", tested.plan.genome.text()},
                     {"thresholds", tested.plan.thresholds},
                     {"validation", tested.plan.accuracy},
                     {"predicted", cost::on_axis(tested.plan.cost, axis)},
                     {"test", tested.test.point.accuracy},
                     {"test_cost", tested.test.point.cost}});
  }
  return plans;
}

Json json_of(const Comparison& all) {
  Json json = {{"axis", cost::to_string(all.axis)}, {"seeds", Json::array()}, {"joint_against", Json::array()}};
  for (const Seed& seed : all.seeds) {
    Json methods = Json::array();
    for (const Method& method : seed)
      methods.push_back({{"method", method.name}, {"says", method.says}, {"plans", plans_json(method, all.axis)}});
    json["seeds"].push_back(methods);
  }
  for (std::size_t other = 1; other < all.seeds[0].size(); ++other)
    json["joint_against"].push_back(against(all, other));
  return json;
}

void draw(const Comparison& all, const fs::path& file) {
  const ShownAxis axis = shown(all.axis);
  report::FrontPicture picture;
  picture.title = "Ways to a plan, on the test split";
  picture.accuracy_title = "test accuracy (%)";
  picture.cost_title = "budget: " + std::string(axis.title);
  for (std::size_t of = 0; of < all.seeds[0].size(); ++of) {
    report::FrontPicture::Series series{all.seeds[0][of].name, {}};
    const Curve curve = all.curve(of);
    for (std::size_t i = 0; i < curve.size(); ++i) {
      if (!std::isnan(curve[i])) series.points.push_back({all.budgets[i] / axis.scale, curve[i]});
    }
    if (!series.points.empty()) picture.lines.push_back(std::move(series));
  }
  report::draw_front(picture, file);
}

void print(const Comparison& all) {
  const double scale = shown(all.axis).scale;
  std::printf(
      "test accuracy (%%, mean of %zu seeds) of the plan that each method offers within a budget of mean %s\n%-18s",
      all.seeds.size(), cost::to_string(all.axis).c_str(), "method");
  for (std::size_t i = 0; i < all.budgets.size(); i += 3) std::printf(" %7.0f", all.budgets[i] / scale);
  for (std::size_t of = 0; of < all.seeds[0].size(); ++of) {
    std::printf("\n%-18s", all.seeds[0][of].name.c_str());
    const Curve curve = all.curve(of);
    for (std::size_t i = 0; i < curve.size(); i += 3) {
      std::isnan(curve[i]) ? std::printf(" %7s", "-") : std::printf(" %7.2f", 100 * curve[i]);
    }
  }
  std::printf("\n");
}

// Where the joint search gains most against a method, in points and in cost.
void add_figures(const Json& json, const std::string& method, const std::string& key, ShownAxis axis, int seeds,
                 std::map<std::string, Figure>& figures) {
  const Json& all = json["joint_against"];
  const auto found = std::ranges::find_if(all, [&](const Json& one) { return one["method"] == method; });
  if (found == all.end()) return;
  const auto most = [](const Json& rows, auto&& value) { return *std::ranges::max_element(rows, {}, value); };
  if (const Json& rows = (*found)["at_cost"]; !rows.empty()) {
    const Json row = most(rows, [](const Json& r) { return r["points"].get<double>(); });
    const Json& interval = row["interval"];
    figures["joint.points_over_" + key] = {
        .value = row["points"], .unit = "points", .interval = Interval{interval[0], interval[1]}, .n = seeds};
    figures["joint.points_over_" + key + "_at"] = {.value = row["cost"].get<double>() / axis.scale, .unit = axis.unit};
  }
  if (const Json& rows = (*found)["at_accuracy"]; !rows.empty()) {
    const Json row = most(rows, [](const Json& r) { return r["ratio"].get<double>(); });
    figures["joint.speedup_over_" + key] = {.value = row["ratio"], .unit = "x", .n = seeds};
    figures["joint.speedup_over_" + key + "_at"] = {.value = 100 * row["accuracy"].get<double>(), .unit = "%"};
  }
}

}  // namespace

void run_ablation(SearchRun& opened, const AblationRequest& request) {
  SupernetAnswers answers(opened.supernet, "test");
  search::NetPool pool(answers, opened.supernet.space(), answers.exits());
  search::Evaluator test(pool, opened.costs, opened.evaluator_options());
  Comparison all{.axis = opened.config.axis, .seeds = {}, .budgets = {}};
  for (int i = 0; i < request.seeds; ++i)
    all.seeds.push_back(
        ablate_seed(opened, test, request.trials, opened.config.options.seed + static_cast<std::uint64_t>(i)));
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Seed& seed : all.seeds) {
    for (const Method& method : seed) {
      for (const Tested& tested : method.plans) {
        low = std::min(low, cost::on_axis(tested.plan.cost, all.axis));
        high = std::max(high, cost::on_axis(tested.plan.cost, all.axis));
      }
    }
  }
  // Fronts keep one plan for each level of cost, so that budgets between the ends of levels would compare chance.
  const threshold::CostLevels& levels = opened.evaluator.levels();
  for (std::size_t i = levels.level(low); i < levels.size(); ++i) {
    all.budgets.push_back(levels.upper(i));
    if (levels.upper(i) >= high) break;
  }
  const Json json = json_of(all);
  NewFiles files(opened.run, "ablation");
  write_json(files.path() / "ablation.json", json);
  draw(all, files.path() / "ablation.png");
  files.commit();
  const fs::path picture = opened.run / "ablation.png";
  if (!request.picture.empty()) write_file_atomic(request.picture, read_file(picture));
  std::map<std::string, Figure> figures;
  for (const auto& [method, key] : {std::pair{"independent", "independent"},
                                    {"independent pairs", "independent_pairs"},
                                    {"random", "random"},
                                    {"static", "static"}})
    add_figures(json, method, key, shown(all.axis), request.seeds, figures);
  if (!request.figures.empty()) record_figures(request.figures, request.command, figures);
  if (request.json) {
    std::cout << dump_json(json, 2) << '\n';
    return;
  }
  print(all);
  for (const auto& [key, figure] : figures)
    std::printf("%-46s %8.2f %s\n", key.c_str(), figure.value, figure.unit.c_str());
  std::printf("all plans: %s\n", (opened.run / "ablation.json").c_str());
}

}  // namespace triage::workflow
