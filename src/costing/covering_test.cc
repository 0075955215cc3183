#include "costing/covering.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/rng.h"
#include "core/test_support.h"
#include "cost/cost_model.h"
#include "cost/layers/layer_key.h"

namespace triage::costing {
namespace {

const plan::InputShape kImage16{.channels = 3, .height = 16, .width = 16};

using Layers = std::map<cost::LayerKey, int>;  // how many nets have it

void count_layers(const family::ArchSpec& arch, Layers& layers) {
  const cost::SegmentNet net = cost::segment_net({.arch = arch}, kImage16, 10);
  std::set<cost::LayerKey> held;
  for (const cost::KeyedLayer& layer : cost::keyed_layers(net.net.layers, net.begin, net.end)) held.insert(layer.key);
  for (const cost::LayerKey& key : held) ++layers[key];
}

// Every subnet of a small space, by asking for more than there are.
std::vector<family::ArchSpec> all_subnets(const family::Space& space) { return space.sample_distinct(100'000, 1); }

family::AnySpace random_plain_space(Rng& rng) {
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

TEST(CoveringSubnets, HoldEveryLayerOfTheSpaceOftenEnough) {
  Rng rng(5);
  for (int round = 0; round < 36; ++round) {
    constexpr const char* kOthers[] = {"residual:4:8:4-4:8:4x1,x1?-8:16:8/2",
                                       "residual:4/4-4b2:4:2s2,b4?-8h/2@12:16:4",
                                       "mbconv:4-4e1-8:12:4k3:5:2e2:3:1,k3:5:2e2?/2-c16:24:8",
                                       "mbconv:4h/2-4:8:4m8:16:8s4h,m8:16:8s4h?-f16",
                                       "mbconv:4-8e2:4:1x1,e2:4:1x2?@8:12:4",
                                       "residual:4-4x2-8x2/2"};
    const family::AnySpace space = round < 30 ? random_plain_space(rng) : family::AnySpace::parse(kOthers[round - 30]);
    if (space->subnets() > 3000) continue;
    SCOPED_TRACE(space->text());
    Layers possible, covered;
    for (const family::ArchSpec& arch : all_subnets(*space)) count_layers(arch, possible);
    for (const int times : {1, 3}) {
      covered.clear();
      for (const family::ArchSpec& arch : covering_subnets(*space, kImage16, times, 7)) {
        space->check(arch);
        count_layers(arch, covered);
      }
      for (const auto& [layer, nets] : possible) ASSERT_GE(covered[layer], times);
      ASSERT_EQ(covered.size(), possible.size());
    }
  }
}

TEST(CoveringSubnets, AreFew) {
  const auto space =
      family::AnySpace::parse("10:24:2-32:64:4,32:64:4?-96:224:16,96:224:16?-128:256:16,128:256:16?,128:256:16?");
  // Nine widths before nine widths, twice: no fewer can do.
  EXPECT_LE(covering_subnets(*space, {}, 2, 1).size(), 81u * 2 * 11 / 10);
  // Two widths and three ratios before three kernels, at two sides, twice.
  const auto mbconv = family::AnySpace::parse("mbconv:16-16:24:8e2-32k3:7:2e2:4:1-48k3:7:2e2:4:1@32:48:16");
  EXPECT_LE(covering_subnets(*mbconv, {}, 2, 1).size(), 2u * 3 * 3 * 2 * 2 * 12 / 10);
}

TEST(CoveringSubnets, DependOnTheSeedAlone) {
  const auto space = family::AnySpace::parse("4:16:4-8:32:8,8:32:8?");
  const auto nets = [&](int times, std::uint64_t seed) { return covering_subnets(*space, kImage16, times, seed); };
  EXPECT_EQ(nets(2, 3), nets(2, 3));
  EXPECT_NE(nets(2, 3), nets(2, 4));
  EXPECT_NE(error_of([&] { nets(0, 3); }), "no error");
}

TEST(SizedSubnets, GoFromTheSmallestToTheLargest) {
  for (const char* text : {"4:16:4-8:64:8,8:64:8?", "residual:4:16:4-4:16:4x1,x3?-8:32:8x1,x3?/2"}) {
    const auto space = family::AnySpace::parse(text);
    const std::vector<family::ArchSpec> nets = sized_subnets(*space, 20, 1);
    ASSERT_EQ(nets.size(), 20u);
    EXPECT_EQ(nets.front(), space->smallest());
    EXPECT_EQ(nets.back(), space->largest());
    std::set<std::string> texts;
    std::vector<std::int64_t> macs;
    for (const family::ArchSpec& net : nets) {
      space->check(net);
      texts.insert(net.text());
      macs.push_back(family::size_of(family::blueprint(net, {}, 10)).macs);
    }
    EXPECT_EQ(texts.size(), 20u);
    EXPECT_LT(*std::max_element(macs.begin(), macs.begin() + 5),
              *std::max_element(macs.begin() + 5, macs.begin() + 15));
    EXPECT_LT(*std::max_element(macs.begin(), macs.begin() + 5), *std::min_element(macs.end() - 3, macs.end()));
  }
}

TEST(SizedSubnets, OfASmallSpaceAreAllOfIt) {
  const auto space = family::AnySpace::parse("4:8:4-8:16:8,8:16:8?");
  EXPECT_EQ(sized_subnets(*space, 100, 1).size(), 12u);
  EXPECT_EQ(sized_subnets(*family::AnySpace::parse("4-8"), 5, 1).size(), 1u);
}

}  // namespace
}  // namespace triage::costing
