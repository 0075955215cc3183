// What a stage costs besides its layers, fitted to stages that were measured whole.
//   us = scale * (sum of its layers) + per_layer * layers + fixed + image, where it reads the image
//        + per_head_kb * map that its head pools + per_carry_in_kb, per_carry_out_kb * maps taken over and handed over
#pragma once

#include <span>

#include "cost/cost_model.h"

namespace triage::cost {

// What the formula reads of a stage. Maps in KiB, fp32.
struct StageTerms {
  double layers_us = 0;
  int layers = 0;
  bool image = true;  // the stage begins at the image
  double head_kb = 0, carry_in_kb = 0, carry_out_kb = 0;
};
StageTerms stage_terms(const Segment& stage, const plan::InputShape& input);  // but layers_us

struct LayerFit {  // nothing is negative
  double scale = 1, per_layer_us = 0, fixed_us = 0, image_us = 0;
  double per_head_kb_us = 0, per_carry_in_kb_us = 0, per_carry_out_kb_us = 0;

  double predict(const StageTerms& stage) const;
  bool operator==(const LayerFit&) const = default;
};

// The non-negative coefficients with the least sum of squared relative errors. Terms that the stages cannot tell apart
// are explained with as few of them as possible. Throws Error without stages or where a time is not above 0.
LayerFit fit_layers(std::span<const StageTerms> stages, std::span<const double> measured_us);

}  // namespace triage::cost
