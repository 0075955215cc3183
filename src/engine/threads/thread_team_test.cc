#include "engine/threads/thread_team.h"

#include <gtest/gtest.h>

#ifdef __linux__
#include <sched.h>
#include <unistd.h>
#endif

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace triage::engine {
namespace {

TEST(ThreadTeam, EveryPartRunsOnceAndTheCallerSeesIt) {
  for (const int size : {1, 2, 5}) {
    ThreadTeam team(size);
    EXPECT_EQ(team.size(), size);
    std::vector<int> calls(static_cast<std::size_t>(size));  // not atomic: a thread writes its own
    for (int job = 0; job < 200; ++job) {
      team.run([&](int part, int parts) {
        EXPECT_EQ(parts, size);
        ++calls[static_cast<std::size_t>(part)];
      });
    }
    EXPECT_EQ(calls, std::vector<int>(static_cast<std::size_t>(size), 200));
  }
}

// Every step reads what the neighbours wrote in the step before.
TEST(ThreadTeam, ABarrierPutsStepsInOrder) {
  constexpr int kSize = 4, kSteps = 100;
  ThreadTeam team(kSize, true);
  for (int job = 0; job < 5; ++job) {
    std::vector<int> now(kSize, 1), next(kSize);
    team.run([&](int part, int parts) {
      for (int step = 0; step < kSteps; ++step) {
        std::vector<int>& to = step % 2 == 0 ? next : now;
        const std::vector<int>& from = step % 2 == 0 ? now : next;
        to[static_cast<std::size_t>(part)] = std::accumulate(from.begin(), from.end(), 0) % 1000003;
        team.barrier(parts);
      }
    });
    long long expected = 1;
    for (int step = 0; step < kSteps; ++step) expected = expected * kSize % 1000003;
    EXPECT_EQ(now, std::vector<int>(kSize, static_cast<int>(expected)));
  }
}

#ifdef __linux__
// Whether the kernel says that every thread of the process but this one sleeps.
bool all_others_sleep() {
  const std::string own = std::to_string(::gettid());
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    const std::size_t name_end = stat.rfind(')');
    if (task.path().filename() != own && stat.substr(name_end == std::string::npos ? 0 : name_end + 2, 1) != "S") {
      return false;
    }
  }
  return true;
}

TEST(ThreadTeam, WakesThreadsThatSleep) {
  ThreadTeam team(3);
  std::atomic<int> calls{0};
  for (int job = 0; job < 5; ++job) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!all_others_sleep()) ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "they spin for ever";
    team.run([&](int, int) { calls.fetch_add(1, std::memory_order_relaxed); });
  }
  EXPECT_EQ(calls, 15);
}

void use_only(const cpu_set_t& processors) { ASSERT_EQ(sched_setaffinity(0, sizeof processors, &processors), 0); }

// Both threads are put on one processor; the next job finds them on two. Where others work as well, the kernel may put
// them together again before they have looked, but not as a rule.
TEST(ThreadTeam, ThreadsOfOneJobLeaveASharedProcessor) {
  cpu_set_t all, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  if (CPU_COUNT(&all) < 2) GTEST_SKIP() << "one processor";
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ThreadTeam team(2);
  use_only(one);
  int found[2] = {}, apart = 0;
  for (int round = 0; round < 20; ++round) {
    team.run([&](int part, int) {
      if (part == 1) use_only(one), use_only(all);
    });
    team.run([&](int part, int) { found[part] = sched_getcpu(); });
    apart += found[0] != found[1];
  }
  EXPECT_GE(apart, 11);
  cpu_set_t callers, workers;
  ASSERT_EQ(sched_getaffinity(0, sizeof callers, &callers), 0);
  EXPECT_TRUE(CPU_EQUAL(&callers, &one));  // nobody touched it, and those that moved are free again
  team.run([&](int part, int) {
    if (part == 1) sched_getaffinity(0, sizeof workers, &workers);
  });
  EXPECT_TRUE(CPU_EQUAL(&workers, &all));
  use_only(all);
}
#endif

TEST(ThreadTeam, ACallerThatFindsItBusyRunsAlone) {
  ThreadTeam team(2);
  team.run([&](int part, int parts) {
    if (part != 0) return;
    EXPECT_EQ(parts, 2);
    std::thread other([&] {
      int calls = 0;
      team.run([&](int inner_part, int inner_parts) {
        EXPECT_EQ(inner_part, 0);
        EXPECT_EQ(inner_parts, 1);
        team.barrier(inner_parts);
        ++calls;
      });
      EXPECT_EQ(calls, 1);
    });
    other.join();
  });
}

TEST(ThreadTeam, ManyCallersAtOnce) {
  constexpr int kCallers = 8, kJobs = 400;
  ThreadTeam team(2);
  std::vector<std::thread> callers;
  std::vector<long> sums(kCallers);
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int job = 0; job < kJobs; ++job) {
        int halves[2] = {};
        team.run([&](int part, int parts) {
          for (int i = part; i < 2; i += parts) halves[i] = caller + job;
          team.barrier(parts);
          if (halves[0] != halves[1]) std::abort();
        });
        sums[static_cast<std::size_t>(caller)] += halves[0] + halves[1];
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (int caller = 0; caller < kCallers; ++caller) {
    EXPECT_EQ(sums[static_cast<std::size_t>(caller)], 2L * kJobs * caller + kJobs * (kJobs - 1L));
  }
}

}  // namespace
}  // namespace triage::engine
