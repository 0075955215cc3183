#include "route/plan_warnings.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.h"
#include "route/curve.h"
#include "route/metric.h"
#include "route/policy_choice.h"

namespace triage::route {
namespace {

constexpr int kRounds = 200;  // of a bootstrap
constexpr std::uint64_t kSeed = 1;

void order_of_costs(const plan::Plan& plan, std::vector<std::string>& out) {
  for (std::size_t s = 1; s < plan.stages.size(); ++s) {
    const double here = alone_latency_us(plan, s), before = alone_latency_us(plan, s - 1);
    if (here < before) {
      out.push_back(std::format("stage '{}' is cheaper than '{}' before it: {:.1f} against {:.1f} us",
                                plan.stages[s].name, plan.stages[s - 1].name, here, before));
    }
  }
}

void use_of_exits(const plan::Plan& plan, std::span<const std::uint8_t> exits, std::vector<std::string>& out) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const auto count = static_cast<std::size_t>(std::ranges::count(exits, static_cast<std::uint8_t>(s)));
    if (count == exits.size()) out.push_back(std::format("all {} images leave at '{}'", count, plan.stages[s].name));
    if (count == 0 && std::ranges::any_of(exits, [&](std::uint8_t exit) { return exit > s; }))
      out.push_back(std::format("none of {} images leaves at '{}'", exits.size(), plan.stages[s].name));
  }
}

// Stages alone against the plan, on the same images.
void stages_alone(const plan::Plan& plan, const Verdicts& of_stages, const Verdicts& of_exits,
                  std::span<const std::uint8_t> exits, const std::vector<double>& values,
                  std::vector<std::string>& out) {
  const std::size_t count = exits.size();
  const std::vector<double> path = path_latency_us(plan);
  std::vector<std::uint8_t> correct(count);
  double latency = 0, worth = 0;
  for (std::size_t i = 0; i < count; ++i) {
    correct[i] = of_exits.correct[exits[i]][i];
    latency += path[exits[i]] / static_cast<double>(count);
    worth += (values.empty() ? 1 : values[i]) / static_cast<double>(count);
  }
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const double alone = alone_latency_us(plan, s);
    if (alone > latency * (1 + 1e-9) || std::ranges::all_of(exits, [s](std::uint8_t exit) { return exit == s; }))
      continue;
    const std::vector<std::uint8_t>& of_stage = of_stages.correct[s];
    const auto points = [&](std::span<const std::uint32_t> rows) {  // of the plan, more than the stage
      double sum = 0;
      for (const std::uint32_t i : rows) sum += (values.empty() ? 1 : values[i]) * (correct[i] - of_stage[i]);
      return 100 * sum / worth / static_cast<double>(rows.size());
    };
    const Interval interval =
        bootstrap_interval(count, points, kRounds, derive_seed(kSeed, "stage alone " + plan.stages[s].name));
    if (interval.low > 0) continue;
    out.push_back(
        std::format("stage '{}' alone is as good as the plan on {} images: {:.2f} % in {:.1f} us against {:.2f} % in "
                    "{:.1f} us (the "
                    "plan's gain in points: [{:.2f}, {:.2f}])",
                    plan.stages[s].name, count, 100 * valued_accuracy(of_stage, values), alone,
                    100 * valued_accuracy(correct, values), latency, interval.low, interval.high));
  }
}

void against_random(const plan::Plan& plan, std::size_t count, const ExitAnswers& answers,
                    const std::vector<double>& values, std::vector<std::string>& out) {
  const CurveMaker maker(answers.verdicts.correct, answers.scores, path_latency_us(plan), values);
  const Area area = maker.area();
  if (!(area.strong > area.weak)) return;  // nothing to win by going on, and said of the stages alone
  std::vector<double> samples;
  std::vector<std::uint32_t> weights(count);
  const int rounds = plan.stages.size() == 2 ? kRounds : kRounds / 4;  // a grid of thresholds costs more than one sort
  for (int round = 0; round < rounds; ++round) {
    Rng rng(derive_seed(kSeed, "routing against random", static_cast<std::uint64_t>(round)));
    std::ranges::fill(weights, 0u);
    for (std::size_t i = 0; i < weights.size(); ++i) ++weights[rng.below(static_cast<std::uint32_t>(weights.size()))];
    const double apgr = maker.area(weights).apgr;
    if (std::isfinite(apgr)) samples.push_back(apgr);
  }
  if (samples.empty()) return;
  std::ranges::sort(samples);
  const double low = percentile(samples, 2.5), high = percentile(samples, 97.5);
  if (low > 0.5) return;
  out.push_back(std::format(
      "routing by '{}' is not shown to beat random routing on {} images: APGR {:.3f} [{:.3f}, {:.3f}], random is 0.5",
      plan::to_string(plan.policy), count, area.apgr, low, high));
}

void against_confidence(const plan::Plan& plan, const ScoreTable& table, const ExitAnswers& answers,
                        std::span<const std::uint8_t> exits, const std::vector<double>& values,
                        std::vector<std::string>& out) {
  if (plan.policy == plan::PolicyKind::confidence) return;
  std::vector<std::uint32_t> rows(exits.size());
  std::iota(rows.begin(), rows.end(), 0u);
  const std::vector<std::uint8_t> plain = exits_at_shares(policy_scores(plan, plan::PolicyKind::confidence, table),
                                                          rows, shares_going_on(exits, plan.stages.size()));
  PolicyGain gain = paired_gain(answers.verdicts, exits, plain, values);
  if (!(gain.points < -gain.error)) return;
  out.push_back(std::format(
      "routing by '{}' is worse than by plain confidence with as many images at each exit, on {} images: {:.2f} points "
      "[{:.2f}, {:.2f}]; --policy auto takes what wins",
      plan::to_string(plan.policy), exits.size(), gain.points, gain.points - 1.96 * gain.error,
      gain.points + 1.96 * gain.error));
}

}  // namespace

std::vector<std::string> plan_warnings(const plan::Plan& plan, const ScoreTable& table, const Verdicts& alone,
                                       std::span<const std::uint8_t> exits, plan::Metric metric) {
  std::vector<std::string> out;
  if (plan.stages.size() < 2 || exits.empty()) return out;
  const std::vector<double> values = image_values(metric, table.labels);
  order_of_costs(plan, out);
  use_of_exits(plan, exits, out);
  const ExitAnswers answers = exit_answers(plan, plan.policy, table);
  stages_alone(plan, alone, answers.verdicts, exits, values, out);
  against_random(plan, table.count(), answers, values, out);
  against_confidence(plan, table, answers, exits, values, out);
  return out;
}

}  // namespace triage::route
