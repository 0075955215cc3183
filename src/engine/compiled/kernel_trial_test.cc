#include "engine/compiled/kernel_trial.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <thread>

namespace triage::engine {
namespace {

using How = TrialEnd::How;

int count_up(void** arguments) {
  ++*static_cast<int*>(arguments[0]);
  return 0;
}
int fail_with_7(void**) { return 7; }
int illegal(void**) { return ::raise(SIGILL); }
int abort_now(void**) { std::abort(); }
int endless(void**) {
  for (volatile bool on = true; on;) {
  }
  return 0;
}

class KernelTrialTest : public testing::Test {
 protected:
  TrialEnd end_of(std::vector<Kernel> kernels, double seconds = 60) {
    std::vector<KernelCall> calls;
    for (const Kernel kernel : kernels) calls.push_back({kernel, arguments_});
    return try_in_child(calls, seconds);
  }
  void expect_end(const TrialEnd& end, How how, std::size_t call, const std::string& text, bool lasting) const {
    EXPECT_EQ(end.how, how);
    EXPECT_EQ(end.call, call);
    EXPECT_EQ(to_text(end), text);
    EXPECT_EQ(end.lasting(), lasting);
  }

  int number_ = 0;
  void* arguments_[1] = {&number_};
};

TEST_F(KernelTrialTest, WhatEndsWellLeavesNoTrace) {
  expect_end(end_of({count_up, count_up}), How::done, 0, "is fine", true);
  EXPECT_EQ(number_, 0);  // the child had a copy
}

TEST_F(KernelTrialTest, NamesTheCallThatDoesNot) {
  expect_end(end_of({count_up, illegal, count_up}), How::killed, 1, "was killed by SIGILL", true);
  expect_end(end_of({abort_now}), How::killed, 0, "was killed by SIGABRT", true);
  expect_end(end_of({count_up, count_up, fail_with_7}), How::failed, 2, "failed with code 7", true);
  expect_end(end_of({count_up, endless}, 0.05), How::timed_out, 1, "did not end", false);
}

volatile std::sig_atomic_t handled = 0;
void count_signal(int) { handled = handled + 1; }
void end_well(int) { std::_Exit(0); }

TEST_F(KernelTrialTest, HandlersOfTheHostStayOut) {
  struct sigaction child{}, illegal_before{}, child_before{}, fatal{};
  fatal.sa_handler = end_well;
  ASSERT_EQ(::sigaction(SIGILL, &fatal, &illegal_before), 0);
  for (const auto how : {count_signal, SIG_IGN}) {  // ignored: nobody needs to wait for children, and nobody can
    child.sa_handler = how;
    ASSERT_EQ(::sigaction(SIGCHLD, &child, &child_before), 0);
    expect_end(end_of({illegal}), How::killed, 0, "was killed by SIGILL", true);
    expect_end(end_of({count_up}), How::done, 0, "is fine", true);
    ASSERT_EQ(::sigaction(SIGCHLD, &child_before, nullptr), 0);
  }
  ASSERT_EQ(::sigaction(SIGILL, &illegal_before, nullptr), 0);
  EXPECT_EQ(handled, 0);
  sigset_t blocked;
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &blocked), 0);
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 0);
}

TEST_F(KernelTrialTest, ManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) {
        EXPECT_EQ(end_of({count_up}).how, How::done);
        EXPECT_EQ(end_of({count_up, illegal}).call, 1U);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace triage::engine
