#include "search/evolve/variation.h"

#include <gtest/gtest.h>

#include <set>

#include "core/test_support.h"
#include "search/search_test_support.h"

namespace triage::search {
namespace {

// A space of four sections of each family.
const char* const kSpaces[] = {
    kFakeSpace, "residual:4-4:8:4-8:16:8x1,x1?/2-8:16:8b4:8:4-16/2",
    "mbconv:8/2-8e1-8:16:8k3:5:2e2:3:1,k3:5:2e2h?-16:24:8e2s4/2-24e2:4:1-c32:64:32@16:32:16"};

Structures every_kind(const char* space = kFakeSpace) {
  Structures s;
  s.spaces = {{family::AnySpace::parse(space), kFakeExits}};
  s.policies = {plan::PolicyKind::confidence, plan::PolicyKind::learned};
  s.max_stages = 4;
  return s;
}

class VariationOf : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, VariationOf, testing::ValuesIn(kSpaces));

// Nets that are taken as they are have no other precision; exits answer together where there are several.
TEST(Variation, FixedNetsAndAnswersTogetherBelongToTheStructures) {
  Structures s = every_kind();
  s.spaces.push_back({family::AnySpace::parse("fixed:small|large"), {0}});
  s.fixed_macs = {{"fixed:small", 100'000}, {"fixed:large", 2'000'000}};
  s.precisions = {plan::Precision::int8, plan::Precision::fp32};
  s.answers_together = true;
  const Variation variation(s);
  std::vector<KnownNet> known;
  for (const SearchedSpace& one : s.spaces)
    for (const family::ArchSpec& subnet : one.space->sample_distinct(20, 3)) known.push_back(known_net(subnet, s));
  std::ranges::sort(known, {}, &KnownNet::macs);
  Rng rng(1);
  std::set<std::string> seen;
  Genome genome = variation.random(rng);
  for (int i = 0; i < 600; ++i) {
    genome = i % 3 == 0 ? variation.nearest(variation.random(rng), known)
                        : variation.cross(variation.mutate(genome, known, rng), variation.random(rng), rng);
    s.check(genome);
    EXPECT_EQ(Genome::parse(genome.text()), genome);
    EXPECT_TRUE(!genome.together || genome.stages() > 1) << genome.text();
    for (const Net& leg : genome.nets) seen.insert(leg.arch.family);
    seen.insert(genome.together ? "together" : "alone");
  }
  EXPECT_EQ(seen, (std::set<std::string>{"alone", "fixed", "plain", "together"}));
  s.answers_together = false;
  EXPECT_EQ(error_of([&] { s.check(Genome::parse("confidence+together: fixed:small > fixed:large")); }),
            "genome 'confidence+together: fixed:small > fixed:large': policy: expected exits that answer alone, found "
            "answers together");
  EXPECT_EQ(error_of([&] { s.check(Genome::parse("confidence: fixed:small/int8")); }),
            "genome 'confidence: fixed:small/int8': net fixed:small: expected a precision that this search has, found "
            "int8");
}

TEST_P(VariationOf, WhatComesOutAlwaysBelongsToTheStructures) {
  for (const bool early_exits : {false, true}) {
    for (const bool cascades : {false, true}) {
      for (std::size_t most : {1u, 2u, 4u}) {
        Structures s = every_kind(GetParam());
        s.early_exits = early_exits;
        s.cascades = cascades;
        s.max_stages = most;
        const Variation variation(s);
        Rng rng(most);
        std::vector<KnownNet> known;
        for (const family::ArchSpec& subnet : s.spaces[0].space->sample_distinct(20, 3))
          known.push_back(known_net(family::prefix(subnet, 2 + rng.below(3)), s));
        std::ranges::sort(known, {}, &KnownNet::macs);
        Genome genome = variation.random(rng);
        for (int i = 0; i < 2000; ++i) {
          s.check(genome);
          const Genome other = i % 2 ? variation.random(rng) : variation.nearest(variation.random(rng), known);
          s.check(other);
          EXPECT_EQ(Genome::parse(genome.text()), genome);
          genome = i % 3 ? variation.mutate(genome, i % 2 ? known : std::vector<KnownNet>{}, rng)
                         : variation.cross(genome, other, rng);
        }
      }
    }
  }
}

TEST_P(VariationOf, EveryKindOfPlanIsReached) {
  const Variation variation(every_kind(GetParam()));
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

TEST(Variation, NetsOfSeveralFamiliesComeTogether) {
  Structures s = every_kind();
  for (const char* other : {kSpaces[1], kSpaces[2]}) s.spaces.push_back({family::AnySpace::parse(other), {2, 3}});
  const Variation variation(s);
  Rng rng(3);
  std::set<std::string> families, together;
  Genome genome = variation.random(rng);
  for (int i = 0; i < 1000; ++i) {
    s.check(genome);
    EXPECT_EQ(Genome::parse(genome.text()), genome);
    std::set<std::string> of;
    for (const Net& leg : genome.nets) of.insert(leg.arch.family);
    families.merge(std::set<std::string>(of));
    if (of.size() > 1) together.insert(*of.begin() + ' ' + *of.rbegin());
    genome = i % 5 ? variation.mutate(genome, {}, rng) : variation.cross(genome, variation.random(rng), rng);
  }
  EXPECT_EQ(families, (std::set<std::string>{"mbconv", "plain", "residual"}));
  EXPECT_EQ(together, (std::set<std::string>{"mbconv plain", "mbconv residual", "plain residual"}));
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
            "search: expected spaces, policies, precisions and 1 to 4 stages, found 1, 0, 1 and 4");
}

}  // namespace
}  // namespace triage::search
