// What "accuracy" means where a point of a curve is chosen.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/label.h"
#include "plan/plan.h"

namespace triage::route {

// How much a right answer to each image counts [count]: balanced, in proportion to 1 / (classes * images of its class),
// over the classes that have images; accuracy, all the same (empty). The values are whole numbers, so that their sums
// are exact and settings of equal accuracy compare equal.
std::vector<double> image_values(plan::Metric metric, std::span<const Label> labels);

// Share of right answers, by these values.
double valued_accuracy(std::span<const std::uint8_t> correct, std::span<const double> values);

}  // namespace triage::route
