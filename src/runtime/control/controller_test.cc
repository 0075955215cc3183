#include "triage/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "runtime/control/control_test_support.h"
#include "runtime/control/simulated_queue.h"

namespace triage::runtime {
namespace {

Controller controller_of(const ControllerOptions& options) {
  auto made = Controller::make(made_up_curve(), options);
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

double mean_accuracy(const PlanCurve& curve, std::span<const SimulatedAnswer> answers) {
  double sum = 0;
  for (const SimulatedAnswer& answer : answers) sum += curve.points[answer.point].accuracy;
  return sum / static_cast<double>(answers.size());
}

double missed(std::span<const SimulatedAnswer> answers, double target_us) {
  const auto late = std::ranges::count_if(answers, [&](const auto& answer) { return answer.response_us > target_us; });
  return static_cast<double>(late) / static_cast<double>(answers.size());
}

std::size_t switches(std::span<const SimulatedAnswer> answers) {
  std::size_t count = 0;
  for (std::size_t i = 1; i < answers.size(); ++i) count += answers[i].point != answers[i - 1].point ? 1 : 0;
  return count;
}

std::vector<double> even_arrivals(std::span<const LoadStep> steps) {
  std::vector<double> arrivals;
  double begin = 0;
  for (const LoadStep& step : steps) {
    for (double k = 0; k < step.seconds * step.per_second; ++k) arrivals.push_back(begin + k / step.per_second);
    begin += step.seconds;
  }
  return arrivals;
}

TEST(Controller, BoundsAndWhatIsNone) {
  const auto refused = [](const ControllerOptions& options) {
    const auto made = Controller::make(made_up_curve(), options);
    return made ? "made" : made.error().message;
  };
  EXPECT_THAT(refused({.least_accuracy = 0.95}), testing::HasSubstr("90.00 % in 200.0 us to 94.00 % in 1200.0 us"));
  EXPECT_THAT(refused({.least_accuracy = 0.93, .most_latency_us = 500}), testing::HasSubstr("at least 93.00 %"));
  EXPECT_THAT(refused({.least_accuracy = 1.5}), testing::HasSubstr("least_accuracy"));
  EXPECT_THAT(refused({.target_us = -1}), testing::HasSubstr("target_us"));
  EXPECT_THAT(refused({.hold_s = std::numeric_limits<double>::quiet_NaN()}), testing::HasSubstr("hold_s"));
  const auto empty = Controller::make(PlanCurve{}, {});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::bad_input);
}

TEST(Controller, WithoutLimitsTheMostAccuratePointBetweenTheBounds) {
  Controller all = controller_of({});
  EXPECT_EQ(all.decide({}).index, 20u);
  Controller some = controller_of({.most_latency_us = 500});
  EXPECT_EQ(some.decide({}).index, 6u);  // 200 + 1000 * 0.30
  EXPECT_DOUBLE_EQ(some.decide({}).point->mean_latency_us, 500);
}

TEST(Controller, NeverBelowTheLeastAccuracy) {
  Controller controller = controller_of({.least_accuracy = 0.9199, .target_us = 5000});
  const auto flooded = controller.decide({.seconds = 1, .waiting = 1e6, .oldest_wait_us = 1e9, .arrivals_per_s = 1e6});
  EXPECT_EQ(flooded.index, 10u);
  EXPECT_TRUE(flooded.changed);
  EXPECT_FALSE(controller.decide({.seconds = 1, .waiting = 1e6}).changed);
}

// A burst of 40 requests at once: the worker finds them at the first image that it takes.
TEST(Controller, ABurstIsAnsweredAtTheNextImage) {
  Controller controller = controller_of({.target_us = 10'000});
  EXPECT_EQ(controller.decide({.seconds = 0, .waiting = 1}).index, 20u);
  const auto decision = controller.decide({.seconds = 0.001, .waiting = 40});
  // 40 images within 0.9 * 10 ms: at most 225 us each, less than any but the first.
  EXPECT_EQ(decision.index, 0u);
  EXPECT_TRUE(decision.changed);
}

// Evenly spaced requests, a step up and a step down: after each it comes to rest, having gone one way only.
TEST(Controller, AStepOfTheLoadSettles) {
  Controller controller = controller_of({.target_us = 10'000});
  const std::vector<LoadStep> steps{{5, 500}, {10, 2000}, {10, 500}};
  const std::vector<double> arrivals = even_arrivals(steps);
  const auto answers = simulate_controlled(controller, arrivals, even_draws());
  std::vector<std::size_t> points[3];
  double ends[3] = {5, 15, 25};
  for (const SimulatedAnswer& answer : answers) {
    const std::size_t part = answer.arrived < ends[0] ? 0 : answer.arrived < ends[1] ? 1 : 2;
    points[part].push_back(answer.point);
  }
  EXPECT_EQ(missed(answers, 10'000), 0);
  EXPECT_LE(switches(answers), 40u);
  EXPECT_EQ(controller.status().switches, switches(answers));
  for (const auto& part : points) {  // the last half of each step is one point
    const std::vector<std::size_t> rest(part.begin() + static_cast<std::ptrdiff_t>(part.size() / 2), part.end());
    EXPECT_EQ(std::ranges::min(rest), std::ranges::max(rest));
  }
  // At 500 a second 0.9 / 500 s = 1800 us would be allowed, at 2000 450 us: what leaves 25 % to go on.
  EXPECT_EQ(points[0].back(), 20u);
  EXPECT_GE(points[1].back(), 3u);
  EXPECT_LE(points[1].back(), 5u);
  EXPECT_EQ(points[2].back(), 20u);
}

// How long it waits before it goes up, where nothing else is said: four times the target, at most 0.25 s.
TEST(Controller, HoldsAsLongAsTheTargetAsksFor) {
  const auto held_until = [](const ControllerOptions& options) {
    Controller controller = controller_of(options);
    controller.decide({.seconds = 0, .waiting = 1e6});
    double now = 0;
    while (now < 1 && !controller.decide({.seconds = now, .waiting = 1}).changed) now += 1e-4;
    return now;
  };
  EXPECT_NEAR(held_until({.target_us = 10'000}), 0.04, 0.006);  // slots of an eighth, the one just begun counts as well
  EXPECT_NEAR(held_until({.target_us = 1'500}), 0.01, 0.002);
  EXPECT_NEAR(held_until({.target_us = 1e6}), 0.25, 0.04);
  EXPECT_NEAR(held_until({.target_us = 10'000, .hold_s = 0.1}), 0.1, 0.02);
}

// Poisson arrivals at a constant rate swing the queue; going up waits hold_s, so there are at most two switches, down
// and up, for each of those and one for each point between.
TEST(Controller, SwitchesAreFewUnderNoise) {
  const std::vector<LoadStep> steps{{60, 1500}};
  const std::vector<double> arrivals = poisson_arrivals(steps, 5);
  Controller controller = controller_of({.target_us = 10'000, .hold_s = 0.5});
  const auto answers = simulate_controlled(controller, arrivals, random_draws(5));
  std::size_t up = 0;
  for (std::size_t i = 1; i < answers.size(); ++i) up += answers[i].point > answers[i - 1].point ? 1 : 0;
  EXPECT_LE(up, 60 / 0.5);
  EXPECT_LT(missed(answers, 10'000), 0.005);
}

// Bursts that the most accurate point cannot answer: against the fixed point that is as accurate as the controller was.
TEST(Controller, FewerMissesThanAFixedPointOfEqualAccuracy) {
  std::vector<LoadStep> steps;
  for (int i = 0; i < 20; ++i) {
    steps.push_back({2, 400});
    steps.push_back({1, 3000});
  }
  const std::vector<double> arrivals = poisson_arrivals(steps, 7);
  Controller controller = controller_of({.target_us = 10'000});
  const PlanCurve& curve = controller.curve();
  const auto followed = simulate_controlled(controller, arrivals, random_draws(7));
  const double accuracy = mean_accuracy(curve, followed);
  std::size_t fixed = curve.points.size() - 1;
  while (curve.points[fixed].accuracy > accuracy) --fixed;
  const auto stayed = simulate_queue(curve, arrivals, random_draws(7),
                                     {.point_at = [&](double, std::size_t, double) { return fixed; }});
  EXPECT_LE(mean_accuracy(curve, stayed), accuracy);
  EXPECT_LT(missed(followed, 10'000), 0.01);
  EXPECT_GT(missed(stayed, 10'000), 0.1);
}

// The machine becomes three times slower: what is learned from served() makes up for it.
TEST(Controller, FollowsASlowerMachine) {
  const std::vector<double> arrivals = even_arrivals(std::vector<LoadStep>{{20, 800}});
  Controller controller = controller_of({.target_us = 10'000});
  const auto answers =
      simulate_controlled(controller, arrivals, even_draws(), [](double now) { return now < 10 ? 1.0 : 3.0; });
  EXPECT_NEAR(controller.status().slowdown, 3, 0.05);
  EXPECT_LT(missed(answers, 10'000), 0.001);
  EXPECT_EQ(answers[answers.size() / 2 - 10].point, 17u);  // 0.9 / 800 s = 1125 us, less 5 % of room: 1071 us
  // A third of that: 357 us.
  EXPECT_LE(answers.back().point, 3u);
  EXPECT_GE(answers.back().point, 2u);
}

// 10 W idle and 20 uJ for each us of work at 1000 images a second, of which 20 W are allowed: 500 us.
TEST(Controller, WattsComeToRestAtTheBudget) {
  Controller controller = controller_of({.most_watts = 20});
  double work = controller.decide({}).point->mean_latency_us;
  std::vector<double> drawn;
  for (int second = 1; second < 60; ++second) {
    drawn.push_back(10 + 0.02 * work);
    work = controller.decide({.seconds = static_cast<double>(second), .watts = drawn.back()}).point->mean_latency_us;
  }
  EXPECT_LE(drawn.back(), 20.0 + 1e-9);
  EXPECT_GE(drawn.back(), 18.0);
  EXPECT_LE(controller.status().switches, 20u);
  const std::vector<double> last(drawn.end() - 20, drawn.end());
  EXPECT_EQ(std::ranges::min(last), std::ranges::max(last));
}

TEST(Controller, HeatCutsWorkDown) {
  Controller controller = controller_of({.most_celsius = 80});
  EXPECT_EQ(controller.decide({.seconds = 0, .celsius = 60}).index, 20u);
  EXPECT_EQ(controller.decide({.seconds = 1, .celsius = 75}).index, 10u);  // half of what is between the ends
  EXPECT_EQ(controller.decide({.seconds = 2, .celsius = 85}).index, 0u);
  EXPECT_EQ(controller.decide({.seconds = 2.1, .celsius = 60}).index, 0u);  // not held for long enough
  EXPECT_EQ(controller.decide({.seconds = 3, .celsius = 60}).index, 20u);
}

// A battery that loses 1 % per 100 s at the dearest point, and half as much at 600 us, shall last for 20000 s.
TEST(Controller, ABatteryLastsUntilThen) {
  Controller controller = controller_of({.battery_until_s = 20'000});
  double left = 1, work = controller.decide({.seconds = 0, .battery = 1.0}).point->mean_latency_us;
  double now = 0;
  for (; left > 0 && now < 40'000; now += 50) {
    left -= 50 * 1e-4 * work / 1200;
    work = controller.decide({.seconds = now, .battery = left}).point->mean_latency_us;
  }
  EXPECT_GE(now, 19'000);
  EXPECT_LE(now, 23'000);
}

TEST(Controller, AShareThatMayGoOn) {
  Controller controller = controller_of({});
  EXPECT_EQ(controller.decide({.seconds = 1, .most_sent_on = 0.255}).index, 5u);
  EXPECT_EQ(controller.decide({.seconds = 2, .most_sent_on = 0.101}).index, 2u);
}

TEST(Controller, MayBeCalledByMany) {
  Controller controller = controller_of({.target_us = 5000});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&controller, t] {
      for (int i = 0; i < 2000; ++i) {
        controller.arrived(1 + 0.001 * i);
        const auto decision = controller.decide({.seconds = 1 + 0.001 * i, .waiting = static_cast<double>(t)});
        ASSERT_EQ(decision.point, &controller.curve().points[decision.index]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace triage::runtime
