#include "family/mbconv/mbconv.h"

#include <algorithm>
#include <format>

#include "core/error.h"

namespace triage::family {
namespace {

// The nearest multiple of 8, and not under 90 % of what is wanted.
int multiple_of_8(int wanted) {
  const int nearest = std::max(8, (wanted + 4) / 8 * 8);
  return nearest * 10 < wanted * 9 ? nearest + 8 : nearest;
}

}  // namespace

int MbconvFamily::draw(BlueprintBuilder& builder, const std::string& name, int from, const SectionBlock& block,
                       int width, int stride) const {
  const Activation activation = activation_of(block.hard_swish);
  const bool ratio = block.middle == Middle::ratio, expands = !ratio || block.size.low > 1;
  const int read = builder.channels(from), middle = ratio ? read * block.size.low : block.size.low;
  if (middle > plan::kMaxWidth)
    fail("mbconv net: {}: expected at most {} channels, found {}", name, plan::kMaxWidth, middle);
  int at = from;
  if (expands) at = builder.conv(name + ".expand", at, middle, {.kernel = 1, .activation = activation});
  at = builder.conv(name + ".depthwise", at, middle,
                    {.kernel = block.kernel.low, .stride = stride, .depthwise = true, .activation = activation});
  if (block.squeeze > 0) at = builder.squeeze_excite(name + ".se", at, multiple_of_8(middle / block.squeeze), true);
  at = builder.conv(name + ".project", at, width, {.kernel = 1, .activation = Activation::none});
  if (stride > 1 || read != width) return at;
  return builder.add(name + ".add", at, from, Activation::none);
}

}  // namespace triage::family
