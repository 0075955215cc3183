// Pixels to the networks' input. One function for every part that feeds a network, so that all see the same floats.
#pragma once

#include <string>

#include "plan/arch.h"
#include "triage/classifier.h"

namespace triage::runtime {

// uint8 [height, width, channels] -> float32 [channels, height, width], value / 255. `output` has image.height *
// image.width * image.channels elements. Thread-safe, no allocation.
void to_input(const ImageView& image, float* output);

// Images must have the size that a plan takes. Throws engine::Failure (bad_input) naming `what` where they have not.
void require_shape(const plan::InputShape& found, const plan::InputShape& expected, const std::string& what);

}  // namespace triage::runtime
