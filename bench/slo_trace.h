// The trace of slo_bench, and what is known of it without playing it: by simulation (simulated_queue.h).
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "core/rng.h"
#include "route/curve.h"
#include "route/policy_scores.h"
#include "route/score_table.h"
#include "runtime/control/simulated_queue.h"
#include "threshold/choose.h"
#include "triage/controller.h"

namespace triage::slo {

// Rates are shares of what the worker can do when every image leaves at the first exit.
inline constexpr double kLeastRate = 0.1, kMostRate = 0.85, kStepSeconds = 4;

// Steps whose lengths are exponential and whose rates are uniform on a logarithmic scale.
inline std::vector<runtime::LoadStep> steps_of(double seconds, double most_per_second, std::uint64_t seed) {
  Rng rng(derive_seed(seed, "steps"));
  std::vector<runtime::LoadStep> steps;
  while (seconds > 0) {
    const double length = std::min(seconds, -kStepSeconds * std::log(1 - rng.uniform()));
    const double rate = most_per_second * kLeastRate * std::pow(kMostRate / kLeastRate, rng.uniform());
    steps.push_back({length, rate});
    seconds -= length;
  }
  return steps;
}

struct Tally {
  std::size_t requests = 0, missed = 0, answered = 0, right = 0, switches = 0;
  double accuracy() const { return answered == 0 ? 0 : static_cast<double>(right) / static_cast<double>(answered); }
  double miss_share() const { return requests == 0 ? 0 : static_cast<double>(missed) / static_cast<double>(requests); }
  Tally& operator+=(const Tally& other) {
    requests += other.requests;
    missed += other.missed;
    answered += other.answered;
    right += other.right;
    switches += other.switches;
    return *this;
  }
};

struct Simulated {
  double accuracy = 0, miss_share = 0;
};

// Requests that begin after their time are not run, as in Play.
inline Simulated simulate(const PlanCurve& curve, std::span<const double> arrivals, double slo_us, std::uint64_t seed,
                          Controller* controller, std::size_t fixed) {
  runtime::SimulatedServer server;
  server.point_at = [&](double now, std::size_t waiting, double oldest_wait_us) {
    if (controller == nullptr) return fixed;
    return controller
        ->decide({.seconds = now, .waiting = static_cast<double>(waiting), .oldest_wait_us = oldest_wait_us})
        .index;
  };
  if (controller != nullptr) {
    server.arrived = [&](double now) { controller->arrived(now); };
    server.answered = [&](std::size_t exit, double work_us) { controller->served(curve.path_us[exit], work_us); };
  }
  server.give_up_us = slo_us;
  Simulated out;
  double right = 0, answered = 0, missed = 0;
  const auto answers = runtime::simulate_queue(curve, arrivals, runtime::random_draws(seed), server);
  for (const runtime::SimulatedAnswer& answer : answers) {
    missed += answer.response_us > slo_us ? 1 : 0;
    if (answer.given_up) continue;
    right += curve.points[answer.point].accuracy;
    answered += 1;
  }
  out.accuracy = right / std::max(answered, 1.0);
  out.miss_share = missed / std::max(static_cast<double>(answers.size()), 1.0);
  return out;
}

// The curve of the test images on this machine, for choosing fixed thresholds: many points, so that the fixed plans of
// the comparison are as good as fixed ones can be.
inline PlanCurve fixed_curve(const plan::Plan& plan, const route::ScoreTable& table,
                             const std::vector<double>& path_us) {
  const route::ExitAnswers answers = route::exit_answers(plan, plan.policy, table);
  const auto all = route::CurveMaker(answers.verdicts.correct, answers.scores, path_us).curve();
  const auto front = threshold::pareto_front(
      all.size(), [&](std::size_t i) { return all[i].latency_us; }, [&](std::size_t i) { return all[i].accuracy; });
  PlanCurve curve{.metric = "accuracy", .split = "test", .images = table.count(), .path_us = path_us};
  for (const std::size_t i : front) {
    curve.points.push_back(
        {.thresholds = all[i].thresholds,
         .accuracy = all[i].accuracy,
         .mean_latency_us = all[i].latency_us,
         .exit_share = route::exit_shares(route::exits_taken(answers.scores, all[i].thresholds), path_us.size())});
  }
  return curve;
}

// The controller's curve with what its points come to on these images.
inline PlanCurve on_test_images(const PlanCurve& promised, const plan::Plan& plan, const route::ScoreTable& table,
                                const std::vector<double>& path_us) {
  const route::ExitAnswers answers = route::exit_answers(plan, plan.policy, table);
  PlanCurve curve = promised;
  curve.path_us = path_us;
  for (OperatingPoint& point : curve.points) {
    const std::vector<std::uint8_t> exits = route::exits_taken(answers.scores, point.thresholds);
    point.exit_share = route::exit_shares(exits, path_us.size());
    double right = 0;
    for (std::size_t i = 0; i < exits.size(); ++i) right += answers.verdicts.correct[exits[i]][i];
    point.accuracy = right / static_cast<double>(exits.size());
    point.mean_latency_us = 0;
    for (std::size_t s = 0; s < path_us.size(); ++s) point.mean_latency_us += point.exit_share[s] * path_us[s];
  }
  return curve;
}

inline constexpr double kLadder[] = {-0.75, -0.25, 0.25};  // of the controller's accuracy on trial, in points

// The most accurate point up to an accuracy; the first where none is.
inline std::size_t point_up_to(const PlanCurve& curve, double accuracy) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < curve.points.size(); ++i)
    if (curve.points[i].accuracy <= accuracy) best = i;
  return best;
}

