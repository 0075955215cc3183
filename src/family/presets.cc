#include "family/presets.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace triage::family {
namespace {

constexpr std::string_view kSmallMbconv = "mbconv:16h/2-16e1-24e4x2/2-40k5e4s4hx2/2-80e4hx3/2-112k5e4s4hx2-c480h";

// A quarter of the multiply-adds of the same net behind a stem of stride 2, which it is the little one for.
constexpr std::string_view kQuarterResidual = "residual:16/4-16x2-32x2/2-64x2/2-128x2/2";

// Half as wide as ResNet-18: most of its multiply-adds lie in wide layers of small maps, which train fast.
constexpr std::string_view kHalfResnet18 = "residual:32k7/4-32x2-64x2/2-128x2/2-256x2/2";

constexpr Preset kPresets[] = {
    {32, "8-24,24-56,64-96,128", "plain, a little net"},
    {32, "24-64,64-192,192-256,256", "plain, a big net"},
    {32, "residual:12-12x3-24x3/2-48x3/2", "deep and narrow, small"},
    {32, "residual:16-16x3-32x3/2-64x3/2", "ResNet-20"},
    {32, "residual:16-16s16x9-32s16x9/2-64s16x9/2", "SE-ResNet-56"},
    {32, "residual:16-16x18-32x18/2-64x18/2", "ResNet-110"},
    {32, "residual:16-64x2-128x2/2-256x2/2", "WRN-16-4"},
    {32, "mbconv:16-16e1-24e4x2/2-48e4x3/2-96e4x2/2-c384", "stem of stride 1"},
    {64, "residual:16/2-16x3-32x3/2-64x3/2", "ResNet-20 behind a stem of stride 2"},
    {64, "residual:24/2-24x3-48x3/2-96x3/2", "the same, wider"},
    {64, "residual:32/2-32x2-64x2/2-128x2/2-256x2/2", "four sections"},
    {64, "mbconv:16h/2-16e1-24e4x2/2-40k5e4s4hx2/2-80e4hx3/2-c480h", "MobileNetV3 class"},
    {96, "residual:16/2-16x2-32x2/2-64x2/2-128x2/2", "stem of stride 2"},
    {96, kQuarterResidual, "stem of stride 4"},
    {96, kHalfResnet18, "half a ResNet-18"},
    {96, kSmallMbconv, "MobileNetV3 class"},
    {128, "residual:16/2-16x2-32x2/2-64x2/2-128x2/2", "as at 96"},
    {128, kQuarterResidual, "as at 96"},
    {128, kHalfResnet18, "half a ResNet-18"},
    {128, "residual:48k7/4-48x2-96x2/2-192x2/2-384x2/2", "three quarters of a ResNet-18"},
    {128, kSmallMbconv, "as at 96"},
    {224, kHalfResnet18, "half a ResNet-18"},
    {224, kQuarterResidual, "as at 96"},
    {224, "mbconv:16h/2-16e1-24e4x2/2-40k5e4s4hx3/2-80e4hx3/2-112e4s4hx2-160k5e6s4hx2/2-c960h", "MobileNetV3 class"},
};

}  // namespace

std::span<const Preset> presets() { return kPresets; }

std::vector<Preset> presets_for(int height, int width) {
  const double shorter = std::min(height, width);
  const auto apart = [&](const Preset& preset) { return std::abs(std::log(preset.side / shorter)); };
  const int side = std::ranges::min_element(kPresets, {}, apart)->side;
  std::vector<Preset> found;
  std::ranges::copy_if(kPresets, std::back_inserter(found), [&](const Preset& preset) { return preset.side == side; });
  return found;
}

}  // namespace triage::family
