// Which of some nets to ask, in which order, by which policy and at which thresholds: from what every net says about
// every image and what it costs, nothing is run. Single nets are points like any other.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "route/curve.h"
#include "route/score_table.h"
#include "workflow/config/build_config.h"

namespace triage::workflow {

struct CascadePoint {
  std::vector<std::size_t> chain;  // numbers of nets, in the order in which they are asked; one: that net alone
  plan::PolicyKind policy = plan::PolicyKind::confidence;
  std::vector<std::vector<double>> weights;  // of each exit's answer (plan::Exit::answer_weights); empty: its own alone
  route::CurvePoint at;                      // on the validation split
  std::shared_ptr<const std::vector<plan::Router>> routers = {};  // of the exits but the last; of policy learned alone
};

struct SolveRequest {
  std::size_t max_stages = 3;  // nets in a chain, at most
  std::vector<plan::PolicyKind> policies{plan::PolicyKind::confidence, plan::PolicyKind::entropy,
                                         plan::PolicyKind::margin, plan::PolicyKind::agreement};
  plan::Metric metric = plan::Metric::accuracy;
  Context context;
};

// All chains of distinct nets, in any order, under each policy at all thresholds: the points that no other one beats
// in both accuracy and mean latency, rising. plan: all nets as its stages, with costs, temperatures and, where a policy
// needs them, routers; validation and fitted: tables of those stages. Exits answer alone or, where that wins on
// `fitted` (route/answer_weights.h), together with those before them. Of points that are equal the one of fewer nets
// stays.
std::vector<CascadePoint> solve_cascades(const plan::Plan& plan, const route::ScoreTable& validation,
                                         const route::ScoreTable& fitted, const SolveRequest& request);

// Keeps of points those that no other one beats, by rising latency; of equal ones the first.
void keep_front(std::vector<CascadePoint>& points);

// The points of the front, by their numbers, that are worth what they cost as far as these images can tell: nets alone,
// and chains that are right more often than each net alone that costs no more (by more than 1.96 standard errors of the
// paired difference).
std::vector<std::size_t> sure_points(std::span<const CascadePoint> front, const plan::Plan& plan,
                                     const route::ScoreTable& validation, plan::Metric metric);

// The point that is asked for; without a target the knee of the points `sure`. Throws Error, naming what would be
// possible, where none is.
const CascadePoint& choose_cascade(std::span<const CascadePoint> front, const BuildTarget& target,
                                   std::span<const std::size_t> sure);

// The plan that a point stands for: its chain, policy, thresholds, weights and routers.
plan::Plan plan_at(const plan::Plan& plan, const CascadePoint& point);

}  // namespace triage::workflow
