// Temperature scaling: logits divided by one number per exit, chosen to minimise the negative log-likelihood.
// Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "route/score_table.h"

namespace triage::route {

// Mean negative log-likelihood of softmax(logits / temperature); logits [labels.size(), classes].
double negative_log_likelihood(std::span<const float> logits, int classes, std::span<const Label> labels,
                               double temperature);

// The minimiser in [0.05, 20], by golden section on log T (the loss is convex in 1 / T, so it has one minimum).
// 1 when there are no images.
double fit_temperature(std::span<const float> logits, int classes, std::span<const Label> labels);

// One per stage. Use the route split: images no stage was trained on.
std::vector<double> fit_temperatures(const ScoreTable& table);

}  // namespace triage::route
