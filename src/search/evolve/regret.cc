#include "search/evolve/regret.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "threshold/choose.h"

namespace triage::search {
namespace {

double percent_above(double value, double reference) { return 100 * (value / reference - 1); }

// The cheapest point of a structure that reaches an accuracy within the budgets. Structures are solved once.
class CheapestOf {
 public:
  explicit CheapestOf(const Evaluator& evaluator) : evaluator_(evaluator) {}
  std::optional<OperatingPoint> operator()(const Genome& genome, double accuracy) {
    const auto [place, fresh] = solved_.try_emplace(genome.text());
    if (fresh) place->second = evaluator_.evaluate(genome);
    for (const OperatingPoint& point : place->second) {
      if (point.violation == 0 && point.accuracy >= accuracy) return point;
    }
    return std::nullopt;
  }

 private:
  const Evaluator& evaluator_;
  std::map<std::string, std::vector<OperatingPoint>> solved_;
};

void check_models(std::span<const ModelFront> models, std::size_t deployed) {
  if (models.size() < 2) fail("regret: expected at least two cost models, found {}", models.size());
  if (deployed >= models.size())
    fail("regret: deployed: expected one of {} cost models, found {}", models.size(), deployed);
  for (const ModelFront& model : models) {
    if (&model.costs->pool() != &models[0].costs->pool())
      fail("regret: '{}' and '{}': expected costs of the same answers, found two pools", models[0].model, model.model);
  }
}

}  // namespace

Front refined(const Front& front, const Evaluator& evaluator) {
  Front fine{.identity = front.identity, .axis = front.axis, .budgets = front.budgets};
  std::set<std::string> seen;
  std::vector<FrontPoint> all;
  for (const FrontPoint& point : front.points) {
    if (!seen.insert(point.genome.text()).second) continue;
    const std::vector<cost::CostedStage> costs = evaluator.stage_costs(point.genome);
    for (OperatingPoint& offered : evaluator.evaluate(point.genome)) {
      if (offered.violation > 0) continue;
      all.push_back({point.genome, offered.accuracy, plan_cost(costs, offered.reach), std::move(offered.thresholds),
                     std::move(offered.reach)});
    }
  }
  for (const std::size_t i : threshold::pareto_front(
           all.size(), [&](std::size_t at) { return on_axis(all[at].cost, front.axis); },
           [&](std::size_t at) { return all[at].accuracy; })) {
    fine.points.push_back(std::move(all[i]));
  }
  return fine;
}

std::vector<RegretLevel> regrets(std::span<const ModelFront> models, std::size_t deployed,
                                 std::span<const double> accuracies) {
  check_models(models, deployed);
  const Evaluator& truth = *models[deployed].costs;
  CheapestOf cheapest_of(truth);
  std::vector<RegretLevel> levels;
  for (const double accuracy : accuracies) {
    RegretLevel& level = levels.emplace_back(accuracy);
    for (const ModelFront& model : models) {
      ModelChoice& choice = level.choices.emplace_back();
      choice.plan = cheapest_above(model.front, accuracy);
      choice.predicted = on_axis(choice.plan.cost, model.front.axis);
      const OperatingPoint run = truth.run(choice.plan.genome, choice.plan.thresholds).point;
      choice.cost = run.cost;
      choice.violation = run.violation;
      choice.resolved = cheapest_of(choice.plan.genome, accuracy);
      choice.promise_percent = percent_above(choice.predicted, choice.cost);
    }
    const double best = level.choices[deployed].cost;
    for (ModelChoice& choice : level.choices) {
      choice.regret_percent = percent_above(choice.cost, best);
      choice.structure_percent = choice.resolved ? percent_above(choice.resolved->cost, best) : choice.regret_percent;
    }
  }
  return levels;
}

std::vector<double> accuracy_grid(std::span<const Front* const> fronts, int steps, double reach) {
  double low = 0, high = 1;
  for (const Front* front : fronts) {
    if (front->points.empty()) fail("regret: expected fronts with plans, found an empty one");
    low = std::max(low, front->points.front().accuracy);
    high = std::min(high, front->points.back().accuracy);
  }
  low = std::max(low, high - reach);
  std::vector<double> grid;
  for (double i = std::ceil(low * steps - 1e-9); i / steps <= high; ++i) grid.push_back(i / steps);
  if (grid.empty()) {
    fail("regret: expected an accuracy that all fronts offer, found {:.2f} % as the least and {:.2f} % as the most",
         100 * low, 100 * high);
  }
  return grid;
}

RegretCurve regret_curve(std::span<const std::vector<RegretLevel>> seeds, std::size_t model, std::size_t deployed) {
  if (seeds.empty() || seeds[0].empty()) fail("regret: expected seeds with accuracies, found none");
  const std::size_t count = seeds[0].size();
  RegretCurve curve;
  std::vector<double> mean_of_seed(seeds.size());
  const auto over_seeds = [&](auto&& value) {
    std::vector<double> values;
    for (const std::vector<RegretLevel>& seed : seeds) values.push_back(value(seed));
    return mean_estimate(values);
  };
  for (std::size_t i = 0; i < count; ++i) {
    const auto mean_of = [&](double ModelChoice::* field) {
      return over_seeds([&](const auto& seed) { return seed[i].choices[model].*field; });
    };
    curve.at.push_back({.accuracy = seeds[0][i].accuracy,
                        .cost = mean_of(&ModelChoice::cost).mean,
                        .regret_percent = mean_of(&ModelChoice::regret_percent),
                        .structure_percent = mean_of(&ModelChoice::structure_percent),
                        .promise_percent = mean_of(&ModelChoice::promise_percent)});
    if (curve.at[i].regret_percent.mean > curve.at[curve.largest].regret_percent.mean) curve.largest = i;
    for (std::size_t s = 0; s < seeds.size(); ++s) {
      const RegretLevel& level = seeds[s][i];
      mean_of_seed[s] += level.choices[model].regret_percent / static_cast<double>(count);
      curve.same_structure += level.choices[model].plan.genome == level.choices[deployed].plan.genome;
    }
  }
  curve.same_structure /= static_cast<double>(count * seeds.size());
  curve.mean_percent = mean_estimate(mean_of_seed);
  return curve;
}

}  // namespace triage::search
