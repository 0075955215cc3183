// A picture of a supernet: accuracy against MACs of many subnets, and of some trained alone.
#pragma once

#include <vector>

#include "core/files/file.h"

namespace triage::report {

struct SubnetPicture {
  struct Sampled {
    double macs, accuracy;  // accuracy: a share, of the last exit
  };
  struct Pair {  // a subnet with the supernet's weights, and trained alone
    double macs, alone, inherited;
  };
  std::vector<Sampled> sampled;
  std::vector<Pair> pairs;
};

// Writes a PNG at `path` (atomic). Throws Error when there is nothing to draw or gnuplot fails.
void draw_subnets(const SubnetPicture& subnets, const fs::path& path);

}  // namespace triage::report
