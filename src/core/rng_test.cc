#include "core/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace triage {
namespace {

// The first outputs for seed 0, by an independent implementation of the two papers (Python integers).
TEST(Rng, KnownSequence) {
  Rng rng(0);
  EXPECT_EQ(rng.next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(rng.next(), 0xbf6e1f784956452au);
  EXPECT_EQ(rng.next(), 0x1a5f849d4933e6e0u);
}

TEST(Rng, UniformStaysBelowOneAndNormalHasTheRightMoments) {
  Rng rng(3);
  const int n = 100'000;
  double sum = 0, normal_sum = 0, normal_squares = 0;
  for (int i = 0; i < n; ++i) {
    const double u = rng.uniform(), z = rng.normal();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ASSERT_TRUE(std::isfinite(z));
    sum += u;
    normal_sum += z;
    normal_squares += z * z;
  }
  EXPECT_NEAR(sum / n, 0.5, 0.005);  // 5 standard errors: 5 * 0.289 / sqrt(n) = 0.0046
  EXPECT_NEAR(normal_sum / n, 0, 0.016);
  EXPECT_NEAR(normal_squares / n, 1, 0.023);
}

TEST(Rng, BelowIsUnbiased) {
  Rng rng(4);
  std::vector<int> counts(3);
  for (int i = 0; i < 30'000; ++i) ++counts[rng.below(3)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 410);  // 5 standard deviations of 81.6
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.below(1), 0u);
  // Two thirds of the numbers below 3 * 2^30 are below 2^31; taking a remainder would make that three quarters.
  int low = 0;
  for (int i = 0; i < 30'000; ++i) low += rng.below(3u << 30) < (1u << 31) ? 1 : 0;
  EXPECT_NEAR(low, 20'000, 410);
}

TEST(Rng, PermutationsAreCompleteAndSeeded) {
  auto order = random_permutation(1000, 5);
  EXPECT_EQ(order, random_permutation(1000, 5));
  EXPECT_NE(order, random_permutation(1000, 6));
  std::ranges::sort(order);
  std::vector<std::uint32_t> all(1000);
  std::iota(all.begin(), all.end(), 0u);
  EXPECT_EQ(order, all);
  EXPECT_TRUE(random_permutation(0, 5).empty());
}

TEST(DeriveSeed, PurposesAndIndicesDiffer) {
  std::set<std::uint64_t> seeds;
  for (const std::uint64_t seed : {0, 1, 2}) {
    for (const char* purpose : {"", "augment", "augmenu", "split"}) {
      for (std::uint64_t index = 0; index < 50; ++index) seeds.insert(derive_seed(seed, purpose, index));
    }
  }
  EXPECT_EQ(seeds.size(), 3u * 4 * 50);
  EXPECT_EQ(derive_seed(7, "augment", 3), 0x3e9bc3d1818e3bbu);  // stored runs depend on it
}

}  // namespace
}  // namespace triage
