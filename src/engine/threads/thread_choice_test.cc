#include "engine/threads/thread_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace triage::engine {
namespace {

using testing::ElementsAre;

TEST(ThreadChoice, CountsAreThePowersOfTwoAndTheMost) {
  EXPECT_THAT(thread_counts(1), ElementsAre(1));
  EXPECT_THAT(thread_counts(2), ElementsAre(1, 2));
  EXPECT_THAT(thread_counts(4), ElementsAre(1, 2, 4));
  EXPECT_THAT(thread_counts(7), ElementsAre(1, 2, 4, 7));
  EXPECT_THAT(thread_counts(0), ElementsAre(1));
}

int choice(int most, std::map<int, double> seconds) {
  return choose_threads(most, [&](int threads) { return seconds.at(threads); });
}

TEST(ThreadChoice, TakesTheFewestThatAreAsGoodAsAny) {
  EXPECT_EQ(choice(2, {{1, 100e-6}, {2, 55e-6}}), 2);
  EXPECT_EQ(choice(2, {{1, 100e-6}, {2, 154e-6}}), 1);
  EXPECT_EQ(choice(2, {{1, 100e-6}, {2, 96e-6}}), 1);  // not worth a thread
  EXPECT_EQ(choice(4, {{1, 100e-6}, {2, 70e-6}, {4, 90e-6}}), 2);
  EXPECT_EQ(choice(4, {{1, 100e-6}, {2, 110e-6}, {4, 60e-6}}), 4);
  EXPECT_EQ(choice(4, {{1, 100e-6}, {2, 60e-6}, {4, 58e-6}}), 2);
}

TEST(ThreadChoice, DisturbedRoundsDoNotCount) {
  int run = 0;
  const auto bad_for_all = [&](int threads) {  // a round in three is ten times as slow
    const int round = run++ / 2;
    return (threads == 2 ? 60e-6 : 100e-6) * (round % 3 == 0 ? 10 : 1);
  };
  EXPECT_EQ(choose_threads(2, bad_for_all), 2);
  run = 0;
  const auto bad_for_one = [&](int threads) {  // ... for two threads alone
    const int round = run++ / 2;
    return threads == 1 ? 100e-6 : round % 3 == 0 ? 1e-3 : 60e-6;
  };
  EXPECT_EQ(choose_threads(2, bad_for_one), 2);
  run = 0;
  const auto lucky = [&](int threads) {  // two threads are faster now and then
    const int round = run++ / 2;
    return threads == 1 ? 100e-6 : round % 3 == 0 ? 50e-6 : 150e-6;
  };
  EXPECT_EQ(choose_threads(2, lucky), 1);
}

TEST(ThreadChoice, SlowNetsAreRunLessOftenAndOneThreadNever) {
  const auto runs = [](int most, double seconds) {
    std::vector<int> order;
    choose_threads(most, [&](int threads) {
      order.push_back(threads);
      return seconds;
    });
    return order;
  };
  EXPECT_THAT(runs(1, 1), ElementsAre());
  EXPECT_THAT(runs(2, 1), ElementsAre(1, 2, 1, 2, 1, 2));
  EXPECT_EQ(runs(2, 0.006).size(), 10U);
  EXPECT_EQ(runs(3, 100e-6).size(), 27U);
}

}  // namespace
}  // namespace triage::engine
