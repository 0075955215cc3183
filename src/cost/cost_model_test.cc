#include "cost/cost_model.h"

#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::cost {
namespace {

const plan::ArchSpec kArch = plan::ArchSpec::parse("8-16,16-32");

TEST(StageSize, OfAllBlocksIsTheNets) {
  const plan::ArchCost net = plan::arch_cost(kArch, {}, 10);
  const StageSize stage = stage_size({.arch = kArch}, {}, 10);
  EXPECT_EQ(stage.macs, net.macs);
  EXPECT_EQ(stage.parameters, net.parameters);
  EXPECT_EQ(stage.activation_bytes, 4 * net.peak_activation_elements);
}

TEST(StageSize, OfPartsAddsUpToTheNetAndTheFirstPartsHead) {
  const StageSize first = stage_size({.arch = kArch, .last_block = 2, .carry = true}, {}, 10);
  const StageSize second = stage_size({.arch = kArch, .first_block = 2}, {}, 10);
  EXPECT_EQ(first.macs + second.macs, plan::arch_cost(kArch, {}, 10).macs + 16 * 10);
}

TEST(Segment, TextTellsItsPart) {
  EXPECT_EQ((Segment{.arch = kArch}.text()), "8-16,16-32");
  EXPECT_EQ((Segment{.arch = kArch, .last_block = 2, .carry = true}.text()), "8-16,16-32[0:2]+carry");
}

TEST(Segment, BlocksThatDoNotExistAreRefused) {
  EXPECT_EQ(error_of([] { stage_size({.arch = kArch, .first_block = 2, .last_block = 4}, {}, 10); }),
            "stage '8-16,16-32': expected blocks in [0, 3), found [2, 4)");
}

}  // namespace
}  // namespace triage::cost
