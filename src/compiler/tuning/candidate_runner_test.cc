#include "compiler/tuning/candidate_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

#include "core/error.h"
#include "core/test_support.h"

namespace triage::compiler {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const KernelKey kRunnerKey = KernelKey::parse("fp32 16->32 8x8");

// What the candidate does hangs on how many columns it has.
enum Deed {
  kWell = 1,
  kSegfault,
  kIllegal,
  kForever,
  kAllocates,
  kThrows,
  kThrowsANumber,
  kNothing,
  kExits,
  kCounts,
  kEndsTheKeeper
};

volatile int* volatile invalid_address = reinterpret_cast<int*>(16);  // a null pointer UBSan would catch
int served_by_worker = 0;                                             // by this worker

std::vector<double> misbehave(const KernelKey&, const Schedule& schedule) {
  ++served_by_worker;
  switch (schedule.columns) {
    case kWell:
      return {3, 1, 2};
    case kSegfault:
      *invalid_address = 1;
      break;
    case kIllegal:
      ::raise(SIGILL);
      break;
    case kForever:
      for (;;) ::usleep(1000);
    case kAllocates:
      for (std::vector<std::unique_ptr<char[]>> all;;) all.push_back(std::make_unique_for_overwrite<char[]>(16 << 20));
    case kThrows:
      throw Error("tile 3: expected 2, found \xff");
    case kThrowsANumber:
      throw 3;
    case kExits:
      std::exit(7);
    case kCounts:
      return {1.0 * served_by_worker};
    case kEndsTheKeeper:
      ::kill(::getppid(), SIGTERM);
      for (;;) ::usleep(1000);
    default:
      break;
  }
  return {};
}

CandidateResult run_deed(CandidateRunner& runner, Deed deed) { return runner.run(kRunnerKey, {.columns = deed}); }

#ifdef __SANITIZE_ADDRESS__
constexpr double kSeconds = 5;  // a fork takes long there, on a busy machine longer
#else
constexpr double kSeconds = 0.5;
#endif
const RunnerOptions kTight{.seconds = kSeconds, .memory_mib = 256};

TEST(CandidateRunner, GivesMedianAndSpread) {
  CandidateRunner runner(misbehave, kTight);
  const CandidateResult outcome = run_deed(runner, kWell);
  EXPECT_EQ(outcome.us, 2);
  EXPECT_EQ(outcome.spread, 1);
  EXPECT_EQ(outcome.samples, 3);
  EXPECT_EQ(outcome.failure, "");
}

TEST(CandidateRunner, EveryWayToFailCostsOneCandidate) {
  CandidateRunner runner(misbehave, kTight);
  const auto fails = [&](Deed deed) {
    const CandidateResult outcome = run_deed(runner, deed);
    EXPECT_FALSE(outcome.us);
    EXPECT_EQ(run_deed(runner, kWell).us, 2);
    return outcome.failure;
  };
  EXPECT_EQ(fails(kSegfault), "crashed with SIGSEGV");
  EXPECT_EQ(fails(kIllegal), "crashed with SIGILL");
  EXPECT_EQ(fails(kForever), std::format("timed out after {} s", kSeconds));
  EXPECT_THAT(fails(kThrows), StartsWith("refused: tile 3: expected 2, found "));
  EXPECT_EQ(fails(kThrowsANumber), "refused: an exception of unknown type");
  EXPECT_EQ(fails(kNothing), "refused: expected samples, found none");
  EXPECT_EQ(fails(kExits), "ended itself with exit code 7");
#ifndef __SANITIZE_ADDRESS__
  EXPECT_EQ(fails(kAllocates), "out of memory");
#endif
}

TEST(CandidateRunner, AWorkerServesUntilItDies) {
  CandidateRunner runner(misbehave, {.seconds = 5, .max_per_worker = 4});
  for (const double expected : {1, 2, 3, 4, 1, 2}) EXPECT_EQ(run_deed(runner, kCounts).us, expected);
  EXPECT_FALSE(run_deed(runner, kIllegal).us);
  EXPECT_EQ(run_deed(runner, kCounts).us, 1);
  EXPECT_FALSE(run_deed(runner, kThrows).us);  // which does not cost the worker
  EXPECT_EQ(run_deed(runner, kCounts).us, 3);
  EXPECT_EQ(served_by_worker, 0);  // none of it here
}

TEST(CandidateRunner, ASpoiltWorkerDoesNotCondemnTheNextCandidate) {
  bool spoilt = false;
  CandidateRunner runner(
      [spoilt](const KernelKey&, const Schedule& schedule) mutable -> std::vector<double> {
        if (std::exchange(spoilt, schedule.columns == kThrows)) ::raise(SIGSEGV);
        return {5};
      },
      kTight);
  EXPECT_EQ(run_deed(runner, kThrows).us, 5);
  EXPECT_EQ(run_deed(runner, kWell).us, 5);  // the second worker
}

TEST(CandidateRunner, WorkersAreForkedWhileThreadsAllocate) {
  CandidateRunner runner(misbehave, {.seconds = 5});
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) std::make_unique<std::vector<int>>(1000);
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run_deed(runner, i % 2 == 0 ? kIllegal : kWell).us.has_value(), i % 2 == 1);
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST(CandidateRunner, HowTheKeeperEndedIsSaidAndAnotherOneStarted) {
  CandidateRunner runner(misbehave, {.seconds = 60});
  EXPECT_THAT(error_of([&] { run_deed(runner, kEndsTheKeeper); }),
              HasSubstr("unroll 1 channels outside: the process that runs candidates crashed with SIGTERM"));
  EXPECT_EQ(run_deed(runner, kWell).us, 2);
}

TEST(CandidateRunner, NothingIsLeftBehind) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  {
    CandidateRunner runner(
        [&](const KernelKey&, const Schedule&) -> std::vector<double> {
          ::close(fds[0]);
          return {1.0 * ::getpid()};
        },
        kTight);
    const CandidateResult outcome = run_deed(runner, kWell);
    EXPECT_EQ(::kill(static_cast<pid_t>(*outcome.us), 0), 0);
  }
  // Worker and keeper held the pipe's other end: a read ends when all have gone.
  ::close(fds[1]);
  char byte;
  EXPECT_EQ(::read(fds[0], &byte, 1), 0);
  ::close(fds[0]);
}

TEST(CandidateRunner, RefusesALimitThatIsNone) {
  std::string message;
  try {
    CandidateRunner(misbehave, {.seconds = 0});
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_THAT(message, HasSubstr("limit of time above 0 s, found 0"));
}

}  // namespace
}  // namespace triage::compiler
