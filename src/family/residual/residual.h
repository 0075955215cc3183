// Residual nets (He et al. 2016, "Deep Residual Learning"): blocks that add what they read, deep and narrow on CIFAR.
//
// A basic block is conv 3x3, batch norm, ReLU, conv 3x3, batch norm, [squeeze-and-excite], + skip, ReLU; a bottleneck
// conv 1x1, conv 3x3 (which has the stride), conv 1x1, the same way. The skip is what the block reads, or, where stride
// or channels differ, a 1x1 convolution of it with batch norm. The last section is averaged over space. A stem of
// stride 4 is a convolution of stride 2 and a 3x3 max pool of stride 2. Squeeze-and-excite: Hu et al. 2018, a sigmoid.
#pragma once

#include "family/sections/section_family.h"

namespace triage::family {

class ResidualFamily final : public SectionFamily {
 public:
  ResidualFamily() : SectionFamily({.family = "residual", .middles = "mb", .stem_strides = {1, 2, 4}}) {}

  int draw(BlueprintBuilder& builder, const std::string& name, int from, const SectionBlock& block, int width,
           int stride) const override;
  int draw_stem(BlueprintBuilder& builder, const SectionNet& net) const override;
};

}  // namespace triage::family
