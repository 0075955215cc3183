#include "costing/covering.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/rng.h"
#include "core/test_support.h"

namespace triage::costing {
namespace {

using Pair = std::tuple<int, int, int, int>;  // block, layer, width before it (0: the image), its own width
using Pairs = std::map<Pair, int>;            // how many nets have it

void count_pairs(const plan::ArchSpec& arch, Pairs& pairs) {
  int before = 0;
  for (int b = 0; b < static_cast<int>(arch.blocks.size()); ++b) {
    for (int i = 0; i < static_cast<int>(arch.blocks[b].size()); ++i) {
      const int width = arch.blocks[b][i];
      ++pairs[{b, i, before, width}];
      before = width;
    }
  }
}

// Every subnet of a small space, by asking for more than there are.
std::vector<plan::ArchSpec> all_subnets(const plan::SearchSpace& space) { return space.sample_distinct(100'000, 1); }

plan::SearchSpace random_space(Rng& rng) {
  plan::SearchSpace space;
  const int blocks = 1 + static_cast<int>(rng.below(3));
  for (int b = 0; b < blocks; ++b) {
    auto& block = space.blocks.emplace_back();
    const int layers = 1 + static_cast<int>(rng.below(3));
    bool optional = false;
    for (int i = 0; i < layers; ++i) {
      const int low = 1 + static_cast<int>(rng.below(8)), step = 1 + static_cast<int>(rng.below(4));
      optional = i > 0 && (optional || rng.below(2) == 1);
      block.push_back({.low = low, .high = low + step * static_cast<int>(rng.below(3)), .step = step});
      block.back().optional = optional;
    }
  }
  return space;
}

TEST(CoveringSubnets, HoldEveryPairOfTheSpaceOftenEnough) {
  Rng rng(5);
  for (int round = 0; round < 30; ++round) {
    const plan::SearchSpace space = random_space(rng);
    if (space.subnets() > 3000) continue;
    SCOPED_TRACE(space.text());
    Pairs possible, covered;
    for (const plan::ArchSpec& arch : all_subnets(space)) count_pairs(arch, possible);
    for (const int times : {1, 3}) {
      covered.clear();
      for (const plan::ArchSpec& arch : covering_subnets(space, times, 7)) {
        space.check(arch);
        count_pairs(arch, covered);
      }
      for (const auto& [pair, nets] : possible) ASSERT_GE(covered[pair], times);
      ASSERT_EQ(covered.size(), possible.size());
    }
  }
}

TEST(CoveringSubnets, AreFew) {
  const plan::SearchSpace space =
      plan::SearchSpace::parse("10:24:2-32:64:4,32:64:4?-96:224:16,96:224:16?-128:256:16,128:256:16?,128:256:16?");
  // Nine widths before nine widths, twice: no fewer can do.
  EXPECT_LE(covering_subnets(space, 2, 1).size(), 81u * 2 * 11 / 10);
}

TEST(CoveringSubnets, DependOnTheSeedAlone) {
  const plan::SearchSpace space = plan::SearchSpace::parse("4:16:4-8:32:8,8:32:8?");
  EXPECT_EQ(covering_subnets(space, 2, 3), covering_subnets(space, 2, 3));
  EXPECT_NE(covering_subnets(space, 2, 3), covering_subnets(space, 2, 4));
  EXPECT_NE(error_of([&] { covering_subnets(space, 0, 3); }), "no error");
}

TEST(SizedSubnets, GoFromTheSmallestToTheLargest) {
  const plan::SearchSpace space = plan::SearchSpace::parse("4:16:4-8:64:8,8:64:8?");
  const std::vector<plan::ArchSpec> nets = sized_subnets(space, 20, 1);
  ASSERT_EQ(nets.size(), 20u);
  EXPECT_EQ(nets.front(), space.smallest());
  EXPECT_EQ(nets.back(), space.largest());
  std::set<std::string> texts;
  std::vector<std::int64_t> macs;
  for (const plan::ArchSpec& net : nets) {
    space.check(net);
    texts.insert(net.text());
    macs.push_back(plan::arch_cost(net, {}, 10).macs);
  }
  EXPECT_EQ(texts.size(), 20u);
  EXPECT_LT(*std::max_element(macs.begin(), macs.begin() + 5), *std::max_element(macs.begin() + 5, macs.begin() + 15));
  EXPECT_LT(*std::max_element(macs.begin(), macs.begin() + 5), *std::min_element(macs.end() - 3, macs.end()));
}

TEST(SizedSubnets, OfASmallSpaceAreAllOfIt) {
  const plan::SearchSpace space = plan::SearchSpace::parse("4:8:4-8:16:8,8:16:8?");
  EXPECT_EQ(sized_subnets(space, 100, 1).size(), 12u);
  EXPECT_EQ(sized_subnets(plan::SearchSpace::parse("4-8"), 5, 1).size(), 1u);
}

}  // namespace
}  // namespace triage::costing
