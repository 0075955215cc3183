#include "search/evolve/genome.h"

#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::search {
namespace {

Structures structures() {
  Structures s;
  s.spaces = {{family::AnySpace::parse("8-8:16:8-16:32:16,16:32:16?"), {1, 2}}};
  return s;
}

TEST(Genome, TextGoesThereAndBack) {
  for (const char* text :
       {"confidence: 8-16", "learned: 8-16-32,16@1", "margin: 8-8 > 8-16-32@0,1",
        "entropy: 8-8-16@1 > 8-16-32 > 8-16-32,32", "confidence: 8-16/int8", "margin: 8-8-16/int8@0,1 > 8-16-32",
        "confidence: residual:8/2-16x2-32s4/2", "learned: residual:8/2-16-32/2-32/int8@exit0,1 > 8-16",
        "margin: mbconv:8h/2-16e1-24k5e4h/2@96@exit0 > mbconv:8-16e1@32/int8 > residual:8-16",
        "confidence+together: 8-16 > fixed:mobilenet_v3-small > 8-16-32"}) {
    EXPECT_EQ(Genome::parse(text).text(), text);
  }
  EXPECT_TRUE(Genome::parse("margin+together: 8 > 8-16").together);
  EXPECT_EQ(Genome::parse("margin+together: 8 > 8-16").policy, plan::PolicyKind::margin);
}

TEST(Genome, BadTextIsRefusedByItsPart) {
  EXPECT_EQ(error_of([] { Genome::parse("8-16"); }), "genome '8-16': expected POLICY: NET > NET, found '8-16'");
  EXPECT_EQ(error_of([] { Genome::parse("margin: 8-16@1"); }),
            "genome 'margin: 8-16@1': expected a block from 0 to 0, found '1'");
  EXPECT_EQ(error_of([] { Genome::parse("margin: 8-16-16@1,0"); }),
            "genome 'margin: 8-16-16@1,0': expected a block from 2 to 1, found '0'");
  EXPECT_EQ(error_of([] { Genome::parse("margin: 8 > 8 > 8 > 8 > 8"); }),
            "genome 'margin: 8 > 8 > 8 > 8 > 8': expected at most 4 stages, found '5 stages'");
  EXPECT_EQ(error_of([] { Genome::parse("margin: residual:8-8-16@exit1"); }),
            "genome 'margin: residual:8-8-16@exit1': expected a block from 0 to 0, found '1'");
  EXPECT_EQ(error_of([] { Genome::parse("margin: residual:8-8/2/int4"); }),
            "genome 'margin: residual:8-8/2/int4': expected fp32 or int8, found 'int4'");
  EXPECT_EQ(error_of([] { Genome::parse("margin: 8/int4 > 8"); }),
            "genome 'margin: 8/int4 > 8': expected fp32 or int8, found 'int4'");
}

TEST(Genome, StagesRunTheBlocksBetweenExits) {
  const std::vector<GenomeStage> stages = stages_of(Genome::parse("confidence: 8-8-16@1 > 8-16-32"));
  ASSERT_EQ(stages.size(), 3u);
  EXPECT_EQ(stages[0].segment.text(), "8-8-16[0:2]+carry");
  EXPECT_EQ(stages[0].net.text(), "8-8");
  EXPECT_EQ(stages[1].segment.text(), "8-8-16[2:3]");
  EXPECT_EQ(stages[1].net.text(), "8-8-16");
  EXPECT_EQ(stages[2].segment.text(), "8-16-32");
}

TEST(Genome, EveryStageOfANetHasItsPrecision) {
  const std::vector<GenomeStage> stages = stages_of(Genome::parse("confidence: 8-8-16/int8@1 > 8-16-32"));
  ASSERT_EQ(stages.size(), 3u);
  EXPECT_EQ(stages[0].segment.text(), "8-8-16[0:2]+carry/int8");
  EXPECT_EQ(stages[1].segment.text(), "8-8-16[2:3]/int8");
  EXPECT_EQ(stages[2].segment.precision, plan::Precision::fp32);
  EXPECT_EQ(net_text(stages[1].net, stages[1].segment.precision), "8-8-16/int8");
}

TEST(Genome, ANetsNameSaysItsPrecision) {
  for (const char* text :
       {"8-16", "8-16/int8", "residual:8/2-16/2", "residual:8/2-16/2/int8", "mbconv:8-16e1@32/int8"}) {
    const auto [net, precision] = net_from_text(text, "here");
    EXPECT_EQ(net_text(net, precision), text);
    EXPECT_EQ(precision == plan::Precision::int8, std::string(text).ends_with("/int8"));
  }
  EXPECT_EQ(error_of([] { net_from_text("8-16/int9", "here"); }), "here: expected fp32 or int8, found 'int9'");
}

TEST(Structures, TellWhatDoesNotBelong) {
  Structures s = structures();
  s.check(Genome::parse("confidence: 8-8 > 8-16-32,32@1"));
  EXPECT_EQ(error_of([&] { s.check(Genome::parse("margin: 8-8")); }),
            "genome 'margin: 8-8': policy: expected one that this search has, found margin");
  EXPECT_EQ(error_of([&] { s.check(Genome::parse("confidence: 8-8-16@0")); }),
            "genome 'confidence: 8-8-16@0': net 8-8-16: expected exits where the supernet has them, found block 0");
  EXPECT_NE(error_of([&] { s.check(Genome::parse("confidence: 8-12")); }).find("block 1 layer 0"), std::string::npos);
  EXPECT_EQ(error_of([&] { s.check(Genome::parse("confidence: 8-8/int8")); }),
            "genome 'confidence: 8-8/int8': net 8-8: expected a precision that this search has, found int8");
  s.precisions.push_back(plan::Precision::int8);
  s.check(Genome::parse("confidence: 8-8/int8 > 8-16-16"));
  EXPECT_EQ(error_of([&] { s.check(Genome::parse("confidence: residual:8-8")); }),
            "net 'residual:8-8': expected one of the search's spaces, '8-8:16:8-16:32:16,16:32:16?', found one of the "
            "family residual");
  s.spaces.push_back({family::AnySpace::parse("residual:8-8:16:8-16/2"), {0, 1}});
  s.check(Genome::parse("confidence: residual:8-16 > 8-16-16/int8@1"));
  s.cascades = false;
  EXPECT_EQ(error_of([&] { s.check(Genome::parse("confidence: 8-8 > 8-16-16")); }),
            "genome 'confidence: 8-8 > 8-16-16': nets: expected one, found 2");
}

TEST(Structures, AnExitIsCompletedAsSmallAsPossible) {
  EXPECT_EQ(structures().spaces[0].space->complete(family::ArchSpec::parse("8-16")).text(), "8-16-16");
  EXPECT_EQ(family::prefix(family::ArchSpec::parse("8-16-32,32"), 2).text(), "8-16");
}

}  // namespace
}  // namespace triage::search
