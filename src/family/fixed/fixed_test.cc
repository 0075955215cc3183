#include "family/fixed/fixed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/test_support.h"
#include "family/any_space.h"

namespace triage::family {
namespace {

using ::testing::HasSubstr;

TEST(Fixed, ANetIsItsName) {
  const ArchSpec net = ArchSpec::parse("fixed:mobilenet_v3-small.2");
  EXPECT_EQ(net, fixed_net("mobilenet_v3-small.2"));
  EXPECT_EQ(net.text(), "fixed:mobilenet_v3-small.2");
  EXPECT_TRUE(is_fixed(net));
  EXPECT_FALSE(is_fixed(ArchSpec::parse("8-16")));
  EXPECT_EQ(sections(net), 1u);
  EXPECT_EQ(prefix(net, 1), net);
  EXPECT_THAT(error_of([&] { blueprint(net, {}, 4); }), HasSubstr("has no layers here"));
  for (const char* bad : {"fixed:", "fixed:a b", "fixed:a/int8", "fixed:a@exit0", "fixed:a|b"})
    EXPECT_THAT(error_of([&] { ArchSpec::parse(bad); }), HasSubstr("expected a name of letters, digits and")) << bad;
}

TEST(Fixed, ASpaceHoldsTheNetsThatItNames) {
  const AnySpace space = AnySpace::parse("fixed:a|b|c");
  EXPECT_EQ(space->text(), fixed_space({"a", "b", "c"}));
  EXPECT_EQ(space->smallest(), fixed_net("a"));
  EXPECT_EQ(space->largest(), fixed_net("c"));
  EXPECT_EQ(space->subnets(), 3);
  EXPECT_EQ(space->sample_distinct(10, 1).size(), 3u);
  Rng rng(1);
  std::set<std::string> near_the_end, steps;
  for (int i = 0; i < 100; ++i) {
    near_the_end.insert(space->sample_near(1, rng).body);
    steps.insert(space->step(fixed_net("a"), rng).body);
    steps.insert(space->step(fixed_net("c"), rng).body);
  }
  EXPECT_THAT(near_the_end, ::testing::IsSubsetOf({"b", "c"}));
  EXPECT_EQ(steps, (std::set<std::string>{"a", "b", "c"}));
  EXPECT_EQ(space->complete(fixed_net("b")), fixed_net("b"));
  EXPECT_EQ(error_of([&] { space->check(fixed_net("d")); }), "net 'fixed:d': expected one of 'fixed:a|b|c'");
  EXPECT_EQ(error_of([&] { space->check(ArchSpec::parse("8-16")); }), "net '8-16': expected one of 'fixed:a|b|c'");
  EXPECT_THAT(error_of([] { AnySpace::parse("fixed:a|b|a"); }), HasSubstr("found net 'a' twice"));
  EXPECT_THAT(error_of([&] { space->graph({}); }), HasSubstr("no layers"));
}

}  // namespace
}  // namespace triage::family
