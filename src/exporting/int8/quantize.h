// Static quantisation of a stage: ranges from calibration images, rounding, bias correction.
//
//   1 the stage runs in fp32 over the images; a histogram of every map (range_histogram.h)
//   2 the method of ranges: the one asked for, or of all three the one whose logits diverge least from fp32's
//   3 convolution by convolution, what rounding moved the mean of each output channel by goes into its bias
//     (M. Nagel et al., "Data-Free Quantization", ICCV 2019, with measured means)
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "exporting/int8/int8_config.h"
#include "exporting/stage_model.h"

namespace triage::exporting {

struct Int8Report {
  std::map<std::string, double> divergence;  // by method of ranges: mean KL divergence of the answers from fp32's, nats
  RangeMethod range = RangeMethod::minmax;   // the one that was taken
  double final_divergence = 0;               // bias correction included
};
Json to_json(const Int8Report& report);

// The stage with `int8` set. images: [count, input_size], what the stage reads; count >= 1. Throws Error naming the
// stage for a layer that it does not have.
StageModel quantize_stage(const StageModel& stage, std::span<const float> images, std::size_t count,
                          const Int8Options& options, Int8Report* report = nullptr);

// How much each convolution in 8 bits costs: mean KL divergence from fp32's answers with that one alone rounded, by
// layer. The worst are those to name in Int8Options::fp32. stage: from quantize_stage.
std::vector<std::pair<std::string, double>> layer_divergence(const StageModel& stage, std::span<const float> images,
                                                             std::size_t count, int batch = 64, int threads = 1);

}  // namespace triage::exporting
