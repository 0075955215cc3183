#include "route/plan_curve.h"

#include <algorithm>

#include "route/curve.h"
#include "route/metric.h"
#include "route/policy_scores.h"
#include "threshold/choose.h"

namespace triage::route {
namespace {

// Knots at evenly spaced ranks; of equal scores the last, so that each share is exact.
std::vector<ScoreKnot> knots_of(std::vector<float> scores, std::size_t most) {
  std::ranges::sort(scores);
  const std::size_t count = scores.size(), wanted = std::min(count, most);
  std::vector<ScoreKnot> knots;
  for (std::size_t k = 1; k <= wanted; ++k) {
    const auto end = std::ranges::upper_bound(scores, scores[k * count / wanted - 1]);
    const double share = static_cast<double>(end - scores.begin()) / static_cast<double>(count);
    if (knots.empty() || share > knots.back().share) knots.push_back({*(end - 1), share});
  }
  return knots;
}

// What the plan does on the table's images at these thresholds.
class Measured {
 public:
  Measured(const plan::Plan& plan, const ScoreTable& table, plan::Metric metric)
      : answers(exit_answers(plan, plan.policy, table)),
        path(path_latency_us(plan)),
        values(image_values(metric, table.labels)) {}

  OperatingPoint at(const std::vector<double>& thresholds) const {
    const std::size_t stages = path.size(), images = answers.verdicts.label[0].size();
    const std::vector<std::uint8_t> exits =
        stages == 1 ? std::vector<std::uint8_t>(images, 0) : exits_taken(answers.scores, thresholds);
    OperatingPoint point{.thresholds = thresholds, .exit_share = exit_shares(exits, stages)};
    std::vector<std::uint8_t> correct(images);
    std::vector<std::size_t> left(stages), agreed(stages);
    for (std::size_t i = 0; i < images; ++i) {
      const std::size_t exit = exits[i];
      correct[i] = answers.verdicts.correct[exit][i];
      ++left[exit];
      agreed[exit] += answers.verdicts.label[exit][i] == answers.verdicts.label.back()[i] ? 1 : 0;
    }
    point.accuracy = valued_accuracy(correct, values);
    for (std::size_t s = 0; s < stages; ++s) {
      point.mean_latency_us += point.exit_share[s] * path[s];
      if (s + 1 < stages)
        point.agreement.push_back(left[s] == 0 ? 1 : static_cast<double>(agreed[s]) / static_cast<double>(left[s]));
    }
    return point;
  }

  ExitAnswers answers;
  std::vector<double> path, values;
};

// Of a front in rising latency, the last point up to each of evenly spaced latencies.
std::vector<std::size_t> thinned(const std::vector<OperatingPoint>& points, const std::vector<std::size_t>& front,
                                 std::size_t most) {
  if (front.size() <= most) return front;
  const double low = points[front.front()].mean_latency_us, high = points[front.back()].mean_latency_us;
  std::vector<std::size_t> kept;
  std::size_t next = 0;
  for (std::size_t level = 0; level < most; ++level) {
    const bool last = level + 1 == most;
    const double upper = low + (high - low) * static_cast<double>(level) / static_cast<double>(most - 1);
    const std::size_t begun = next;
    while (next < front.size() && (last || points[front[next]].mean_latency_us <= upper)) ++next;
    if (next > begun) kept.push_back(front[next - 1]);
  }
  return kept;
}

}  // namespace

PlanCurve plan_curve(const plan::Plan& plan, const ScoreTable& table, const PlanCurveOptions& options) {
  if (table.count() == 0) fail("plan '{}': a curve of the split '{}': found no images", plan.name, options.split);
  if (options.points < 2) fail("a curve: expected at least 2 points, found {}", options.points);
  const Measured measured(plan, table, options.metric);
  PlanCurve curve{.metric = plan::to_string(options.metric),
                  .split = options.split,
                  .images = table.count(),
                  .path_us = measured.path};
  std::vector<double> own;
  for (std::size_t s = 0; s + 1 < plan.stages.size(); ++s) own.push_back(plan.stages[s].exit.threshold);
  curve.plan = measured.at(own);
  if (plan.stages.size() == 1) {
    curve.points = {curve.plan};
    return curve;
  }
  const ExitAnswers& answers = measured.answers;
  std::vector<OperatingPoint> all;
  for (CurvePoint& point :
       CurveMaker(answers.verdicts.correct, answers.scores, measured.path, measured.values).curve()) {
    all.push_back(
        {.thresholds = std::move(point.thresholds), .accuracy = point.accuracy, .mean_latency_us = point.latency_us});
  }
  const std::vector<std::size_t> front = threshold::pareto_front(
      all.size(), [&](std::size_t i) { return all[i].mean_latency_us; },
      [&](std::size_t i) { return all[i].accuracy; });
  for (const std::size_t i : thinned(all, front, options.points))
    curve.points.push_back(measured.at(all[i].thresholds));
  for (const std::vector<float>& scores : answers.scores) curve.scores.push_back(knots_of(scores, options.knots));
  return curve;
}

}  // namespace triage::route
