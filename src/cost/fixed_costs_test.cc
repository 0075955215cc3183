#include "cost/fixed_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "cost/family_costs.h"
#include "family/fixed/fixed.h"

namespace triage::cost {
namespace {

using ::testing::HasSubstr;

TEST(FixedCosts, TellsWhatWasMeasuredOfWholeNets) {
  const auto fixed = std::make_shared<FixedCosts>(
      std::map<std::string, FixedCost>{{"little", {.cost = {.latency_us = 40, .measured = true}, .size = {.macs = 7}}}},
      Json{{"nets", "these"}});
  const FamilyCosts all({{"fixed", fixed}});  // as a search has them
  const Segment little{.arch = family::fixed_net("little")};
  EXPECT_EQ(all.stage(little).latency_us, 40);
  EXPECT_TRUE(all.stage(little).measured);
  EXPECT_EQ(all.size(little, {}, 4).macs, 7);
  EXPECT_EQ(all.identity(), (Json{{"nets", "these"}}));
  EXPECT_THAT(error_of([&] { all.stage({.arch = family::fixed_net("big")}); }),
              HasSubstr("stage 'fixed:big': expected"));
  Segment part = little;
  part.carry = true;
  EXPECT_THAT(error_of([&] { all.stage(part); }), HasSubstr("expected a whole net"));
}

}  // namespace
}  // namespace triage::cost