// The dearest point that misses no more, simulated: misses rise along the curve.
inline std::size_t point_that_attains(const PlanCurve& curve, std::span<const double> arrivals, double slo_us,
                                      std::uint64_t seed, double miss_share) {
  std::size_t low = 0, high = curve.points.size() - 1;
  while (low < high) {
    const std::size_t middle = (low + high + 1) / 2;
    if (simulate(curve, arrivals, slo_us, seed, nullptr, middle).miss_share <= miss_share)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

// Points of the curve to play, rising: one that misses as few as the controller did on trial, one halfway, and those
// around its accuracy.
inline std::vector<std::size_t> ladder_of(const PlanCurve& fixed, std::size_t attaining, double accuracy) {
  std::vector<std::size_t> ladder{attaining};
  ladder.push_back(point_up_to(fixed, (fixed.points[attaining].accuracy + accuracy) / 2));
  for (const double points : kLadder) ladder.push_back(point_up_to(fixed, accuracy + points / 100));
  std::ranges::sort(ladder);
  const auto twice = std::ranges::unique(ladder);
  ladder.erase(twice.begin(), twice.end());
  return ladder;
}

// Of each step, known beforehand, the most accurate fixed point of which at most 1 % miss; simulated.
inline Tally oracle(const PlanCurve& curve, std::span<const runtime::LoadStep> steps, double slo_us,
                    std::uint64_t seed) {
  Tally tally;
  double right = 0;
  constexpr std::size_t kTriedPoints = 40;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    const std::vector<double> arrivals = runtime::poisson_arrivals(steps.subspan(s, 1), derive_seed(seed, "step", s));
    Simulated best;
    for (std::size_t k = 0; k < kTriedPoints; ++k) {  // from the most accurate on
      const std::size_t point = (curve.points.size() - 1) * (kTriedPoints - 1 - k) / (kTriedPoints - 1);
      best = simulate(curve, arrivals, slo_us, seed, nullptr, point);
      if (best.miss_share <= 0.01) break;
    }
    const auto count = static_cast<double>(arrivals.size());
    tally.requests += arrivals.size();
    tally.missed += static_cast<std::size_t>(std::lround(best.miss_share * count));
    tally.answered += arrivals.size();
    right += best.accuracy * count;
  }
  tally.right = static_cast<std::size_t>(std::lround(right));
  return tally;
}

}  // namespace triage::slo
