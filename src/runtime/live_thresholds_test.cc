#include "runtime/live_thresholds.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "core/test_support.h"

namespace triage::runtime {
namespace {

TEST(LiveThresholds, AreWhatWasSetLast) {
  LiveThresholds thresholds(std::vector{0.25, 0.5});
  EXPECT_EQ(thresholds.values(), (std::vector{0.25, 0.5}));
  for (int i = 0; i < 5; ++i) {
    const std::vector<double> next{0.1 * i, -1.0};
    thresholds.set(next);
    EXPECT_EQ(thresholds.values(), next);
  }
  EXPECT_EQ(LiveThresholds(std::vector<double>()).values().size(), 0u);
}

// Every set that is put in has equal values: a reader that saw parts of two would find different ones.
TEST(LiveThresholds, AReaderSeesOneWholeSet) {
  constexpr std::size_t kExits = 40;
  constexpr int kSets = 20000;
  LiveThresholds thresholds(std::vector<double>(kExits, 0));
  std::atomic<int> writers{2};
  std::atomic<std::uint64_t> torn{0}, reads{0};
  std::vector<std::jthread> threads;
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 1; i <= kSets; ++i) thresholds.set(std::vector<double>(kExits, 2 * i + writer));
      --writers;
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      do {
        const ThresholdSet set = thresholds.now();
        const std::span seen = std::span(set).first(kExits);
        torn += std::ranges::count(seen, seen.front()) != static_cast<std::ptrdiff_t>(kExits);
        ++reads;
      } while (writers > 0);
    });
  }
  threads.clear();
  EXPECT_EQ(torn, 0u);
  EXPECT_GE(reads, 2u);
  const std::vector<double> last = thresholds.values();
  EXPECT_TRUE(last.front() == 2 * kSets || last.front() == 2 * kSets + 1);  // one of the two writers' last
}

TEST(LiveThresholds, WhatIsNoSetIsNamed) {
  const auto error = [](std::vector<double> values) { return error_of([&] { check_thresholds(values, 2, "p"); }); };
  EXPECT_EQ(error({0.5}), "thresholds: found 1, expected 2 (one per exit but the last) for plan 'p'");
  EXPECT_EQ(error({0.5, std::numeric_limits<double>::quiet_NaN()}), "thresholds[1]: found NaN, expected a number");
  EXPECT_NO_THROW(check_thresholds(std::vector{-1.0, std::numeric_limits<double>::infinity()}, 2, "p"));
}

}  // namespace
}  // namespace triage::runtime
