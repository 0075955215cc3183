#include "workflow/cascade/solve.h"

#include <algorithm>

#include "core/progress.h"
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

std::vector<CascadePoint> solve_cascades(const plan::Plan& plan, const route::ScoreTable& table,
                                         const SolveRequest& request) {
  const std::vector<double> values = route::image_values(request.metric, table.labels);
  const route::Verdicts verdicts = route::verdicts(table);
  const std::vector<Chain> chains = all_chains(plan.stages.size(), request.max_stages);
  std::vector<CascadePoint> front;
  Progress progress(request.context, "solve", chains.size(), "chains");
  for (std::size_t c = 0; c < chains.size(); ++c) {
    if (request.context.stop.requested()) throw Interrupted("stopped while choosing nets; run the same command again");
    const Chain& chain = chains[c];
    const plan::Plan part = chain_plan(plan, chain);
    const std::vector<double> path = route::path_latency_us(part);
    if (chain.size() == 1) {
      front.push_back(
          {chain,
           request.policies.front(),
           {.accuracy = route::valued_accuracy(verdicts.correct[chain[0]], values), .latency_us = path[0]}});
      continue;
    }
    const route::ScoreTable part_table = chain_table(table, chain);
    std::vector<std::vector<std::uint8_t>> correct;
    for (const std::size_t net : chain) correct.push_back(verdicts.correct[net]);
    for (const plan::PolicyKind policy : request.policies) {
      const route::ExitScores scores = route::policy_scores(part, policy, part_table);
      for (route::CurvePoint& point : route::CurveMaker(correct, scores, path, values).curve())
        front.push_back({chain, policy, std::move(point)});
    }
    keep_front(front);
    progress.update(c + 1);
  }
  keep_front(front);
  progress.finish();
  return front;
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
