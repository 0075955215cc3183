#include "workflow/build/choose_point.h"

#include <algorithm>

#include "route/curve.h"
#include "route/metric.h"
#include "route/plan_warnings.h"

namespace triage::workflow {
namespace {

// The share of images that leaves at each stage.
std::vector<double> shares_at(const route::ExitScores& scores, const route::CurvePoint& point, std::size_t stages) {
  if (stages == 1) return {1};
  std::vector<double> shares(stages);
  const std::vector<std::uint8_t> taken = route::exits_taken(scores, point.thresholds);
  for (const std::uint8_t exit : taken) shares[exit] += 1;
  for (double& share : shares) share /= static_cast<double>(taken.size());
  return shares;
}

// Points of the curve that keep the budgets at the costs that were measured.
std::vector<route::CurvePoint> allowed(const plan::Plan& plan, const route::ExitScores& scores,
                                       const std::vector<route::CurvePoint>& curve, const cost::Budgets& budgets,
                                       const std::string& energy_source) {
  if (budgets == cost::Budgets{}) return curve;
  const std::vector<cost::CostedStage> stages = cost::costed_stages(plan);
  const auto has_energy = [](const cost::CostedStage& stage) { return stage.cost.energy_uj.has_value(); };
  if (budgets.mean_energy_uj && !std::ranges::all_of(stages, has_energy)) {
    fail("plan '{}': budget mean_energy_uj: expected stages whose energy was measured, found none ({})", plan.name,
         energy_source.empty() ? "costs.json was written before energy was measured; --remeasure does" : energy_source);
  }
  std::vector<route::CurvePoint> kept;
  double least = std::numeric_limits<double>::infinity();
  std::string closest;
  for (const route::CurvePoint& point : curve) {
    std::vector<double> reach = shares_at(scores, point, plan.stages.size());
    for (std::size_t j = reach.size() - 1; j-- > 0;) reach[j] += reach[j + 1];
    std::string worst;
    const double broken = cost::violation(cost::plan_cost(stages, reach), budgets, &worst);
    if (broken == 0) kept.push_back(point);
    if (broken < least) {
      least = broken;
      closest = worst;
    }
  }
  if (kept.empty()) {
    throw OverBudget(
        std::format("plan '{}': as measured no thresholds keep the budgets; the closest need {}", plan.name, closest));
  }
  return kept;
}

// The one point that a plan of one stage has.
route::CurvePoint only_point(const plan::Plan& plan, const route::Verdicts& verdicts,
                             const std::vector<double>& values) {
  return {.accuracy = route::valued_accuracy(verdicts.correct[0], values),
          .latency_us = plan.stages[0].cost->latency_us.mean};
}

// last: accuracy of the last net alone.
const route::CurvePoint& aimed_at(const plan::Plan& plan, const std::vector<route::CurvePoint>& curve, double last,
                                  const PointRequest& request) {
  constexpr double kRounding = 1e-9;
  if (request.target.max_drop) return route::cheapest(curve, last - *request.target.max_drop - kRounding);
  if (request.target.accuracy) return route::cheapest(curve, *request.target.accuracy);
  if (request.target.latency_us) return route::most_accurate(curve, *request.target.latency_us);
  if (request.reach.empty()) return route::knee(curve);
  double latency = 0;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) latency += request.reach[i] * plan::latency_on_path_us(plan, i);
  return route::most_accurate(curve, latency * (1 + kRounding));
}

}  // namespace

std::vector<std::string> choose_point(plan::Plan& plan, const route::ScoreTable& validation,
                                      const PointRequest& request, const std::string& energy_source) {
  const auto [verdicts, scores] = route::exit_answers(plan, plan.policy, validation);
  const bool single = plan.stages.size() == 1;
  const std::vector<double> path = route::path_latency_us(plan);
  const std::vector<double> values = route::image_values(request.metric, validation.labels);
  const std::vector<route::CurvePoint> whole = single
                                                   ? std::vector{only_point(plan, verdicts, values)}
                                                   : route::CurveMaker(verdicts.correct, scores, path, values).curve();
  const std::vector<route::CurvePoint> curve = allowed(plan, scores, whole, request.budgets, energy_source);
  const double last = route::valued_accuracy(route::verdicts(validation).correct.back(), values);
  const route::CurvePoint& point = single ? curve.front() : aimed_at(plan, curve, last, request);
  plan.predicted = {.metric = request.metric,
                    .accuracy = point.accuracy,
                    .mean_latency_us = point.latency_us,
                    .exit_share = shares_at(scores, point, plan.stages.size())};
  for (std::size_t i = 0; i + 1 < plan.stages.size(); ++i) plan.stages[i].exit.threshold = point.thresholds[i];
  if (single) return {};
  return route::plan_warnings(plan, validation, route::exits_taken(scores, point.thresholds), request.metric);
}

}  // namespace triage::workflow
