// A made-up CPU for tests: how long each schedule takes is a formula, with cliffs where registers run out and where
// tiles do not fit, and some schedules crash.
#pragma once

#include <cmath>
#include <map>
#include <set>

#include "compiler/tuning/candidate_runner.h"
#include "core/rng.h"

namespace triage::compiler {

inline Target made_up_target() {
  return {.architecture = "x86_64", .features = kAvx2Build, .registers = 16, .register_bits = 256};
}

inline KernelKey made_up_key(int in, int out, int side, bool pool = false) {
  return {plan::Precision::fp32, in, out, side, side, pool};
}

// us without noise; none: it crashes.
inline std::optional<double> true_us(const KernelKey& key, const Schedule& s) {
  Rng luck(derive_seed(derive_seed(11, key.text()), s.text()));
  if (luck.uniform() < 0.05) return {};
  const auto waste = [](int size, int step) { return std::ceil(1.0 * size / step) * step / size; };
  double work = key.macs() / 30e3;
  if (s.algorithm == Algorithm::winograd2) work = work / 1.8 + key.in_channels * key.width * key.height / 8e3;
  if (s.algorithm == Algorithm::winograd4) work = work / 2.6 + key.in_channels * key.width * key.height / 3e3;
  const double tile = 1.0 * s.vectors * s.columns * s.rows, used = 2 * tile + 2 * s.vectors + s.unroll;
  const double loads = 1 + 1.5 * (s.vectors + s.columns * s.rows) / tile;
  const double spills = 1 + std::max(0.0, used - 16) * 0.04 * s.vectors;
  const double trips = 1 + 0.3 / s.unroll + 0.02 * s.unroll * s.unroll;
  const double weights = 9.0 * key.in_channels * key.out_channels, map = 1.0 * key.in_channels * key.width * key.height;
  const double order = (weights > map) == (s.order == LoopOrder::channels_outside) ? 1 : 1.15;
  return work * loads * spills * trips * order * waste(key.width, s.columns) * waste(key.height, s.rows) *
             waste(key.out_channels, kLanes * s.vectors) * (1 + 0.02 * luck.normal()) +
         0.5;
}

// Times with noise; counts what it was asked.
class MadeUpCpu {
 public:
  explicit MadeUpCpu(double noise = 0.02, std::uint64_t seed = 1) : noise_(noise), rng_(seed) {}

  CandidateResult operator()(const KernelKey& key, const Schedule& schedule) {
    ++calls;
    asked.push_back(schedule);
    distinct[key].insert(schedule);
    const std::optional<double> us = true_us(key, schedule);
    if (!us) return {.failure = "crashed with SIGILL"};
    std::vector<double> samples;
    for (int i = 0; i < 5; ++i) samples.push_back(*us * std::exp(noise_ * rng_.normal()));
    return outcome_of(samples);
  }

  int calls = 0;
  std::vector<Schedule> asked;
  std::map<KernelKey, std::set<Schedule>> distinct;

 private:
  double noise_;
  Rng rng_;
};

inline double min_us(const KernelKey& key, const Target& target) {
  double least = std::numeric_limits<double>::infinity();
  for (const Schedule& schedule : all_schedules(key, target)) {
    if (const std::optional<double> us = true_us(key, schedule)) least = std::min(least, *us);
  }
  return least;
}

}  // namespace triage::compiler
