#include "evaluate/compare/policies.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.h"
#include "route/metric.h"

namespace triage::evaluate {
namespace {

// 95 % percentile interval; none when fewer than half of the resamples gave a number.
std::optional<Interval> interval_of(std::vector<double> samples) {
  const std::size_t rounds = samples.size();
  std::erase_if(samples, [](double v) { return !std::isfinite(v); });
  if (samples.empty() || samples.size() * 2 < rounds) return std::nullopt;
  std::ranges::sort(samples);
  return Interval{percentile(samples, 2.5), percentile(samples, 97.5)};
}

std::optional<double> finite(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

// At most `limit` points, evenly spread over the share; the first and the last stay.
std::vector<results::CurvePoint> thinned(const std::vector<route::CurvePoint>& curve, std::size_t limit) {
  std::vector<results::CurvePoint> out;
  const double spacing = 1.0 / static_cast<double>(std::max<std::size_t>(limit, 3) - 2);
  double next = 0;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const route::CurvePoint& point = curve[i];
    if (curve.size() > limit && i + 1 < curve.size() && point.share < next) continue;
    next = spacing * (std::floor(point.share / spacing) + 1);
    out.push_back({.thresholds = point.thresholds,
                   .accuracy = point.accuracy,
                   .latency_us = point.latency_us,
                   .escalation = point.escalation});
  }
  return out;
}

// Areas of every policy on the same resamples of the images.
using Samples = std::map<std::string, std::vector<route::Area>>;
Samples bootstrap(const std::map<std::string, route::CurveMaker>& makers, std::size_t count, int rounds,
                  std::uint64_t seed) {
  Samples out;
  std::vector<std::uint32_t> weights(count);
  for (int round = 0; round < rounds; ++round) {
    Rng rng(derive_seed(seed, "policy bootstrap", static_cast<std::uint64_t>(round)));
    std::ranges::fill(weights, 0u);
    for (std::size_t i = 0; i < count; ++i) ++weights[rng.below(static_cast<std::uint32_t>(count))];
    for (const auto& [name, maker] : makers) out[name].push_back(maker.area(weights));
  }
  return out;
}

results::Policy policy_of(const std::string& name, const route::Area& area, const route::Area& oracle,
                          const std::vector<route::Area>& samples, const std::vector<route::Area>& oracle_samples,
                          const PolicyCurve& curve, const ComparisonOptions& options) {
  std::vector<double> apgr, placed;
  for (std::size_t r = 0; r < samples.size(); ++r) {
    apgr.push_back(samples[r].apgr);
    placed.push_back(route::between_random_and_oracle(samples[r], oracle_samples[r]));
  }
  return {.name = name,
          .curve = thinned(curve.curve, options.curve_points),
          .apgr = {.value = finite(area.apgr), .interval = interval_of(std::move(apgr))},
          .between_random_and_oracle = {.value = finite(route::between_random_and_oracle(area, oracle)),
                                        .interval = interval_of(std::move(placed))},
          .calls_for = {finite(area.calls[0]), finite(area.calls[1]), finite(area.calls[2])}};
}

}  // namespace

Comparison compare_policies(const plan::Plan& plan, const route::ScoreTable& table, const ComparisonOptions& options) {
  Comparison out;
  if (plan.stages.size() < 2) return out;
  const route::Verdicts verdicts = route::exit_verdicts(plan, table);
  const std::vector<double> path = route::path_latency_us(plan);

  std::vector<std::pair<std::string, route::ExitScores>> scores;  // in the order of the file
  const auto exits = std::span(plan.stages).first(plan.stages.size() - 1);
  for (const plan::PolicyKind kind : plan::kPolicyKinds) {
    if (kind == plan::PolicyKind::agreement && exits.size() < 2) continue;  // as confidence
    const bool routers = std::ranges::all_of(exits, [](const plan::Stage& s) { return s.exit.router.has_value(); });
    if (kind == plan::PolicyKind::learned && !routers) continue;
    scores.emplace_back(plan::to_string(kind), route::policy_scores(plan, kind, table));
  }
  scores.emplace_back("random", route::random_scores(exits.size(), table.count(), options.seed));
  scores.emplace_back("oracle", route::oracle_scores(verdicts));

  std::map<std::string, route::CurveMaker> makers;
  for (const auto& [name, score] : scores)
    makers.try_emplace(name, verdicts.correct, score, path, route::image_values(options.metric, table.labels));
  // A grid of thresholds costs more than one sort: fewer resamples.
  const int rounds = plan.stages.size() == 2 ? options.bootstrap_rounds : options.bootstrap_rounds / 5;
  const Samples samples = bootstrap(makers, table.count(), rounds, options.seed);
  const route::Area oracle = makers.at("oracle").area();
  for (auto& [name, score] : scores) {
    const route::CurveMaker& maker = makers.at(name);
    PolicyCurve& curve = out.curves[name] = {std::move(score), maker.curve()};
    out.policies.push_back(
        policy_of(name, maker.area(), oracle, samples.at(name), samples.at("oracle"), curve, options));
  }
  for (const auto& [a, b] : {std::pair{"learned", "confidence"}, {"learned", "random"}, {"confidence", "random"}}) {
    if (!makers.contains(a)) continue;
    std::vector<double> difference;
    for (std::size_t r = 0; r < samples.at(a).size(); ++r) {
      difference.push_back(samples.at(a)[r].apgr - samples.at(b)[r].apgr);
    }
    out.differences.push_back({.a = a,
                               .b = b,
                               .apgr = {.value = finite(makers.at(a).area().apgr - makers.at(b).area().apgr),
                                        .interval = interval_of(std::move(difference))}});
  }
  return out;
}

const route::CurvePoint& point_at(const std::vector<route::CurvePoint>& curve, double latency_us) {
  const auto after = std::ranges::upper_bound(curve, latency_us * (1 + 1e-12), {}, &route::CurvePoint::latency_us);
  return after == curve.begin() ? curve.front() : *(after - 1);
}

std::vector<std::uint8_t> correct_at(const route::Verdicts& verdicts, std::span<const std::uint8_t> exits) {
  std::vector<std::uint8_t> out(exits.size());
  for (std::size_t i = 0; i < exits.size(); ++i) out[i] = verdicts.correct[exits[i]][i];
  return out;
}

results::PairedTest paired_test(const std::string& a, std::span<const std::uint8_t> correct_a, const std::string& b,
                                std::span<const std::uint8_t> correct_b, double at_latency_us,
                                const ComparisonOptions& options) {
  std::vector<double> difference(correct_a.size());
  std::size_t only_a = 0, only_b = 0;
  for (std::size_t i = 0; i < difference.size(); ++i) {
    difference[i] = 100.0 * (correct_a[i] - correct_b[i]);
    only_a += correct_a[i] > correct_b[i];
    only_b += correct_b[i] > correct_a[i];
  }
  const auto mean_of = [&](std::span<const std::uint32_t> rows) {
    double sum = 0;
    for (std::uint32_t i : rows) sum += difference[i];
    return sum / static_cast<double>(rows.size());
  };
  const Interval interval = bootstrap_interval(difference.size(), mean_of, options.bootstrap_rounds,
                                               derive_seed(options.seed, "paired test " + a + " " + b));
  return {.a = a,
          .b = b,
          .at_latency_us = at_latency_us,
          .difference_points =
              std::accumulate(difference.begin(), difference.end(), 0.0) / static_cast<double>(difference.size()),
          .interval = interval,
          .mcnemar_p = mcnemar_p(only_a, only_b)};
}

}  // namespace triage::evaluate
