#include "compiler/kernel/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "compiler/compiler_test_support.h"
#include "core/test_support.h"

namespace triage::compiler {
namespace {

Schedule random_schedule(Rng& rng) {
  const auto from = [&](int low, int high) { return low + static_cast<int>(rng.below(high - low + 1)); };
  return {.algorithm = static_cast<Algorithm>(rng.below(4)),
          .vectors = from(1, 6),
          .columns = from(1, 30),
          .rows = from(1, 20),
          .unroll = from(1, 8),
          .order = static_cast<LoopOrder>(rng.below(2)),
          .share = static_cast<Share>(rng.below(2))};
}

KernelKey of_one_thread(KernelKey key) {
  key.threads = 1;
  return key;
}

TEST(Schedule, TextsLeadBack) {
  EXPECT_EQ(Schedule{}.text(), "direct 1x4x1 unroll 1 channels outside");
  EXPECT_EQ(Schedule{.share = Share::channels}.text(), "direct 1x4x1 unroll 1 channels outside, channels shared");
  expect_texts_lead_back<Schedule>(random_schedule);
  for (const char* text : {"", "direct", "direct 1x4x1", "direct 1x4x1 unroll 1 sideways",
                           "winograd3 1x4x1 unroll 1 "
                           "channels outside",
                           "direct 1x4x1x2 unroll 1 channels outside",
                           "direct 99999999999x4x1 "
                           "unroll 1 channels outside"})
    EXPECT_THAT(error_of([&] { Schedule::parse(text); }),
                testing::HasSubstr(std::format("schedule: found '{}', expected", text)));
}

// The search tries no schedule that cannot be made, and none twice.
TEST(Schedule, AllAreAllowedOnce) {
  Rng rng(3);
  for (int i = 0; i < 60; ++i)
    for (const Target& target : every_target()) {
      const KernelKey key = random_key(rng);
      const std::vector<Schedule> all = all_schedules(key, target);
      EXPECT_EQ(std::set(all.begin(), all.end()).size(), all.size()) << key.text();
      for (const Schedule& schedule : all) {
        EXPECT_TRUE(allowed(key, schedule)) << key.text() << ": " << schedule.text();
        // The code is made for the whole map, whatever a thread's share.
        EXPECT_TRUE(allowed(of_one_thread(key), schedule)) << key.text() << ": " << schedule.text();
        EXPECT_EQ(features(key, schedule, target).size(), features(key, Schedule{}, target).size());
      }
    }
}

TEST(Schedule, TheDefaultIsAlwaysAllowed) {
  Rng rng(4);
  for (int i = 0; i < 300; ++i)
    for (const Target& target : every_target()) {
      const KernelKey key = random_key(rng);
      const Schedule schedule = default_schedule(key, target);
      EXPECT_TRUE(allowed(key, schedule) && allowed(of_one_thread(key), schedule)) << key.text() << schedule.text();
      EXPECT_EQ(schedule, default_schedule(key, target));
    }
}

TEST(Schedule, WhatDoesNotFitIsNotAllowed) {
  const auto key = KernelKey::parse("fp32 32->48 16x12 pool");
  EXPECT_TRUE(allowed(key, {.vectors = 3, .columns = 4, .rows = 2}));
  EXPECT_FALSE(allowed(key, {.vectors = 2, .columns = 4, .rows = 2}));   // 3 vectors of channels
  EXPECT_FALSE(allowed(key, {.vectors = 1, .columns = 3, .rows = 2}));   // a pool's half
  EXPECT_FALSE(allowed(key, {.vectors = 1, .columns = 14, .rows = 2}));  // wider than the map
  EXPECT_FALSE(allowed(key, {.vectors = 0, .columns = 4, .rows = 2}));
  EXPECT_FALSE(allowed(key, {.vectors = 1, .columns = 4, .rows = 2, .unroll = 0}));
  EXPECT_TRUE(allowed(key, {.algorithm = Algorithm::winograd4, .columns = 3}));
  EXPECT_FALSE(allowed(key, {.algorithm = Algorithm::winograd4, .columns = 2}));  // 3 tiles in a row
  EXPECT_FALSE(allowed(key, {.algorithm = Algorithm::winograd4, .columns = 3, .rows = 3}));
  for (const char* other : {"int8 32->48 16x12", "fp32 15->48 16x12", "fp32 32->48 14x12", "fp32 32->48 16x10"})
    EXPECT_FALSE(allowed(KernelKey::parse(other), {.algorithm = Algorithm::winograd4, .columns = 1})) << other;
  EXPECT_FALSE(allowed(KernelKey::parse("fp32 512->512 64x64"),  // more scratch than a thread has
                       {.algorithm = Algorithm::winograd2, .columns = 1, .rows = 16}));
}

TEST(Schedule, ThreadsShareWholeUnits) {
  KernelKey key = KernelKey::parse("fp32 32->96 16x12 pool");
  const auto rows = [&](const Schedule& schedule, int threads) {
    key.threads = threads;
    return largest_share(key, schedule).rows;
  };
  EXPECT_EQ(unit_of_share(key, {.columns = 2, .rows = 4}), 4);
  EXPECT_EQ(unit_of_share(key, {.algorithm = Algorithm::winograd2, .rows = 4}), 8);
  EXPECT_EQ(unit_of_share(key, {.algorithm = Algorithm::winograd4, .rows = 2}), 8);
  EXPECT_EQ(rows({.rows = 2}, 1), 16);
  EXPECT_EQ(rows({.rows = 2}, 2), 8);
  EXPECT_EQ(rows({.rows = 2}, 3), 6);
  EXPECT_EQ(rows({.rows = 4}, 3), 8);
  EXPECT_EQ(rows({.rows = 2}, 64), 2);
  EXPECT_EQ(rows({.algorithm = Algorithm::winograd4, .rows = 2}, 2), 8);
  EXPECT_EQ(rows({.vectors = 3, .share = Share::channels}, 2), 16);  // all of them, of some channels
  key = KernelKey::parse("fp32 32->24 15x9");
  EXPECT_EQ(rows({.rows = 2}, 2), 9);  // 3 units and 4, and the row that is left
}

TEST(Schedule, ThreadsShareChannelsOnWholeCacheLines) {
  const auto channels = [](const char* key, int vectors) -> int {
    const Schedule schedule{.vectors = vectors, .share = Share::channels};
    if (!allowed(KernelKey::parse(key), schedule)) return 0;
    return largest_share(KernelKey::parse(key), schedule).channels;
  };
  EXPECT_EQ(channels("fp32 32->96 16x12 threads 2", 1), 48);
  EXPECT_EQ(channels("fp32 32->96 16x12 threads 2", 2), 64);
  EXPECT_EQ(channels("fp32 32->96 16x12 threads 2", 3), 48);
  EXPECT_EQ(channels("fp32 32->90 16x12 threads 4", 1), 32);
  EXPECT_EQ(channels("fp32 32->16 16x12 threads 2", 1), 0);  // one vector
  EXPECT_EQ(channels("int8 32->128 16x12 threads 2", 1), 64);
  EXPECT_EQ(channels("int8 32->96 16x12 threads 2", 1), 0);  // a line and a half
  EXPECT_EQ(channels("int8 32->192 16x12 threads 2", 3), 0);
  // Winograd with all channels in each step has none to share.
  const auto key = KernelKey::parse("fp32 32->64 8x8 threads 2");
  for (const auto order : {LoopOrder::channels_outside, LoopOrder::pixels_outside})
    EXPECT_EQ(allowed(key, {.algorithm = Algorithm::winograd4, .columns = 2, .order = order, .share = Share::channels}),
              order == LoopOrder::channels_outside);
}

}  // namespace
}  // namespace triage::compiler
