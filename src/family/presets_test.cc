#include "family/presets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "family/family.h"

namespace triage::family {
namespace {

TEST(Presets, AreCanonicalSingleNets) {
  for (const Preset& preset : presets()) {
    const auto space = parse_space(preset.arch);
    EXPECT_EQ(space->subnets(), 1) << preset.arch;
    EXPECT_EQ(space->text(), preset.arch);
    EXPECT_NO_THROW(blueprint(space->largest(), {3, preset.side, preset.side}, 10)) << preset.arch;
  }
}

// Else nothing is gained by asking the little one first, and `triage auto` finds no pair (suggest_nets.h).
TEST(Presets, EverySizeHasALittleAndABigResidualNet) {
  for (const int side : {32, 64, 96, 128, 224}) {
    std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 0;
    for (const Preset& preset : presets_for(side, side)) {
      if (!preset.arch.starts_with("residual:")) continue;  // mbconv's multiply-adds take longer each
      const std::int64_t macs = size_of(blueprint(ArchSpec::parse(preset.arch), {3, side, side}, 10)).macs;
      least = std::min(least, macs);
      most = std::max(most, macs);
    }
    EXPECT_GE(most, 3 * least) << side;
  }
}

TEST(Presets, OfTheNearestSide) {
  const auto side = [](int height, int width) {
    const std::vector<Preset> found = presets_for(height, width);
    EXPECT_GE(found.size(), 2u);
    for (const Preset& preset : found) EXPECT_EQ(preset.side, found[0].side);
    return found[0].side;
  };
  EXPECT_EQ(side(28, 28), 32);
  EXPECT_EQ(side(64, 48), 64);  // 48 / 32 = 1.5 is more than 64 / 48
  EXPECT_EQ(side(1, 1), 32);
  EXPECT_EQ(side(128, 128), 128);
  EXPECT_EQ(side(160, 320), 128);
  EXPECT_EQ(side(4096, 4096), 224);
}

}  // namespace
}  // namespace triage::family
