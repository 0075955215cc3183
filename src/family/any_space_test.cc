#include "family/any_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::family {
namespace {

using testing::HasSubstr;

TEST(AnySpace, OfPlainNetsIsThatOfTheirSearchSpace) {
  const auto plain = plan::SearchSpace::parse("8:16:8-16,16?");
  const AnySpace space = plain;
  EXPECT_TRUE(space.is_plain());
  EXPECT_EQ(space.figure_prefix(), "");
  EXPECT_EQ(space.plain(), plain);
  EXPECT_EQ(space->subnets(), plain.subnets());
  Rng one(3), other(3);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(space->sample(one).text(), plain.sample(other).text());
}

TEST(AnySpace, IsEqualByItsText) {
  EXPECT_EQ(AnySpace::parse("8-16"), AnySpace(plan::SearchSpace::only(plan::ArchSpec::parse("8-16"))));
  EXPECT_EQ(AnySpace::parse("residual:8-8,x1"), AnySpace::parse("residual:8-8x2"));
  EXPECT_NE(AnySpace::parse("residual:8-8"), AnySpace::parse("mbconv:8-8e1"));
}

TEST(AnySpace, OfAnotherFamilyIsNotPlain) {
  const AnySpace space = AnySpace::parse("residual:8-8x2");
  EXPECT_FALSE(space.is_plain());
  EXPECT_EQ(space.figure_prefix(), "residual.");
  EXPECT_THAT(error_of([&] { space.plain(); }), HasSubstr("'residual:8-8x2': expected one of the family plain"));
  EXPECT_THAT(error_of([] { AnySpace::parse("nothing:8"); }), HasSubstr("expected one of plain, residual, mbconv"));
}

}  // namespace
}  // namespace triage::family
