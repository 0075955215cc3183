#include "cost/cost_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::cost {
namespace {

const family::ArchSpec kArch = family::ArchSpec::parse("8-16,16-32");
const plan::ArchSpec kPlain = plan::ArchSpec::parse("8-16,16-32");

TEST(StageSize, OfAllBlocksIsTheNets) {
  const plan::ArchCost net = plan::arch_cost(kPlain, {}, 10);
  const StageSize stage = stage_size({.arch = kArch}, {}, 10);
  EXPECT_EQ(stage.macs, net.macs);
  EXPECT_EQ(stage.parameters, net.parameters);
  EXPECT_EQ(stage.activation_bytes, 4 * net.peak_activation_elements);
}

TEST(StageSize, OfPartsAddsUpToTheNetAndTheFirstPartsHead) {
  const StageSize first = stage_size({.arch = kArch, .last_section = 2, .carry = true}, {}, 10);
  const StageSize second = stage_size({.arch = kArch, .first_section = 2}, {}, 10);
  EXPECT_EQ(first.macs + second.macs, plan::arch_cost(kPlain, {}, 10).macs + 16 * 10);
}

// By hand: what a convolution reads and gives, and the map that waits for the sum.
TEST(StageSize, WhatWaitsForASumIsAliveToo) {
  const auto bytes = [](const char* arch) {
    return stage_size({.arch = family::ArchSpec::parse(arch)}, {.channels = 3, .height = 8, .width = 8}, 10)
        .activation_bytes;
  };
  EXPECT_EQ(bytes("residual:4-4"), 4 * 64 * (4 + 4 + 4));    // the second convolution of the block
  EXPECT_EQ(bytes("mbconv:4-4e6"), 4 * 64 * (24 + 24 + 4));  // the depthwise one
  EXPECT_EQ(bytes("mbconv:4-8e6"), 4 * 64 * (24 + 24));      // no sum: channels differ
}

// The tail belongs to a net's last part alone.
TEST(SegmentNet, IsWhatStandsBetweenTwoSections) {
  const auto names = [](const Segment& segment) {
    const SegmentNet net = segment_net(segment, {}, 10);
    std::vector<std::string> all;
    for (const family::Layer& layer : net.layers()) all.push_back(layer.name);
    return all;
  };
  const family::ArchSpec arch = family::ArchSpec::parse("mbconv:8-8e1-16e2/2-c32");
  using testing::ElementsAre;
  EXPECT_THAT(
      names({.arch = arch, .last_section = 1}),
      ElementsAre("stem", "section0.block0.depthwise", "section0.block0.project", "section0.block0.add", "head/pool"));
  EXPECT_THAT(names({.arch = arch, .first_section = 1}),
              ElementsAre("section1.block0.expand", "section1.block0.depthwise", "section1.block0.project", "tail.conv",
                          "head/pool"));
  const SegmentNet last = segment_net({.arch = arch, .first_section = 1}, {}, 10);
  EXPECT_EQ(last.input()->name, "section0.block0.add");
  EXPECT_EQ(last.pooled().name, "tail.conv");
}

TEST(Segment, TextTellsItsPart) {
  EXPECT_EQ((Segment{.arch = kArch}.text()), "8-16,16-32");
  EXPECT_EQ((Segment{.arch = kArch, .last_section = 2, .carry = true}.text()), "8-16,16-32[0:2]+carry");
  EXPECT_EQ((Segment{.arch = kArch, .last_section = 3}.text()), "8-16,16-32");  // all of them
  const family::ArchSpec residual = family::ArchSpec::parse("residual:8-8x2-16/2");
  EXPECT_EQ((Segment{.arch = residual, .first_section = 1}.text()), "residual:8-8x2-16/2[1:2]");
  EXPECT_TRUE((Segment{.arch = residual, .last_section = 2}.whole()));
  EXPECT_FALSE((Segment{.arch = residual, .last_section = 1}.whole()));
  EXPECT_FALSE((Segment{.arch = residual, .first_section = 1}.whole()));
}

TEST(Segment, SectionsThatDoNotExistAreRefused) {
  EXPECT_EQ(error_of([] { stage_size({.arch = kArch, .first_section = 2, .last_section = 4}, {}, 10); }),
            "stage '8-16,16-32': expected sections in [0, 3), found [2, 4)");
}

}  // namespace
}  // namespace triage::cost
