// What a stage costs besides its layers, fitted to stages that were measured whole.
//   us = scale * (sum of its layers) + (per_layer - profiler) * layers + fixed
//        + image + per_image_kb * image where it reads that, + resize where it sees it at another size
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
  bool resized = false;
  double head_kb = 0, carry_in_kb = 0, carry_out_kb = 0, image_kb = 0;
};
// All but layers_us. input: of the image before a net with a resolution of its own sees it.
StageTerms stage_terms(const SegmentNet& stage, bool carry, const plan::InputShape& input);

struct LayerFit {  // nothing is negative
  double scale = 1, per_layer_us = 0, fixed_us = 0, image_us = 0;
  double profiler_us = 0;  // that the engine's profiler adds to each layer, which counts where layers take few µs
  double per_head_kb_us = 0, per_carry_in_kb_us = 0, per_carry_out_kb_us = 0;
  double per_image_kb_us = 0, resize_us = 0;  // 0 where all nets of a space see the image as it comes

  double predict(const StageTerms& stage) const;  // above 0
  bool operator==(const LayerFit&) const = default;
};

// The non-negative coefficients (profiler_us is taken off) with the least sum of squared relative errors. Terms that
// the stages cannot tell apart are explained with as few of them as possible. Throws Error without stages or where a
// time is not above 0.
LayerFit fit_layers(std::span<const StageTerms> stages, std::span<const double> measured_us);

}  // namespace triage::cost
