// The direct convolution as Halide's autoscheduler would have it (A. Adams et al., "Learning to Optimize Halide with
// Tree Search and Random Programs", 2019): one candidate among the hand-written schedules.
#include "codegen/direct_convolution.h"

namespace triage::codegen {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

KernelCode automatic_code(const KernelKey& key, const Target& target) {
  static const bool loaded = [] { return Halide::load_plugin(TRIAGE_AUTOSCHEDULER), true; }();
  (void)loaded;
  DirectConvolution convolution(key, kLanes, target);
  const int stored = stored_channels(key.in_channels), blocks = convolution.channels / kLanes;
  convolution.map.set_estimates({{0, stored}, {0, key.width + 2}, {0, key.height + 2}});
  convolution.weights.set_estimates(
      {{0, convolution.types.group}, {0, kLanes}, {0, 9 * convolution.groups}, {0, blocks}});
  convolution.bias.set_estimates({{0, convolution.channels}});
  convolution.multiplier.set_estimates({{0, convolution.channels}});
  convolution.output.set_estimates(
      {{0, convolution.channels}, {0, key.width / convolution.step}, {0, key.height / convolution.step}});
  Halide::Pipeline(convolution.output)
      .apply_autoscheduler(Halide::Target(halide_target(target)), {"Adams2019", {{"parallelism", "1"}}});
  return convolution.code();
}

}  // namespace triage::codegen
