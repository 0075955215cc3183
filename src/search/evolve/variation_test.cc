#include "search/evolve/variation.h"

#include <gtest/gtest.h>

#include <set>

#include "core/test_support.h"
#include "search/search_test_support.h"

namespace triage::search {
namespace {

Structures every_kind() {
  Structures s;
  s.space = plan::SearchSpace::parse(kFakeSpace);
  s.exits = kFakeExits;
  s.policies = {plan::PolicyKind::confidence, plan::PolicyKind::learned};
  s.max_stages = 4;
  return s;
}

TEST(Variation, WhatComesOutAlwaysBelongsToTheStructures) {
  for (const bool early_exits : {false, true}) {
    for (const bool cascades : {false, true}) {
      for (std::size_t most : {1u, 2u, 4u}) {
        Structures s = every_kind();
        s.early_exits = early_exits;
        s.cascades = cascades;
        s.max_stages = most;
        const Variation variation(s);
        Rng rng(most);
        std::vector<plan::ArchSpec> known;
        for (const plan::ArchSpec& subnet : s.space.sample_distinct(20, 3))
          known.push_back(prefix(subnet, 2 + rng.below(3)));
        std::ranges::sort(known, {}, [](const auto& net) { return plan::arch_cost(net, {}, 10).macs; });
        Genome genome = variation.random(rng);
        for (int i = 0; i < 2000; ++i) {
          s.check(genome);
          const Genome other = i % 2 ? variation.random(rng) : variation.nearest(variation.random(rng), known);
          s.check(other);
          EXPECT_EQ(Genome::parse(genome.text()), genome);
          genome = i % 3 ? variation.mutate(genome, i % 2 ? known : std::vector<plan::ArchSpec>{}, rng)
                         : variation.cross(genome, other, rng);
        }
      }
    }
  }
}

TEST(Variation, EveryKindOfPlanIsReached) {
  const Variation variation(every_kind());
  Rng rng(1);
  std::set<std::string> kinds;
  Genome genome = variation.random(rng);
  for (int i = 0; i < 3000; ++i) {
    std::string kind;
    for (const Net& leg : genome.nets) kind += std::to_string(leg.stages());
    kinds.insert(kind);
    genome = variation.mutate(genome, {}, rng);
  }
  // Nets in a row, each with its stages, of at most four and at most three exits each.
  EXPECT_EQ(kinds, (std::set<std::string>{"1", "2", "3", "11", "12", "13", "21", "22", "31", "111", "112", "121", "211",
                                          "1111"}));
}

TEST(Variation, BothPrecisionsAreReached) {
  Structures s = every_kind();
  s.precisions = {plan::Precision::fp32, plan::Precision::int8};
  const Variation variation(s);
  Rng rng(2);
  Genome genome = variation.random(rng);
  std::size_t mixed = 0, int8 = 0;
  for (int i = 0; i < 1000; ++i) {
    s.check(genome);
    const auto in_int8 = std::ranges::count(genome.nets, plan::Precision::int8, &Net::precision);
    int8 += in_int8 > 0;
    mixed += in_int8 > 0 && in_int8 < std::ssize(genome.nets);
    genome = i % 5 ? variation.mutate(genome, {}, rng) : variation.cross(genome, variation.random(rng), rng);
  }
  EXPECT_GT(int8, 300u);
  EXPECT_GT(mixed, 100u);
}

TEST(Variation, StructuresWithoutPlansAreRefused) {
  Structures s = every_kind();
  s.policies.clear();
  EXPECT_EQ(error_of([&] { Variation{s}; }),
            "search: expected exits, policies, precisions and 1 to 4 stages, found 3, 0, 1 and 4");
}

}  // namespace
}  // namespace triage::search
