// Training of the learned routers (plan::Router) on the route split, with the nets frozen: all it needs is a
// ScoreTable.
//
// A router is standardised [pooled early features, confidence, entropy, margin] -> ReLU(hidden) -> sigmoid, plus a skip
// from the confidence. It starts as a monotone function of the confidence (hidden part zero, skip negative), so its
// ranking starts as the confidence policy's and training can only add to it.
//
// Objectives, each with its exits trained together (S stages):
//   mixed(lambda)  -log p(y) + lambda * L, with p = sum_k (prod_{j<k} g_j) (1 - g_k) p_k the prediction in expectation
//   and
//                  L the expected latency of the path divided by the longest path's.
//   gain(blend)    per exit, cross-entropy of g with (1 + u) / 2, whose minimiser ranks by E[u | x], the order that
//                  maximises accuracy at every share. u = right(last) - right(this) from labels, blended with the same
//                  expectation under the last stage's calibrated probabilities (less noise, and blind to its mistakes).
// Inputs, objective, weight decay, number of steps and how far to move away from the confidence ranking are chosen by
// repeated cross-validation on the area under the accuracy/share curve. Whether to move away at all is decided on folds
// that took no part in the choice: where nothing is gained, the routers returned rank exactly as confidence does.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/json.h"
#include "plan/plan.h"
#include "route/router/router_options.h"
#include "route/score_table.h"

namespace triage::route {

struct TrainedRouters {
  std::vector<plan::Router> routers;  // one per exit but the last
  bool learned = false;               // false: rank as confidence does, nothing better was found
  Json report;                        // the candidates, their scores, the choice, seconds: for the run directory
};

// exits: one per stage, with their temperatures and answer_weights. path_latency_us: one per stage, cumulative.
// Deterministic for a seed and thread count; seconds on 2,500 images. Throws Error on sizes that do not match and on
// too few images (< 10 per fold).
TrainedRouters train_routers(const ScoreTable& table, std::span<const plan::Exit> exits,
                             std::span<const double> path_latency_us, const RouterTrainingOptions& options = {});

// For people and Python: torch.load gives {"exit0.weight1": tensor, ...} with the names of plan::Router's fields.
void save_router_pt(const fs::path& path, std::span<const plan::Router> routers);

}  // namespace triage::route
