#include "workflow/cascade/solve.h"

#include <algorithm>

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

// Keeps the front of what was there and what is added; of equal points the one that was there first.
void keep_front(std::vector<CascadePoint>& points) {
  const std::vector<std::size_t> kept = threshold::pareto_front(
      points.size(), [&](std::size_t i) { return points[i].at.latency_us; },
      [&](std::size_t i) { return points[i].at.accuracy; });
  std::vector<CascadePoint> front;
  for (const std::size_t i : kept) front.push_back(std::move(points[i]));
  points = std::move(front);
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

}  // namespace

plan::Plan chain_plan(const plan::Plan& plan, std::span<const std::size_t> chain) {
  plan::Plan part = plan;
  part.stages.clear();
  for (const std::size_t net : chain) part.stages.push_back(plan.stages[net]);
  return part;
}

route::ScoreTable chain_table(const route::ScoreTable& table, std::span<const std::size_t> chain) {
  route::ScoreTable part{table.key, table.classes, table.indices, table.labels, {}};
  for (const std::size_t net : chain) part.stages.push_back(table.stages[net]);
  return part;
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
    const plan::Plan part = chain_plan(plan, chain);
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
  plan::Plan made = chain_plan(plan, point.chain);
  made.policy = point.policy;
  for (std::size_t i = 0; i < point.at.thresholds.size(); ++i) made.stages[i].exit.threshold = point.at.thresholds[i];
  for (std::size_t i = 0; i < point.weights.size(); ++i) made.stages[i].exit.answer_weights = point.weights[i];
  return made;
}

const CascadePoint& choose_cascade(std::span<const CascadePoint> front, const BuildTarget& target) {
  std::vector<route::CurvePoint> curve;
  for (const CascadePoint& point : front) curve.push_back(point.at);
  const route::CurvePoint& chosen = target.accuracy     ? route::cheapest(curve, *target.accuracy)
                                    : target.latency_us ? route::most_accurate(curve, *target.latency_us)
                                    : target.max_drop ? route::cheapest(curve, curve.back().accuracy - *target.max_drop)
                                                      : route::knee(curve);
  return front[static_cast<std::size_t>(&chosen - curve.data())];
}

}  // namespace triage::workflow
