// Inverted residual nets: MobileNetV2 (Sandler et al. 2018), V3 (Howard et al. 2019), V4's of this form (Qin et al.
// 2024).
//
// A block is conv 1x1 to the middle's channels, depthwise convolution (which has the stride), [squeeze-and-excite],
// conv 1x1 to the section's width; batch norm behind each, an activation behind the first two. It adds what it reads
// where stride is 1 and channels are equal. With a ratio of 1 the first convolution is left out. Squeeze-and-excite is
// V3's: a hard sigmoid, and channels between that are a multiple of 8.
#pragma once

#include "family/sections/section_family.h"

namespace triage::family {

class MbconvFamily final : public SectionFamily {
 public:
  MbconvFamily()
      : SectionFamily(
            {.family = "mbconv", .middles = "em", .tails = true, .needs_middle = true, .stem_strides = {1, 2}}) {}

  int draw(BlueprintBuilder& builder, const std::string& name, int from, const SectionBlock& block, int width,
           int stride) const override;
};

}  // namespace triage::family
