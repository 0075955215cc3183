// Subnets with the supernet's weights against the same nets trained alone, image by image.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/system/machine.h"
#include "family/arch.h"

namespace triage::workflow {

// Which images of a split the last exit labels right, 1 or 0 each.
using Right = std::vector<char>;
double share(const Right& right);

struct SubnetPair {  // of one subnet
  family::ArchSpec arch;
  std::int64_t macs = 0;
  std::string origin;                                     // where the net trained alone comes from
  Right alone, inherited;                                 // test images
  double alone_validation = 0, inherited_validation = 0;  // for the picture, beside other subnets' validation accuracy
};

// Mean points lost against training alone, with a bootstrap over images. pairs: at least one.
Figure gap(std::span<const SubnetPair> pairs);

// "largest.accuracy", and of pairs "largest.gap_points", "subnets.mean_gap_points", "subnets.kendall_tau" and others.
// largest_right: of the supernet's largest subnet, test images. The rank agreement is left out where there is none:
// fewer than two other subnets, or all equally accurate.
std::map<std::string, Figure> gap_figures(const family::ArchSpec& largest, const Right& largest_right,
                                          std::span<const SubnetPair> pairs);

}  // namespace triage::workflow
