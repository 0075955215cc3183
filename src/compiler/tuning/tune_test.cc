#include "compiler/tuning/tune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "compiler/tuning/tuning_test_support.h"
#include "core/test_support.h"

namespace triage::compiler {
namespace {

using testing::HasSubstr;

const Target kMadeUpTarget = made_up_target();
const KernelKey kWide = made_up_key(64, 128, 32), kDeep = made_up_key(128, 256, 8),
                kPooled = made_up_key(64, 64, 16, true);

Measure asking(MadeUpCpu& cpu) { return std::ref(cpu); }

// On this surface one schedule alone is within 5 % for most kernels.
TEST(Tune, IsWithinFivePercentOfAllAfterAQuarter) {
  int tunings = 0, within = 0;
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    for (const KernelKey& key : {kWide, kDeep, kPooled}) {
      TuningStore store(":memory:", "made up");  // nothing known before
      MadeUpCpu cpu(0.02, seed);
      const std::size_t all = all_schedules(key, kMadeUpTarget).size();
      const TuneOptions options{.candidates = static_cast<int>(all / 4), .seed = seed, .patience = 1000};
      const TuneResult result = tune(key, kMadeUpTarget, store, asking(cpu), options);
      EXPECT_LE(cpu.distinct[key].size(), all / 4);
      const double regret = *true_us(key, result.best.schedule) / min_us(key, kMadeUpTarget);
      EXPECT_LE(regret, 1.25) << key.text() << " seed " << seed << ": " << result.best.schedule.text();
      ++tunings;
      within += regret <= 1.05;
    }
  }
  EXPECT_GE(within, 0.8 * tunings) << "of " << tunings;
}

TEST(Tune, WhatIsKnownIsNotMeasured) {
  const TempDir directory;
  TuningStore store(directory / "tuning.sqlite", "made up");
  MadeUpCpu cpu;
  const TuneResult first = tune(kWide, kMadeUpTarget, store, asking(cpu), {.candidates = 24});
  EXPECT_EQ(first.known, 24);
  EXPECT_EQ(first.measured, 24);
  EXPECT_EQ(first.why, "candidates");
  EXPECT_GT(first.default_us, *first.best.outcome.us);
  const int calls = cpu.calls;
  for (const int candidates : {24, 10}) {
    const TuneResult again = tune(kWide, kMadeUpTarget, store, asking(cpu), {.candidates = candidates});
    EXPECT_EQ(again.best.schedule, first.best.schedule);
    EXPECT_EQ(again.best.outcome.us, first.best.outcome.us);
    EXPECT_EQ(again.default_us, first.default_us);
    EXPECT_EQ(again.measured, 0);
    EXPECT_EQ(again.why, "known");
  }
  EXPECT_EQ(cpu.calls, calls);
  EXPECT_EQ(tune(kWide, kMadeUpTarget, store, asking(cpu), {.candidates = 32, .patience = 1000}).measured,
            8);  // the rest
}

TEST(Tune, AsksForTheSameFromTheSameSeed) {
  const TempDir directory;
  const auto asked = [&](const char* name, std::uint64_t seed) {
    TuningStore store(directory / name, "made up");
    MadeUpCpu cpu;
    tune(kDeep, kMadeUpTarget, store, asking(cpu), {.candidates = 40, .seed = seed});
    return cpu.asked;
  };
  EXPECT_EQ(asked("a", 1), asked("b", 1));
  EXPECT_NE(asked("c", 1), asked("d", 2));
}

TEST(Tune, BeginsWithTheDefaultAndTheNeighboursBest) {
  const TempDir directory;
  TuningStore store(directory / "tuning.sqlite", "made up");
  const Schedule known{.vectors = 2, .columns = 3, .unroll = 2};
  ASSERT_TRUE(allowed(kDeep, known));
  store.insert(made_up_key(128, 192, 8), known, {.us = 3});
  store.insert(made_up_key(128, 192, 8, true), {.columns = 2, .rows = 2}, {.us = 3});  // pools
  MadeUpCpu cpu;
  tune(kDeep, kMadeUpTarget, store, asking(cpu), {.candidates = 8});
  EXPECT_EQ(cpu.asked[0], default_schedule(kDeep, kMadeUpTarget));
  EXPECT_EQ(cpu.asked[1], known);
}

TEST(Tune, FailuresNeverWin) {
  const TempDir directory;
  TuningStore store(directory / "tuning.sqlite", "made up");
  std::map<Schedule, int> seen;
  std::set<Schedule> unsteady;
  MadeUpCpu cpu;
  // The fastest at first sight fail when they are looked at again.
  const Measure measure = [&](const KernelKey& key, const Schedule& schedule) -> CandidateResult {
    const CandidateResult outcome = cpu(key, schedule);
    if (!outcome.us || schedule.unroll != 2) return outcome;
    unsteady.insert(schedule);
    if (++seen[schedule] > 2) return {.failure = "timed out after 1 s"};
    return {.us = 0.1, .samples = 1};
  };
  const TuneResult result =
      tune(kDeep, kMadeUpTarget, store, measure, {.candidates = 60, .patience = 1000, .finalists = 2});
  EXPECT_GT(unsteady.size(), 4u);
  EXPECT_NE(result.best.schedule.unroll, 2);
  EXPECT_TRUE(result.best.outcome.us);

  const Measure broken = [](const KernelKey&, const Schedule&) {
    return CandidateResult{.failure = "crashed with SIGILL"};
  };
  EXPECT_THAT(error_of([&] { tune(kWide, kMadeUpTarget, store, broken, {.candidates = 5}); }),
              HasSubstr("fp32 64->128 32x32: none of 5 schedules works; "));
}

TEST(Tune, GoesOnAfterKillWithTheSameCandidates) {
  const TempDir directory;
  const TuneOptions options{.candidates = 30, .patience = 1000};
  TuningStore whole(directory / "whole.sqlite", "made up");
  MadeUpCpu quiet(0);
  const TuneResult uninterrupted = tune(kDeep, kMadeUpTarget, whole, asking(quiet), options);

  const fs::path file = directory / "killed.sqlite", log = directory / "log";
  const pid_t tuner = ::fork();
  if (tuner == 0) {
    TuningStore store(file, "made up");
    MadeUpCpu cpu(0);
    tune(
        kDeep, kMadeUpTarget, store,
        [&](const KernelKey& key, const Schedule& schedule) {
          append_line(log, schedule.text());
          if (cpu.calls == 18) ::kill(::getpid(), SIGKILL);
          return cpu(key, schedule);
        },
        options);
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(tuner, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const std::string lines = read_file(log);
  TuningStore store(file, "made up");
  EXPECT_EQ(std::ranges::count(lines, '\n'), 19);
  EXPECT_EQ(store.count(), 18u);

  MadeUpCpu cpu(0);
  const TuneResult resumed = tune(kDeep, kMadeUpTarget, store, asking(cpu), options);
  EXPECT_EQ(resumed.measured, 12);
  EXPECT_EQ(resumed.best.schedule, uninterrupted.best.schedule);
  const auto schedules = [](const TuningStore& of) {
    std::vector<Schedule> all;
    for (const Candidate& candidate : of.candidates(kDeep)) all.push_back(candidate.schedule);
    return all;
  };
  EXPECT_EQ(schedules(store), schedules(whole));
}

TEST(Tune, CtrlCEndsItAtOnceAndLosesOneCandidate) {
  const TempDir directory;
  const fs::path file = directory / "tuning.sqlite", said = directory / "said";
  const pid_t tuner = ::fork();
  if (tuner == 0) {
    static std::atomic<bool> flag = false;
    std::signal(SIGINT, [](int) { flag = true; });
    const StopToken stop(flag);
    const pid_t self = ::getpid();
    CandidateRunner runner(
        [self, count = 0](const KernelKey&, const Schedule&) mutable -> std::vector<double> {
          if (++count < 4) return {5};
          ::kill(self, SIGINT);
          for (;;) ::usleep(1000);
        },
        {.stop = stop});
    TuningStore store(file, "made up");
    const Measure measure = [&](const KernelKey& key, const Schedule& schedule) { return runner.run(key, schedule); };
    try {
      tune(kDeep, kMadeUpTarget, store, measure);
    } catch (const Interrupted& error) {
      write_file_atomic(said, error.what());
    }
    ::_exit(0);
  }
  ::waitpid(tuner, nullptr, 0);
  EXPECT_THAT(read_file(said), HasSubstr("fp32 128->256 8x8 was interrupted; 3 candidates are in the store"));
  EXPECT_EQ(TuningStore(file, "made up").count(), 3u);
}

TEST(Tune, AStopBetweenCandidatesKeepsThem) {
  const TempDir directory;
  TuningStore store(directory / "tuning.sqlite", "made up");
  std::atomic<bool> stop = false;
  int measured = 0;
  const Measure measure = [&](const KernelKey&, const Schedule&) {
    stop = ++measured == 5;
    return CandidateResult{.us = 10.0 - measured, .samples = 1};
  };
  TuneOptions options;
  options.stop = StopToken(stop);
  EXPECT_THROW(tune(kDeep, kMadeUpTarget, store, measure, options), Interrupted);
  EXPECT_EQ(measured, 5);
  EXPECT_EQ(store.count(), 5u);
}

TEST(Tune, EndsWhenNothingGetsBetterOrNothingIsLeft) {
  const TempDir directory;
  TuningStore store(directory / "tuning.sqlite", "made up");
  const Measure flat = [](const KernelKey&, const Schedule&) { return CandidateResult{.us = 5, .samples = 1}; };
  std::vector<TuneProgress> progress;
  TuneOptions options{.candidates = 100'000, .patience = 10};
  options.progress = [&](const TuneProgress& now) { progress.push_back(now); };
  EXPECT_EQ(tune(kDeep, kMadeUpTarget, store, flat, options).why, "settled");
  EXPECT_EQ(progress.size(), 11u);
  EXPECT_EQ(progress.back().measured, 11);
  EXPECT_EQ(progress.back().best_us, 5);
  options.patience = 100'000;
  const TuneResult result = tune(kPooled, kMadeUpTarget, store, flat, options);
  EXPECT_EQ(result.why, "everything");
  EXPECT_EQ(result.known, static_cast<int>(all_schedules(kPooled, kMadeUpTarget).size()));
  EXPECT_EQ(tune(kPooled, kMadeUpTarget, store, flat, options).why, "known");
}

TEST(Tune, AllKernelsOfANetOnceAndWithinTheTime) {
  const TempDir directory;
  TuningStore store(directory / "tuning.sqlite", "made up");
  MadeUpCpu cpu;
  const std::vector<KernelKey> keys{kDeep, kWide, kDeep, kPooled};
  const TuneOptions little{.candidates = 20, .seconds = 0};
  for (const auto& [key, result] : tune_all(keys, kMadeUpTarget, store, asking(cpu), little)) {
    EXPECT_EQ(result.why, "time") << key.text();
    EXPECT_LE(result.known, 4);
    EXPECT_GT(*result.best.outcome.us, 0);
  }
  const auto results = tune_all(keys, kMadeUpTarget, store, asking(cpu), {.candidates = 20});
  EXPECT_EQ(results.size(), 3u);
  for (const auto& [key, result] : results) EXPECT_EQ(result.known, 20);
  const int calls = cpu.calls;
  tune_all(keys, kMadeUpTarget, store, asking(cpu), {.candidates = 20});
  EXPECT_EQ(cpu.calls, calls);
}

TEST(Tune, ThroughARunnerWhoseWorkersDie) {
  const TempDir directory;
  CandidateRunner runner(
      [](const KernelKey& key, const Schedule& schedule) -> std::vector<double> {
        const std::optional<double> us = true_us(key, schedule);
        if (!us) ::raise(SIGILL);
        return {*us};
      },
      {.seconds = 10});
  TuningStore store(directory / "tuning.sqlite", "made up");
  const Measure measure = [&](const KernelKey& key, const Schedule& schedule) { return runner.run(key, schedule); };
  const TuneResult result = tune(kDeep, kMadeUpTarget, store, measure, {.candidates = 60, .patience = 1000});
  EXPECT_LE(*true_us(kDeep, result.best.schedule), 1.25 * min_us(kDeep, kMadeUpTarget));
  int crashed = 0;
  for (const Candidate& candidate : store.candidates(kDeep)) {
    crashed += candidate.outcome.failure == "crashed with SIGILL";
    EXPECT_EQ(candidate.outcome.us.has_value(), true_us(kDeep, candidate.schedule).has_value());
  }
  EXPECT_GT(crashed, 0);
}

}  // namespace
}  // namespace triage::compiler
