#include "workflow/cascade/solve.h"

#include <algorithm>
#include <cmath>

#include "core/progress.h"
#include "route/answer_weights.h"
#include "route/metric.h"
#include "threshold/choose.h"

namespace triage::workflow {
namespace {

using Chain = std::vector<std::size_t>;

// All orders of `length` of the nets.
void add_chains(std::vector<Chain>& chains, Chain& begun, std::size_t nets, std::size_t length) {
  if (begun.size() == length) {
    chains.push_back(begun);
    return;
  }
  for (std::size_t net = 0; net < nets; ++net) {
    if (std::ranges::find(begun, net) != begun.end()) continue;
    begun.push_back(net);
    add_chains(chains, begun, nets, length);
    begun.pop_back();
  }
}

std::vector<Chain> all_chains(std::size_t nets, std::size_t max_stages) {
  std::vector<Chain> chains;
  for (std::size_t length = 1; length <= std::min(nets, max_stages); ++length) {
    Chain begun;
    add_chains(chains, begun, nets, length);
  }
  return chains;
}

// Each exit by itself, and together with those before it where the fit says so.
std::vector<std::vector<std::vector<double>>> ways_to_answer(const route::ScoreTable& fitted,
                                                             std::span<const double> temperatures, const Chain& chain) {
  std::vector<std::vector<std::vector<double>>> ways(1);
  if (chain.size() == 1) return ways;
  std::vector<std::vector<double>> weights;
  bool together = false;
  for (route::FittedAnswer& answer : route::fit_answer_weights(fitted, temperatures, chain)) {
    together = together || !answer.weights.empty();
    weights.push_back(std::move(answer.weights));
  }
  if (together) ways.push_back(std::move(weights));
  return ways;
}

// 1 for each image that the plan of a point is right about.
std::vector<std::uint8_t> correct_at(const plan::Plan& plan, const CascadePoint& point,
                                     const route::ScoreTable& validation) {
  const plan::Plan made = plan_at(plan, point);
  const route::ExitAnswers answers =
      route::exit_answers(made, made.policy, route::table_of_stages(validation, point.chain));
  const std::vector<std::uint8_t> exits = route::exits_taken(answers.scores, point.at.thresholds);
  std::vector<std::uint8_t> correct;
  for (std::size_t i = 0; i < exits.size(); ++i) correct.push_back(answers.verdicts.correct[exits[i]][i]);
  return correct;
}

// Whether one is right more often than the other, by 1.96 standard errors of the mean difference of each image.
bool beyond_doubt(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other,
                  std::span<const double> values) {
  const auto count = static_cast<double>(one.size());
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    const double difference = (values.empty() ? 1 : values[i]) * (one[i] - other[i]);
    sum += difference;
    squares += difference * difference;
  }
  const double mean = sum / count, variance = squares / count - mean * mean;
  return mean > 1.96 * std::sqrt(variance / count);
}

}  // namespace

void keep_front(std::vector<CascadePoint>& points) {
  const std::vector<std::size_t> kept = threshold::pareto_front(
      points.size(), [&](std::size_t i) { return points[i].at.latency_us; },
      [&](std::size_t i) { return points[i].at.accuracy; });
  std::vector<CascadePoint> front;
  for (const std::size_t i : kept) front.push_back(std::move(points[i]));
  points = std::move(front);
}

std::vector<CascadePoint> solve_cascades(const plan::Plan& plan, const route::ScoreTable& validation,
                                         const route::ScoreTable& fitted, const SolveRequest& request) {
  const std::vector<double> values = route::image_values(request.metric, validation.labels);
  std::vector<double> temperatures;
  for (const plan::Stage& stage : plan.stages) temperatures.push_back(stage.exit.temperature);
  const std::vector<Chain> chains = all_chains(plan.stages.size(), request.max_stages);
  std::vector<CascadePoint> front;
  Progress progress(request.context, "solve", chains.size(), "chains");
  for (std::size_t c = 0; c < chains.size(); ++c) {
    if (request.context.stop.requested()) throw Interrupted("stopped while choosing nets; run the same command again");
    const Chain& chain = chains[c];
    const plan::Plan part = plan::plan_of_stages(plan, chain);
    const std::vector<double> path = route::path_latency_us(part);
    std::vector<plan::Exit> exits = route::exits_of(part);
    for (const auto& weights : ways_to_answer(fitted, temperatures, chain)) {
      for (std::size_t i = 0; i < weights.size(); ++i) exits[i].answer_weights = weights[i];
      for (const plan::PolicyKind policy : request.policies) {
        const route::ExitAnswers answers = route::exit_answers(exits, policy, validation, chain);
        if (chain.size() == 1) {
          const double accuracy = route::valued_accuracy(answers.verdicts.correct[0], values);
          front.push_back({chain, policy, {}, {.accuracy = accuracy, .latency_us = path[0]}});
          break;  // there is nothing to decide
        }
        const route::CurveMaker curve(answers.verdicts.correct, answers.scores, path, values);
        for (route::CurvePoint& point : curve.curve()) front.push_back({chain, policy, weights, std::move(point)});
      }
    }
    keep_front(front);
    progress.update(c + 1);
  }
  progress.finish();
  return front;
}

plan::Plan plan_at(const plan::Plan& plan, const CascadePoint& point) {
  plan::Plan made = plan::plan_of_stages(plan, point.chain);
  made.policy = point.policy;
  for (std::size_t i = 0; i < point.at.thresholds.size(); ++i) made.stages[i].exit.threshold = point.at.thresholds[i];
  for (std::size_t i = 0; i < point.weights.size(); ++i) made.stages[i].exit.answer_weights = point.weights[i];
  for (std::size_t i = 0; point.routers && i < point.routers->size(); ++i)
    made.stages[i].exit.router = (*point.routers)[i];
  return made;
}

std::vector<std::size_t> sure_points(std::span<const CascadePoint> front, const plan::Plan& plan,
                                     const route::ScoreTable& validation, plan::Metric metric) {
  const std::vector<double> values = route::image_values(metric, validation.labels);
  const route::Verdicts alone = route::verdicts(validation);
  std::vector<std::size_t> sure;
  for (std::size_t i = 0; i < front.size(); ++i) {
    const CascadePoint& point = front[i];
    std::vector<std::uint8_t> correct;
    bool worth = true;
    for (std::size_t net = 0; net < plan.stages.size() && worth && point.chain.size() > 1; ++net) {
      if (plan.stages[net].cost->latency_us.mean > point.at.latency_us) continue;
      if (correct.empty()) correct = correct_at(plan, point, validation);
      worth = beyond_doubt(correct, alone.correct[net], values);
    }
    if (worth) sure.push_back(i);
  }
  return sure;
}

const CascadePoint& choose_cascade(std::span<const CascadePoint> front, const BuildTarget& target,
                                   std::span<const std::size_t> sure) {
  std::vector<route::CurvePoint> curve;
  if (target.knee()) {
    for (const std::size_t i : sure) curve.push_back(front[i].at);
    return front[sure[static_cast<std::size_t>(&route::knee(curve) - curve.data())]];
  }
  for (const CascadePoint& point : front) curve.push_back(point.at);
  const route::CurvePoint& chosen = target.accuracy ? route::cheapest(curve, *target.accuracy)
                                    : target.latency_us
                                        ? route::most_accurate(curve, *target.latency_us)
                                        : route::cheapest(curve, curve.back().accuracy - *target.max_drop);
  return front[static_cast<std::size_t>(&chosen - curve.data())];
}

}  // namespace triage::workflow
