#include "workflow/study/ablation_result.h"

#include <algorithm>
#include <cmath>

#include "core/statistics/statistics.h"
#include "report/front.h"
#include "threshold/choose.h"
#include "workflow/search/front/shown_axis.h"

namespace triage::workflow {
namespace {

constexpr double kWorthBuying = 0.05;  // share of accuracy: compared where the other method is this near to its best
constexpr int kBootstrapRounds = 2000;

// Mean over the seeds of what `accuracy_of` says about the plan at a budget; NaN where a seed has none.
template <class AccuracyOf>
double mean_of(const Comparison& all, std::size_t of, double budget, AccuracyOf&& accuracy_of) {
  double mean = 0;
  for (const TestedSeed& seed : all.seeds) {
    const TestedPlan* plan = at_budget(seed[of], all.axis, budget);
    if (!plan) return std::numeric_limits<double>::quiet_NaN();
    mean += accuracy_of(*plan) / static_cast<double>(all.seeds.size());
  }
  return mean;
}
using Indices = std::span<const std::uint32_t>;  // of test images

double accuracy_on(const TestedPlan& tested, Indices images) {
  std::size_t correct = 0;
  for (const std::uint32_t i : images) correct += tested.test.correct[i];
  return static_cast<double>(correct) / static_cast<double>(images.size());
}

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
      const auto on_images = [&](const TestedPlan& plan) { return accuracy_on(plan, drawn); };
      return 100 * (mean_of(all, 0, all.budgets[i], on_images) - mean_of(all, other, all.budgets[i], on_images));
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

Json plans_json(const TestedMethod& method, cost::CostAxis axis) {
  Json plans = Json::array();
  for (const TestedPlan& tested : method.plans) {
    plans.push_back({{"genome", tested.plan.genome.text()},
                     {"thresholds", tested.plan.thresholds},
                     {"validation", tested.plan.accuracy},
                     {"predicted", cost::on_axis(tested.plan.cost, axis)},
                     {"test", tested.test.point.accuracy},
                     {"test_cost", tested.test.point.cost}});
  }
  return plans;
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

Curve Comparison::curve(std::size_t method) const {
  Curve curve;
  for (const double budget : budgets)
    curve.push_back(mean_of(*this, method, budget, [](const TestedPlan& plan) { return plan.test.point.accuracy; }));
  return curve;
}

const TestedPlan* at_budget(const TestedMethod& method, cost::CostAxis axis, double budget) {
  const auto found = threshold::most_accurate(
      method.plans, budget, [&](const TestedPlan& tested) { return cost::on_axis(tested.plan.cost, axis); },
      [](const TestedPlan& tested) { return tested.plan.accuracy; });
  return found == method.plans.end() ? nullptr : &*found;
}

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

std::vector<double> budgets_of(const std::vector<TestedSeed>& seeds, cost::CostAxis axis,
                               const threshold::CostLevels& levels) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const TestedSeed& seed : seeds) {
    for (const TestedMethod& method : seed) {
      for (const TestedPlan& tested : method.plans) {
        low = std::min(low, cost::on_axis(tested.plan.cost, axis));
        high = std::max(high, cost::on_axis(tested.plan.cost, axis));
      }
    }
  }
  std::vector<double> budgets;
  for (std::size_t i = levels.level(low); i < levels.size(); ++i) {
    budgets.push_back(levels.upper(i));
    if (levels.upper(i) >= high) break;
  }
  return budgets;
}

Json to_json(const Comparison& all) {
  Json json = {{"axis", cost::to_string(all.axis)}, {"seeds", Json::array()}, {"joint_against", Json::array()}};
  for (const TestedSeed& seed : all.seeds) {
    Json methods = Json::array();
    for (const TestedMethod& method : seed)
      methods.push_back({{"method", method.name}, {"says", method.says}, {"plans", plans_json(method, all.axis)}});
    json["seeds"].push_back(methods);
  }
  for (std::size_t other = 1; other < all.seeds[0].size(); ++other)
    json["joint_against"].push_back(against(all, other));
  return json;
}

void draw_ablation(const Comparison& all, const fs::path& file) {
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

std::map<std::string, Figure> ablation_figures(const Comparison& all, const Json& json) {
  std::map<std::string, Figure> figures;
  for (const auto& [method, key] : {std::pair{"independent", "independent"},
                                    {"independent pairs", "independent_pairs"},
                                    {"random", "random"},
                                    {"static", "static"}})
    add_figures(json, method, key, shown(all.axis), static_cast<int>(all.seeds.size()), figures);
  return figures;
}

}  // namespace triage::workflow
