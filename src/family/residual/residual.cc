#include "family/residual/residual.h"

#include <algorithm>

namespace triage::family {

int ResidualFamily::draw_stem(BlueprintBuilder& builder, const SectionNet& net) const {
  const int stem = SectionFamily::draw_stem(builder, net);
  return net.stem_stride == 4 ? builder.max_pool("stem/pool", stem, 3) : stem;
}

int ResidualFamily::draw(BlueprintBuilder& builder, const std::string& name, int from, const SectionBlock& block,
                         int width, int stride) const {
  const Activation activation = activation_of(block.hard_swish);
  const int middle = block.middle == Middle::width ? width : block.size.low;
  int at = from;
  if (block.middle == Middle::bottleneck) {
    at = builder.conv(name + ".reduce", at, middle, {.kernel = 1, .activation = activation});
    at = builder.conv(name + ".middle", at, middle,
                      {.kernel = block.kernel.low, .stride = stride, .activation = activation});
    at = builder.conv(name + ".restore", at, width, {.kernel = 1, .activation = Activation::none});
  } else {
    at = builder.conv(name + ".conv0", at, middle,
                      {.kernel = block.kernel.low, .stride = stride, .activation = activation});
    at = builder.conv(name + ".conv1", at, width, {.kernel = block.kernel.low, .activation = Activation::none});
  }
  if (block.squeeze > 0) at = builder.squeeze_excite(name + ".se", at, std::max(1, width / block.squeeze), false);
  int skip = from;
  if (stride > 1 || builder.channels(from) != width) {
    skip = builder.conv(name + ".skip", from, width, {.kernel = 1, .stride = stride, .activation = Activation::none});
  }
  return builder.add(name + ".add", at, skip, activation);
}

}  // namespace triage::family
