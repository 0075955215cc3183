// Policies compared on one table: curves, areas with intervals, paired tests. The parts of results.json that are
// about routing rather than about a single setting.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "results/figures.h"
#include "route/curve.h"

namespace triage::evaluate {

struct ComparisonOptions {
  int bootstrap_rounds = 1000;     // over images; the same resamples for all policies, so differences are paired
  std::size_t curve_points = 200;  // at most, in the file
  std::uint64_t seed = 1;          // of the random policy and the bootstrap
  plan::Metric metric = plan::Metric::accuracy;  // of the curves and their areas
};

struct PolicyCurve {
  route::ExitScores scores;
  std::vector<route::CurvePoint> curve;
};

struct Comparison {
  std::map<std::string, PolicyCurve> curves;  // by policy: learned (with routers), confidence, entropy, margin,
                                              // agreement (from three stages on), random, oracle
  std::vector<results::Policy> policies;      // the same, in that order, with at most curve_points
  std::vector<results::ApgrDifference> differences;
};

// Empty when the plan has one stage.
Comparison compare_policies(const plan::Plan& plan, const route::ScoreTable& table, const ComparisonOptions& options);

// The most expensive point that costs at most `latency_us`; the first point when none does.
const route::CurvePoint& point_at(const std::vector<route::CurvePoint>& curve, double latency_us);

// What a cascade says: 1 where the answer of the exit each image left at is right.
std::vector<std::uint8_t> correct_at(const route::Verdicts& verdicts, std::span<const std::uint8_t> exits);

// a minus b in percentage points, a paired bootstrap interval and McNemar's exact test on the same images.
results::PairedTest paired_test(const std::string& a, std::span<const std::uint8_t> correct_a, const std::string& b,
                                std::span<const std::uint8_t> correct_b, double at_latency_us,
                                const ComparisonOptions& options);

}  // namespace triage::evaluate
