#include "workflow/search/front/front_picture.h"

#include <gtest/gtest.h>

#include "workflow/search/front/shown_axis.h"

namespace triage::workflow {
namespace {

search::Genome genome(const std::string& text) { return search::Genome::parse("confidence: " + text); }

TEST(FrontPicture, AKindIsToldByNetsAndExits) {
  EXPECT_EQ(kind_of(genome("8,16")), "one net");
  EXPECT_EQ(kind_of(genome("8,16-32@0")), "early exits");
  EXPECT_EQ(kind_of(genome("8,16 > 16,32")), "cascade");
  EXPECT_EQ(kind_of(genome("8,16 > 16,32-32@0")), "cascade with early exits");
}

TEST(FrontPicture, PrecisionsAreThoseOfAllNets) {
  EXPECT_EQ(precisions_of(genome("8,16")), "fp32");
  EXPECT_EQ(precisions_of(genome("8,16/int8 > 16,32/int8")), "int8");
  EXPECT_EQ(precisions_of(genome("8,16/int8 > 16,32")), "fp32 and int8");
}

TEST(ShownAxis, EveryAxisHasItsUnit) {
  EXPECT_STREQ(shown(cost::CostAxis::latency).unit, "us");
  EXPECT_EQ(shown(cost::CostAxis::latency).scale, 1);
  EXPECT_STREQ(shown(cost::CostAxis::macs).unit, "MMAC");
  EXPECT_EQ(shown(cost::CostAxis::macs).scale, 1e6);
  EXPECT_STREQ(shown(cost::CostAxis::energy).unit, "uJ");
}

}  // namespace
}  // namespace triage::workflow
