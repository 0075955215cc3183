#include "measure/latency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"

namespace triage::measure {
namespace {

// A machine whose time moves only when work is done: run r takes duration(r) seconds.
struct FakeMachine {
  double now = 0;
  Clock clock() {
    return [this] { return now; };
  }
  Callable work(std::function<double(std::size_t)> duration) {
    return [this, duration](std::size_t run) { now += duration(run); };
  }
};

MeasureOptions quick() {
  MeasureOptions options;
  options.warmup_runs = 5;
  options.warmup_seconds = 0;
  options.settle_runs = 0;
  return options;
}

TEST(Measure, ConstantWorkStopsAtTheMinimumAndIsStable) {
  FakeMachine machine;
  const Measurement m = measure(machine.work([](std::size_t) { return 0.001; }), quick(), machine.clock());
  EXPECT_TRUE(m.stable);
  EXPECT_NEAR(m.latency_us.mean, 1000, 1e-6);
  EXPECT_NEAR(m.latency_us.p99, 1000, 1e-6);
  EXPECT_NEAR(m.samples_us.size() * 0.001, 0.5, 0.11);  // min_seconds, rounded up to a whole window of 0.1 s
  EXPECT_EQ(m.latency_us.count, m.samples_us.size());
  std::size_t covered = 0;
  for (const Window& window : m.windows) {
    EXPECT_EQ(window.first, covered);
    covered += window.count;
  }
  EXPECT_EQ(covered, m.samples_us.size());
}

TEST(Measure, WarmUpAndFirstRunAreNotAmongTheSamples) {
  FakeMachine machine;
  const Measurement m = measure(machine.work([](std::size_t run) { return run == 0  ? 0.25
                                                                          : run < 5 ? 0.01
                                                                                    : 0.001; }),
                                quick(), machine.clock());
  EXPECT_NEAR(m.first_us, 250000, 1e-3);
  EXPECT_NEAR(m.latency_us.max, 1000, 1e-6);
}

TEST(Measure, WarmUpLastsItsTime) {
  FakeMachine machine;
  MeasureOptions options = quick();
  options.warmup_seconds = 0.2;
  // Slow for the first 150 runs of 1 ms: only a warm-up of 0.2 s hides that.
  const Measurement m =
      measure(machine.work([](std::size_t run) { return run < 100 ? 0.0015 : 0.001; }), options, machine.clock());
  EXPECT_NEAR(m.latency_us.max, 1000, 1e-6);
}

TEST(Measure, DriftThatNeverSettlesRunsToTheMaximumAndIsNotStable) {
  FakeMachine machine;
  // 10 % slower with every window of 0.1 s.
  const Measurement m =
      measure(machine.work([&](std::size_t) { return 0.001 * std::exp(machine.now); }), quick(), machine.clock());
  EXPECT_FALSE(m.stable);
  double seconds = 0;
  for (const double us : m.samples_us) seconds += us * 1e-6;
  EXPECT_NEAR(seconds, 3.0, 0.05);
}

TEST(Measure, DriftThatEndsIsWaitedFor) {
  FakeMachine machine;
  const Measurement m =
      measure(machine.work([](std::size_t run) { return 0.002 - 0.001 * std::min(1.0, run / 300.0); }), quick(),
              machine.clock());
  EXPECT_TRUE(m.stable);
  EXPECT_GT(m.samples_us.size(), 500u);  // without drift 0.5 s would have been enough
  EXPECT_NEAR(m.windows.back().mean_us, 1000, 100);
}

TEST(Measure, NoiseThatAveragesOutWithinAWindowIsStable) {
  FakeMachine machine;
  Rng rng(7);
  const Measurement m =
      measure(machine.work([&](std::size_t) { return 0.0005 + 0.001 * rng.uniform(); }), quick(), machine.clock());
  EXPECT_TRUE(m.stable);
  EXPECT_NEAR(m.latency_us.mean, 1000, 60);  // uniform in [500, 1500]
  EXPECT_GT(m.latency_us.p99, m.latency_us.p90);
}

TEST(Measure, ANeighbourThatComesAndGoesIsNotStable) {
  FakeMachine machine;
  // Every other window is half again as slow.
  const Measurement m = measure(
      machine.work([&machine](std::size_t) { return static_cast<int>(machine.now / 0.1) % 2 ? 0.0015 : 0.001; }),
      quick(), machine.clock());
  EXPECT_FALSE(m.stable);
}

TEST(Measure, AStopEndsItBeforeTheNextRound) {
  FakeMachine machine;
  std::atomic<bool> stop = false;
  MeasureOptions options = quick();
  options.stop = StopToken(stop);
  std::vector<std::size_t> rounds;
  EXPECT_THROW(measure_interleaved({machine.work([](std::size_t) { return 0.001; })}, options, machine.clock(),
                                   [&](std::size_t round) {
                                     rounds.push_back(round);
                                     stop = round == 2;
                                   }),
               Interrupted);
  EXPECT_THAT(rounds, testing::ElementsAre(0, 1, 2));
}

TEST(Measure, RunsEndItBeforeTime) {
  FakeMachine machine;
  MeasureOptions options = quick();
  options.max_runs = 20;
  const Measurement m = measure(machine.work([](std::size_t) { return 0.001; }), options, machine.clock());
  EXPECT_EQ(m.samples_us.size(), 20u);
}

TEST(Measure, OneSlowRunDoesNotOverstayTheMaximum) {
  FakeMachine machine;
  const Measurement m = measure(machine.work([](std::size_t) { return 2.0; }), quick(), machine.clock());
  EXPECT_EQ(m.samples_us.size(), 2u);  // 3 s are full after the second run, whatever window_runs asks for
  EXPECT_FALSE(m.stable);
}

TEST(Measure, WindowsAgreeLooksAtTheLastThreeOnly) {
  const auto windows = [](std::vector<double> means) {
    std::vector<Window> result;
    for (const double mean : means) result.push_back({.mean_us = mean});
    return result;
  };
  EXPECT_FALSE(windows_agree(windows({100, 100}), 0.1));
  EXPECT_TRUE(windows_agree(windows({500, 100, 105, 109}), 0.1));
  EXPECT_FALSE(windows_agree(windows({100, 105, 111}), 0.1));
}

TEST(MeasureInterleaved, DriftHitsAllSubjectsAlike) {
  FakeMachine machine;
  // The machine gets slower all the time; the true ratio of the two is 3. One after the other would show 3 * drift.
  const auto speed = [&machine] { return 1 + machine.now; };
  std::vector<std::size_t> rounds;
  const std::vector<Measurement> m =
      measure_interleaved({machine.work([&](std::size_t) { return 0.001 * speed(); }),
                           machine.work([&](std::size_t) { return 0.003 * speed(); })},
                          quick(), machine.clock(), [&](std::size_t round) { rounds.push_back(round); });
  ASSERT_EQ(m.size(), 2u);
  EXPECT_EQ(m[0].windows.size(), m[1].windows.size());
  EXPECT_NEAR(m[1].latency_us.median / m[0].latency_us.median, 3, 0.3);
  EXPECT_EQ(rounds.size(), m[0].windows.size() + 1);
}

TEST(Measure, OptionsThatNeverEndAreRefused) {
  FakeMachine machine;
  MeasureOptions options = quick();
  options.max_seconds = 0;
  EXPECT_THROW(measure(machine.work([](std::size_t) { return 1; }), options, machine.clock()), Error);
}

TEST(PinnedScope, BindsAndRestores) {
  cpu_set_t before, inside, after;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  int core = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  {
    const PinnedScope pinned({core});
    ASSERT_EQ(sched_getaffinity(0, sizeof(inside), &inside), 0);
    EXPECT_EQ(CPU_COUNT(&inside), 1);
    EXPECT_TRUE(CPU_ISSET(core, &inside));
  }
  ASSERT_EQ(sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(PinnedScope, ACoreThatIsNotThereIsNamed) {
  try {
    const PinnedScope pinned({1023});
    FAIL() << "core 1023 was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("core 1023"));
  }
}

}  // namespace
}  // namespace triage::measure
