// Nets to begin with: a few for each size of image, from small to large. docs/families.md shows them with their costs.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace triage::family {

struct Preset {
  int side;  // pixels of the images that it is meant for
  std::string_view arch, note;
};

std::span<const Preset> presets();  // by rising side

// Those of the one side that is nearest to the image's shorter one, by their ratio.
std::vector<Preset> presets_for(int height, int width);

}  // namespace triage::family
