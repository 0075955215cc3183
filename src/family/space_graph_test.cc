#include "family/space_graph.h"

#include <gtest/gtest.h>

#include <format>
#include <ranges>

#include "core/rng.h"
#include "family/family.h"

namespace triage::family {
namespace {

constexpr const char* kGraphSpaces[] = {
    "24",
    "16:24:8-16:64:8,16:64:8?,24?-48:192:16",
    "residual:8:16:4-16:32:8m8:32:8s4,m16:32:8x2?-32:64:16,x2?/2",
    "residual:16k5/4-64b16:32:16,b16:64:16x2?-128b32h/2@64:128:32",
    "mbconv:8:16:8h/2-16e1-16:24:8k3:7:2e3:6:1s4,k3:5:2e2:6:2hx3?/2-32m48:96:16-c64:96:32h-f128h@96:128:32",
    "mbconv:8-8e1x3-8:16:8e2/2",
};
const plan::InputShape kInput{.channels = 3, .height = 48, .width = 40};

// What a layer is, but for its name and what it reads.
std::string facts(const Layer& l) {
  return std::format("{} {}>{} {}x{} k{} s{} g{} a{} q{} h{}\n", static_cast<int>(l.kind), l.in_channels,
                     l.out_channels, l.height, l.width, l.kernel, l.stride, l.groups, static_cast<int>(l.activation),
                     l.squeezed, l.hard_gate);
}

TEST(SpaceGraph, HasAsManyWaysAsThereAreNets) {
  for (const char* text : kGraphSpaces) {
    const auto space = parse_space(text);
    const SpaceGraph graph = space->graph(kInput);
    std::vector<double> ways(static_cast<std::size_t>(graph.places));
    ways[0] = 1;
    for (const SpaceStep& step : graph.steps)
      ways[static_cast<std::size_t>(step.to)] += ways[static_cast<std::size_t>(step.from)];
    EXPECT_EQ(ways.back(), space->subnets()) << text;
  }
}

TEST(SpaceGraph, AWayIsANetWithItsLayers) {
  Rng rng(4);
  for (const char* text : kGraphSpaces) {
    const auto space = parse_space(text);
    const SpaceGraph graph = space->graph(kInput);
    for (int round = 0; round < 30; ++round) {
      std::vector<const SpaceStep*> way;
      for (int place = graph.places - 1; place > 0; place = way.back()->from) {
        std::vector<const SpaceStep*> to;
        for (const SpaceStep& step : graph.steps)
          if (step.to == place) to.push_back(&step);
        ASSERT_FALSE(to.empty()) << text;
        way.push_back(to[rng.below(static_cast<std::uint32_t>(to.size()))]);
      }
      std::string body, found, expected;
      for (const SpaceStep* step : way | std::views::reverse) {
        body += step->text;
        for (const Layer& layer : step->layers) found += facts(layer);
      }
      const ArchSpec arch = ArchSpec::parse(join_family(split_family(text).family, body));
      space->check(arch);
      Blueprint net = blueprint(arch, kInput, 10);
      net.layers.pop_back();  // the head and its pool
      if (net.layers.back().kind != LayerKind::linear) net.layers.pop_back();
      for (const Layer& layer : net.layers) expected += facts(layer);
      EXPECT_EQ(found, expected) << arch.text();
    }
  }
}

}  // namespace
}  // namespace triage::family
