#include "workflow/suggest/choose_initial.h"

#include <gtest/gtest.h>

namespace triage::workflow {
namespace {

TrainableNet net(double us, std::int64_t macs, double images_per_second) {
  return {.net = {.arch = "8", .macs = macs, .latency_us = us}, .images_per_second = images_per_second};
}

// Of 10, 50 and 200 MMAC; 128 images a batch, so 10,000 images want 64 epochs.
std::vector<TrainableNet> three() { return {net(50, 10, 4000), net(200, 50, 1000), net(800, 200, 250)}; }

TEST(ChooseInitial, TheLargestBigNetThatHasEnoughEpochs) {
  const auto choice = choose_initial(three(), {.images = 10'000, .minutes = 120});
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->enough_epochs, 64);
  EXPECT_EQ(choice->batch, 128);
  // An epoch of 200 and 50 MMAC takes 40 + 10 s, eight views 107 s: 113 epochs in 96 minutes.
  EXPECT_EQ(choice->big, 2u);
  EXPECT_EQ(choice->little, 1u);
  EXPECT_EQ(choice->epochs, 113);
  EXPECT_NEAR(choice->minutes, (113 * 50 + 8 * 40 / 3.) / 60, 0.01);
  EXPECT_FALSE(choice->short_of_time());
}

TEST(ChooseInitial, LessTimeASmallerNet) {
  const auto choice = choose_initial(three(), {.images = 10'000, .minutes = 30});
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->big, 1u);  // 12.5 s an epoch
  EXPECT_EQ(choice->little, 0u);
  EXPECT_EQ(choice->epochs, 113);  // (1440 - 8 * 10 / 3) / 12.5
}

TEST(ChooseInitial, FarTooLittleTimeTheFastestPairAndAWarning) {
  const auto choice = choose_initial(three(), {.images = 10'000, .minutes = 1});
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->big, 1u);
  EXPECT_EQ(choice->little, 0u);
  EXPECT_EQ(choice->epochs, 3);  // with as many views: 3 * 12.5 + 3 * 10 / 3 s of 48
  EXPECT_TRUE(choice->short_of_time());
}

TEST(ChooseInitial, MuchTimeIsNotUsedUp) {
  const auto choice = choose_initial(three(), {.images = 10'000, .minutes = 6000});
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->epochs, 3 * 64);
}

TEST(ChooseInitial, TheLimitOfLatencyIsKept) {
  const auto choice = choose_initial(three(), {.images = 10'000, .minutes = 6000, .most_latency_us = 120});
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->big, 1u);
  EXPECT_DOUBLE_EQ(choice->mean_latency_us, 100);
  EXPECT_FALSE(choose_initial(three(), {.images = 10'000, .minutes = 60, .most_latency_us = 90}));
}

TEST(ChooseInitial, BatchesFitSmallSets) {
  const auto choice = choose_initial(three(), {.images = 160, .minutes = 60});
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->batch, 20);
  EXPECT_EQ(choice->enough_epochs, 80);
  EXPECT_EQ(choose_initial(three(), {.images = 60'000, .minutes = 60})->batch, 256);
  EXPECT_EQ(choose_initial(three(), {.images = 3, .minutes = 60})->batch, 2);
}

}  // namespace
}  // namespace triage::workflow
