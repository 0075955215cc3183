#include "workflow/build/choose_point.h"

#include <algorithm>
#include <limits>

#include "route/curve.h"
#include "route/metric.h"
#include "route/plan_warnings.h"

namespace triage::workflow {
namespace {

// Points of the curve that keep the budgets at the costs that were measured; where none does, what the closest needs.
struct Allowed {
  std::vector<route::CurvePoint> points;
  std::string closest;
};
Allowed allowed(const plan::Plan& plan, const route::ExitScores& scores, std::vector<route::CurvePoint> curve,
                const cost::Budgets& budgets, const std::string& energy_source) {
  if (budgets == cost::Budgets{}) return {std::move(curve), {}};
  const std::vector<cost::CostedStage> stages = cost::costed_stages(plan);
  const auto has_energy = [](const cost::CostedStage& stage) { return stage.cost.energy_uj.has_value(); };
  if (budgets.mean_energy_uj && !std::ranges::all_of(stages, has_energy)) {
    fail("plan '{}': budget mean_energy_uj: expected stages whose energy was measured, found none ({})", plan.name,
         energy_source.empty() ? "costs.json was written before energy was measured; --remeasure does" : energy_source);
  }
  Allowed out;
  double least = std::numeric_limits<double>::infinity();
  for (const route::CurvePoint& point : curve) {
    std::vector<double> reach = route::exit_shares(route::exits_taken(scores, point.thresholds), plan.stages.size());
    for (std::size_t j = reach.size() - 1; j-- > 0;) reach[j] += reach[j + 1];
    std::string worst;
    const double broken = cost::violation(cost::plan_cost(stages, reach), budgets, &worst);
    if (broken == 0) out.points.push_back(point);
    if (broken < least) {
      least = broken;
      out.closest = worst;
    }
  }
  return out;
}

// Stage `stage` as a plan of its own.
plan::Plan alone(const plan::Plan& plan, std::size_t stage) {
  plan::Plan single = plan::plan_of_stages(plan, {{stage}});
  single.stages[0].exit = {.temperature = plan.stages[stage].exit.temperature};
  single.stages[0].feature_width = 0;  // of a last stage nobody reads them
  return single;
}

bool keeps(const plan::Plan& plan, const cost::Budgets& budgets) {
  if (budgets == cost::Budgets{}) return true;
  if (budgets.mean_energy_uj && !plan.stages[0].cost->energy_uj) return false;
  return cost::violation(cost::plan_cost(cost::costed_stages(plan), std::vector<double>{1}), budgets) == 0;
}

// What may become the plan, cheapest first: points of the curve, and nets alone behind those that are alike.
struct Options {
  std::vector<route::CurvePoint> points;
  std::vector<std::optional<std::size_t>> nets;  // by point: the stage that is left; none: the cascade
};

// verdicts: of the nets alone.
Options options_of(const plan::Plan& plan, const route::Verdicts& verdicts, const Allowed& curve,
                   const PointRequest& request, const std::vector<double>& values) {
  std::vector<std::pair<route::CurvePoint, std::optional<std::size_t>>> all;
  for (const route::CurvePoint& point : curve.points) all.emplace_back(point, std::nullopt);
  for (std::size_t s = 0; s < plan.stages.size() && request.single_net && plan.stages.size() > 1; ++s) {
    if (plan.stages[s].input != plan::StageInput::image || !keeps(alone(plan, s), request.budgets)) continue;
    all.emplace_back(route::CurvePoint{.accuracy = route::valued_accuracy(verdicts.correct[s], values),
                                       .latency_us = plan.stages[s].cost->latency_us.mean},
                     s);
  }
  if (all.empty()) {
    throw OverBudget(std::format("plan '{}': as measured no thresholds keep the budgets; the closest need {}",
                                 plan.name, curve.closest));
  }
  std::ranges::stable_sort(all, {}, [](const auto& option) { return option.first.latency_us; });
  Options out;
  for (auto& [point, net] : all) {
    out.points.push_back(std::move(point));
    out.nets.push_back(net);
  }
  return out;
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

void promise(plan::Plan& plan, const route::CurvePoint& point, std::vector<double> shares, plan::Metric metric) {
  plan.predicted = {.metric = metric,
                    .accuracy = point.accuracy,
                    .mean_latency_us = point.latency_us,
                    .exit_share = std::move(shares)};
}

// What the cascade would have been, for the message: "97.50 % in 39.0 us".
std::string of_the_cascade(const plan::Plan& plan, const std::vector<route::CurvePoint>& curve, double last,
                           const PointRequest& request) {
  try {
    if (curve.empty()) return "none of the cascade's";
    const route::CurvePoint& point = aimed_at(plan, curve, last, request);
    return std::format("{:.2f} % in {:.1f} us of the cascade", 100 * point.accuracy, point.latency_us);
  } catch (const Error&) {
    return "none of the cascade's";
  }
}

}  // namespace

ChosenPoint choose_point(plan::Plan& plan, const route::ScoreTable& validation, const PointRequest& request,
                         const std::string& energy_source) {
  const std::vector<double> values = route::image_values(request.metric, validation.labels);
  const auto [verdicts, scores] = route::exit_answers(plan, plan.policy, validation);
  const route::Verdicts alone_verdicts = route::verdicts(validation);
  const double last = route::valued_accuracy(alone_verdicts.correct.back(), values);
  const bool one_stage = plan.stages.size() == 1;
  std::vector<route::CurvePoint> whole{{.accuracy = last, .latency_us = plan.stages.back().cost->latency_us.mean}};
  if (!one_stage) whole = route::CurveMaker(verdicts.correct, scores, route::path_latency_us(plan), values).curve();
  const Allowed curve = allowed(plan, scores, std::move(whole), request.budgets, energy_source);
  const Options options = options_of(plan, alone_verdicts, curve, request, values);
  const route::CurvePoint& point = one_stage ? options.points.front() : aimed_at(plan, options.points, last, request);
  const std::optional<std::size_t> net = options.nets[static_cast<std::size_t>(&point - options.points.data())];
  if (net) {
    const std::string warning = std::format(
        "the net '{}' alone is the plan: {:.2f} % in {:.1f} us on the validation split, against {} (single_net = false "
        "in [build] keeps the cascade)",
        plan.stages[*net].name, 100 * point.accuracy, point.latency_us,
        of_the_cascade(plan, curve.points, last, request));
    plan = alone(plan, *net);
    promise(plan, point, {1}, request.metric);
    return {.warnings = {warning}, .single = net};
  }
  promise(plan, point, route::exit_shares(route::exits_taken(scores, point.thresholds), plan.stages.size()),
          request.metric);
  if (one_stage) return {};
  for (std::size_t i = 0; i + 1 < plan.stages.size(); ++i) plan.stages[i].exit.threshold = point.thresholds[i];
  return {.warnings = route::plan_warnings(plan, validation, alone_verdicts,
                                           route::exits_taken(scores, point.thresholds), request.metric),
          .single = {}};
}

}  // namespace triage::workflow
