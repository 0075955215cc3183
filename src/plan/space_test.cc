#include "plan/space.h"

#include <gtest/gtest.h>

#include <set>

#include "core/test_support.h"

namespace triage::plan {
namespace {

constexpr char kText[] = "16:24:8-16:64:8,16:64:8?-48:192:16";

TEST(SearchSpace, TextAndBack) {
  const SearchSpace space = SearchSpace::parse(kText);
  EXPECT_EQ(space.text(), kText);
  EXPECT_EQ(space.blocks[1][1], (LayerSpace{.low = 16, .high = 64, .step = 8, .optional = true}));
  EXPECT_EQ(space.largest().text(), "24-64,64-192");
  EXPECT_EQ(space.smallest().text(), "16-16-48");
  EXPECT_EQ(space.min_depth(1), 1u);
  EXPECT_EQ(SearchSpace::parse("64-32:96:8,16:64:8?").widest_end(1), 96);
  EXPECT_EQ(SearchSpace::parse("64-32:96:8,16:64:8").widest_end(1), 64);
  EXPECT_EQ(space.subnets(), 2 * (7 + 7 * 7) * 10);
}

TEST(SearchSpace, AnArchSpecIsASpaceOfOne) {
  const ArchSpec arch = ArchSpec::parse("24-64,64-192,192-256,256");
  const SearchSpace space = SearchSpace::parse(arch.text());
  EXPECT_EQ(space, SearchSpace::only(arch));
  EXPECT_EQ(space.subnets(), 1);
  Rng rng(1);
  EXPECT_EQ(space.sample(rng), arch);
  EXPECT_EQ(space.smallest(), arch);
}

TEST(SearchSpace, BadTextsNameTheOffendingPart) {
  EXPECT_EQ(error_of([] { SearchSpace::parse("24-64:16:8"); }),
            "search space '24-64:16:8': expected rising widths (LOW at most HIGH), found '64:16:8'");
  EXPECT_EQ(error_of([] { SearchSpace::parse("24?-64"); }),
            "search space '24?-64': expected a first layer of a block that is not optional, found '24?'");
  for (const char* text : {"", "8:16", "8:16:", "8:16:3", "8:16:0", "8:16:8:8", "?", "8??", "8-8,8?,8", "4097",
                           "8:5000:8", "8 ", "-8", "8:16:-8", "8?8"}) {
    EXPECT_THROW(SearchSpace::parse(text), Error) << text;
  }
}

TEST(SearchSpace, DistinctSamplesAreAFunctionOfTheSeed) {
  const SearchSpace space = SearchSpace::parse("8:24:8-8:16:8,8?");  // 3 * 2 * 2 subnets
  const std::vector<ArchSpec> seven = space.sample_distinct(7, 1), all = space.sample_distinct(100, 1);
  ASSERT_EQ(seven.size(), 7u);
  ASSERT_EQ(all.size(), 12u);
  EXPECT_TRUE(std::equal(seven.begin(), seven.end(), all.begin()));
  std::set<std::string> texts;
  for (const ArchSpec& arch : all) texts.insert(arch.text());
  EXPECT_EQ(texts.size(), all.size());
  EXPECT_NE(space.sample_distinct(7, 2), seven);
}

TEST(SearchSpace, SamplesAreInsideAndReachEverything) {
  const SearchSpace space = SearchSpace::parse("8:24:8-8:16:8,8?");
  Rng rng(3);
  std::set<std::string> seen;
  for (int i = 0; i < 500; ++i) {
    const ArchSpec arch = space.sample(rng);
    space.check(arch);
    seen.insert(arch.text());
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(space.subnets()));
}

TEST(SearchSpace, WhatIsOutsideIsRefusedWithBothSidesNamed) {
  const SearchSpace space = SearchSpace::parse(kText);
  EXPECT_EQ(error_of([&] { space.check(ArchSpec::parse("24-60-48")); }),
            "subnet '24-60-48' is not in the search space '16:24:8-16:64:8,16:64:8?-48:192:16': block 1 layer 0: "
            "expected a width of 16:64:8, found 60");
  EXPECT_EQ(error_of([&] { space.check(ArchSpec::parse("24-64,64,64-48")); }),
            "subnet '24-64,64,64-48' is not in the search space '16:24:8-16:64:8,16:64:8?-48:192:16': block 1: "
            "expected 1 to 2 layers, found 3");
  EXPECT_THROW(space.check(ArchSpec::parse("24-64")), Error);
  EXPECT_THROW(space.check(ArchSpec::parse("24-64-48-48")), Error);
}

TEST(SearchSpace, SizedSamplesReachBothEnds) {
  const SearchSpace space = SearchSpace::parse("8:64:8-8:64:8,8:64:8?-8:64:8,8:64:8?");
  Rng rng(1);
  int small = 0, large = 0;
  const double most = static_cast<double>(arch_cost(space.largest(), {}, 10).macs);
  for (int i = 0; i < 400; ++i) {
    const ArchSpec arch = space.sample_sized(rng);
    space.check(arch);
    const double share = static_cast<double>(arch_cost(arch, {}, 10).macs) / most;
    small += share < 0.1;
    large += share > 0.5;
  }
  EXPECT_GT(small, 40);  // of 400
  EXPECT_GT(large, 40);
}

}  // namespace
}  // namespace triage::plan
