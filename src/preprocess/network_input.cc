#include "preprocess/network_input.h"

namespace triage::preprocess {

Preprocess plain_preprocess(const NetworkInput& input) {
  const auto channels = static_cast<std::size_t>(input.channels);
  return {.height = input.height,
          .width = input.width,
          .channels = input.channels,
          .layout = input.layout,
          .mean = std::vector<double>(channels, 0.0),
          .stddev = std::vector<double>(channels, 1.0)};
}

Preprocess squashed_preprocess(const NetworkInput& input) {
  Preprocess preprocess = plain_preprocess(input);
  preprocess.resize = {.mode = ResizeMode::exact,
                       .height = input.height,
                       .width = input.width,
                       .interpolation = Interpolation::bilinear,
                       .resampler = Resampler::pillow};
  return preprocess;
}

}  // namespace triage::preprocess
