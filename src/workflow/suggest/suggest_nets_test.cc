#include "workflow/suggest/suggest_nets.h"

#include <gtest/gtest.h>

#include "family/presets.h"

namespace triage::workflow {
namespace {

std::vector<SuggestedNet> nets_of(std::initializer_list<double> latencies) {
  std::vector<SuggestedNet> nets;
  for (const double us : latencies) nets.push_back({.arch = "8", .latency_us = us});
  return nets;
}

TEST(SuggestNets, ThePresetsOfThatSizeByRisingLatency) {
  const std::vector<SuggestedNet> nets =
      suggest_nets({.input = {1, 28, 30}, .classes = 3, .seconds = 0.001, .context = {}});
  ASSERT_EQ(nets.size(), family::presets_for(28, 30).size());
  for (std::size_t i = 0; i < nets.size(); ++i) {
    EXPECT_GT(nets[i].latency_us, i == 0 ? 0 : nets[i - 1].latency_us - 1e-9);
    EXPECT_GT(nets[i].macs, 0);
    EXPECT_GT(nets[i].parameters, 0);
  }
}

TEST(SuggestPair, TheSlowestBigNetThatKeepsTheLimit) {
  const auto nets = nets_of({50, 100, 200, 400, 1000});
  const auto pair = suggest_pair(nets, 210);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->big, 3u);  // 100 + 400 / 4 = 200; with 1000 behind it even the first takes 300
  EXPECT_EQ(pair->little, 1u);
  EXPECT_DOUBLE_EQ(pair->mean_latency_us, 200);
}

TEST(SuggestPair, WithoutALimitTheSlowestNet) {
  const auto pair = suggest_pair(nets_of({50, 100, 200, 400, 1000}), std::nullopt);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->big, 4u);
  EXPECT_EQ(pair->little, 2u);
}

TEST(SuggestPair, NoneWhereNothingIsGained) {
  EXPECT_FALSE(suggest_pair(nets_of({100, 200}), std::nullopt));  // no net is a third of another
  EXPECT_FALSE(suggest_pair(nets_of({50, 400}), 100));            // 150
  EXPECT_FALSE(suggest_pair(std::vector<SuggestedNet>(), std::nullopt));
}

}  // namespace
}  // namespace triage::workflow
