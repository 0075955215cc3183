#include "runtime/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>
#include <thread>

#include "core/system/cpu_test_support.h"
#include "core/test_support.h"
#include "runtime/convert.h"
#include "runtime/executor_test_support.h"

namespace triage::runtime {
namespace {

using testing::HasSubstr;
using namespace testing_executor;

TEST(Executor, EachImageLeavesWhereItIsSure) {
  for (int count : {1, 2, 63, 64, 65, 200}) {
    Fixture pair = make({{}, {}});
    Images images(count);
    ASSERT_TRUE(pair.executor->classify(images.views, images.outcomes));
    expect_routed(images, 2);
    EXPECT_EQ(pair.fakes[0]->images(), count);
    EXPECT_EQ(pair.fakes[1]->images(), count / 2);  // the odd ones
    EXPECT_LE(pair.fakes[0]->largest_run(), Executor::kMaxRows);
    EXPECT_EQ(pair.fakes[0]->runs(), (count + 63) / 64);
  }
}

TEST(Executor, ProbabilityAndScoreComeFromTheExitTaken) {
  Fixture pair = make({{}, {}});
  Images images(2);
  ASSERT_TRUE(pair.executor->classify(images.views, images.outcomes));
  const double sure = std::exp(9) / (std::exp(9) + 3), guess = std::exp(0.5) / (std::exp(0.5) + 3);
  EXPECT_NEAR(images.outcomes[0].probability, sure, 1e-6);
  EXPECT_NEAR(images.outcomes[0].score, 1 - sure, 1e-6);
  EXPECT_NEAR(images.outcomes[1].probability, guess, 1e-6);
  EXPECT_EQ(images.outcomes[1].score, 0);  // the last exit asks nobody
}

// image, carry of 0, image again, carry of 2, carry of 0: every kind of hand-over, alive at the same time.
TEST(Executor, FiveStagesMixImagesAndCarriedFeatures) {
  Fixture five = make({{-1, 7}, {0, 0}, {-1, 3}, {2, 0}, {0, 0}});
  Images images(150);
  ASSERT_TRUE(five.executor->classify(images.views, images.outcomes));
  expect_routed(images, 5);
}

TEST(Executor, FeatureStagesReadTheCarryOfTheirSource) {
  const std::vector<StageSetup> setup{{-1, 3}, {0, 2}, {1, 0}};
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(make_fake(setup, 0));
  for (int s : {1, 2}) {
    auto fake = make_fake(setup, s);
    const engine::SessionInfo shape = fake->info();
    sessions.push_back(std::make_unique<engine::FakeSession>(shape, [s](const engine::FakeRow& row) {
      ASSERT_EQ(row.input[1], 100 + s - 1);  // what the source wrote
      answer(row, s);
    }));
  }
  const Executor executor(make_plan(setup), std::move(sessions));
  Images images(70);
  ASSERT_TRUE(executor.classify(images.views, images.outcomes));
  expect_routed(images, 3);
}

TEST(Executor, ThresholdsCanBeOverridden) {
  Fixture never = make({{}, {}}, {kNever}), always = make({{}, {}}, {kAlways});
  Images images(10);
  ASSERT_TRUE(never.executor->classify(images.views, images.outcomes));
  EXPECT_EQ(never.fakes[1]->runs(), 0);
  ASSERT_TRUE(always.executor->classify(images.views, images.outcomes));
  EXPECT_EQ(always.fakes[1]->images(), 10);
}

TEST(Executor, LearnedRouterReadsTheFeatures) {
  const std::vector<StageSetup> setup{{}, {}};
  plan::Plan plan = make_plan(setup);
  plan.policy = plan::PolicyKind::learned;
  plan.stages[0].feature_width = 2;  // g = sigmoid(relu(x0) - 5): images above number 5 go on
  plan.stages[0].exit.router = plan::Router{.feature_width = 2,
                                            .hidden = 1,
                                            .mean = std::vector<float>(5, 0),
                                            .scale = std::vector<float>(5, 1),
                                            .weight1 = {1, 0, 0, 0, 0},
                                            .bias1 = {0},
                                            .weight2 = {1},
                                            .bias2 = -5};
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(make_fake(setup, 0, 2));
  sessions.push_back(make_fake(setup, 1));
  const Executor executor(plan, std::move(sessions));
  Images images(12);
  ASSERT_TRUE(executor.classify(images.views, images.outcomes));
  for (int i = 0; i < 12; ++i) EXPECT_EQ(images.outcomes[i].exit, i > 5) << i;
  EXPECT_NEAR(images.outcomes[4].score, 1 / (1 + std::exp(1.0)), 1e-6);
}

TEST(Executor, LearnedRouterOfAStageWithoutFeaturesAsksForNone) {
  const std::vector<StageSetup> setup{{}, {}};
  plan::Plan plan = make_plan(setup);
  plan.policy = plan::PolicyKind::learned;  // g = sigmoid(5): all go on
  plan.stages[0].exit.router = plan::Router{.feature_width = 0,
                                            .hidden = 1,
                                            .mean = std::vector<float>(3, 0),
                                            .scale = std::vector<float>(3, 1),
                                            .weight1 = {0, 0, 0},
                                            .bias1 = {0},
                                            .weight2 = {1},
                                            .bias2 = 5};
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int s = 0; s < 2; ++s) sessions.push_back(make_fake(setup, s));
  const Executor executor(plan, std::move(sessions));
  Images images(12);
  ASSERT_TRUE(executor.classify(images.views, images.outcomes));  // the fakes fail when asked for what they lack
  for (int i = 0; i < 12; ++i) EXPECT_EQ(images.outcomes[i].exit, 1) << i;
}

TEST(Executor, TemperatureChangesTheProbabilityNotTheLabel) {
  const std::vector<StageSetup> setup{{}};
  plan::Plan plan = make_plan(setup);
  plan.stages[0].exit.temperature = 3;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(make_fake(setup, 0));
  const Executor executor(plan, std::move(sessions));
  Images images(1);
  ASSERT_TRUE(executor.classify(images.views, images.outcomes));
  EXPECT_NEAR(images.outcomes[0].probability, std::exp(3) / (std::exp(3) + 3), 1e-6);
}

TEST(Executor, LargeImagesRunInSmallerPieces) {
  const int side = 1500;  // 9 MB of floats each: one per piece of 16 MB
  plan::Plan plan = make_plan(std::vector<StageSetup>{{}});
  plan.input = {1, side, side};
  auto fake = std::make_unique<engine::FakeSession>(engine::SessionInfo{.input_size = side * side, .classes = kClasses},
                                                    [](const engine::FakeRow& row) { answer(row, 0); });
  const engine::FakeSession& seen = *fake;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(std::move(fake));
  const Executor executor(plan, std::move(sessions));
  const std::vector<std::uint8_t> pixels(side * side);
  const std::vector<ImageView> views(3, ImageView{pixels.data(), side, side, 1});
  std::vector<Outcome> outcomes(3);
  ASSERT_TRUE(executor.classify(views, outcomes));
  EXPECT_EQ(seen.runs(), 3);
}

TEST(Executor, ThreadsShareOneExecutor) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  std::vector<Images> images(6, Images(100));
  for (Images& own : images) {
    for (std::size_t i = 0; i < own.views.size(); ++i) own.views[i].pixels = &own.pixels[i * kPixels];
  }
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (Images& own : images) {
      threads.emplace_back([&] {
        for (int round = 0; round < 20; ++round) {
          if (!mixed.executor->classify(own.views, own.outcomes)) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  for (const Images& own : images) expect_routed(own, 3);
  EXPECT_EQ(mixed.fakes[0]->images(), 6 * 20 * 100);
}

TEST(Executor, BadInputIsNamed) {
  Fixture pair = make({{}, {}});
  Images images(3);
  images.views[2].width = 5;
  Status status = pair.executor->classify(images.views, images.outcomes);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::bad_input);
  EXPECT_EQ(status.error().message, "images[2]: found 2x5x1, expected 2x2x1 (height x width x channels)");
  images.views[2].width = kSide;
  images.views[1].pixels = nullptr;
  status = pair.executor->classify(images.views, images.outcomes);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "images[1]: pixels: found null");
  status = pair.executor->classify(images.views, std::span(images.outcomes).first(2));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "outcomes: found 2, expected 3, the number of images");
  EXPECT_EQ(pair.fakes[0]->runs(), 0);
  EXPECT_TRUE(pair.executor->classify({}, {}));
}

TEST(Executor, FailuresOfASessionComeBackAsErrorsAndPass) {
  Fixture pair = make({{}, {}});
  Images images(4);
  pair.fakes[1]->fail_with(ErrorInfo{ErrorCode::engine_failure, "the engine is on fire"});
  const Status status = pair.executor->classify(images.views, images.outcomes);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::engine_failure);
  EXPECT_EQ(status.error().message, "stage 'stage1': the engine is on fire");
  pair.fakes[1]->fail_with(std::nullopt);
  EXPECT_TRUE(pair.executor->classify(images.views, images.outcomes));
  expect_routed(images, 2);
}

template <class Throw>
ErrorInfo step_error(const Throw& thrower) {
  const std::vector<StageSetup> setup{{}};
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(
      std::make_unique<engine::FakeSession>(engine::SessionInfo{.input_size = kPixels, .classes = kClasses},
                                            [&](const engine::FakeRow& row) { thrower(row); }));
  const Executor executor(make_plan(setup), std::move(sessions));
  Images images(1);
  const Status status = executor.classify(images.views, images.outcomes);
  return status ? ErrorInfo{ErrorCode::not_found, "no error"} : status.error();
}

TEST(Executor, NothingThrownCrossesTheBorder) {
  EXPECT_EQ(step_error([](const engine::FakeRow&) { throw std::runtime_error("bang"); }).message, "bang");
  EXPECT_EQ(step_error([](const engine::FakeRow&) { throw std::bad_alloc(); }).code, ErrorCode::out_of_memory);
  EXPECT_EQ(step_error([](const engine::FakeRow&) { throw 7; }).message, "an exception of unknown type");
  const ErrorInfo nan = step_error([](const engine::FakeRow& row) {
    std::fill(row.logits.begin(), row.logits.end(), std::numeric_limits<float>::quiet_NaN());
  });
  EXPECT_EQ(nan.message, "stage 'stage0' (stage0.onnx): image 0 of the batch has no finite probabilities");
}

std::string construction_error(const std::vector<StageSetup>& setup, plan::Plan plan,
                               const std::function<void(engine::SessionInfo&, int)>& change,
                               const std::vector<double>& thresholds = {}) {
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int s = 0; s < static_cast<int>(setup.size()); ++s) {
    engine::SessionInfo shape = make_fake(setup, s)->info();
    change(shape, s);
    sessions.push_back(std::make_unique<engine::FakeSession>(shape, [](const engine::FakeRow&) {}));
  }
  return triage::error_of([&] { const Executor executor(std::move(plan), std::move(sessions), thresholds); });
}

TEST(Executor, SessionsThatDoNotFitThePlanAreRefused) {
  const std::vector<StageSetup> pair{{}, {}}, exits{{-1, 3}, {0, 0}};
  const auto error = [](const std::vector<StageSetup>& setup, auto change) {
    return construction_error(setup, make_plan(setup), change);
  };
  EXPECT_EQ(error(pair, [](engine::SessionInfo& shape, int s) { shape.classes += s; }),
            "stage1.onnx: width of output 'logits': found 5, expected 4");
  EXPECT_EQ(error(pair, [](engine::SessionInfo& shape, int) { shape.feature_width = 3; }),
            "stage0.onnx: width of output 'features': found 3, expected 0");
  EXPECT_EQ(error(pair, [](engine::SessionInfo& shape, int) { shape.input_size = 5; }),
            "stage0.onnx: elements of input 'image': found 5, expected 4");
  EXPECT_EQ(error(pair, [](engine::SessionInfo& shape, int) { shape.input_dims = {4, 1, 1}; }),
            "stage0.onnx: input 'image': found 4x1x1, expected 1x2x2");
  EXPECT_EQ(error(pair, [](engine::SessionInfo& shape, int) { shape.input_name = "carry_in"; }),
            "stage0.onnx: input's name: found carry_in, expected image");
  EXPECT_EQ(error(exits, [](engine::SessionInfo& shape, int s) { shape.input_size += s; }),
            "stage1.onnx: elements of input 'carry_in': found 4, expected 3, the 'carry' of stage 'stage0'");
  EXPECT_THAT(error(exits, [](engine::SessionInfo& shape, int) { shape.carry_size = 0; }),
              HasSubstr("stage1.onnx: elements of output 'carry' of the source stage: found 0"));
  const auto same = [](engine::SessionInfo&, int) {};
  EXPECT_EQ(construction_error(pair, make_plan(pair), same, {0.1, 0.2}),
            "thresholds: found 2, expected 1 (one per exit but the last) for plan 'test'");
  EXPECT_EQ(construction_error(pair, make_plan(pair), same, {NAN}), "thresholds[0]: found NaN, expected a number");
  EXPECT_EQ(construction_error(pair, make_plan(std::vector<StageSetup>{{}}), same),
            "plan 'test': 2 sessions for 1 stages");
  plan::Plan learned = make_plan(pair);
  learned.policy = plan::PolicyKind::learned;
  EXPECT_THAT(construction_error(pair, learned, same), HasSubstr("exit.router in the plan: found none"));
}

class Convert : public testing::TestWithParam<CpuFeatures> {
  CpuOverride only_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(EveryCpu, Convert, testing::ValuesIn(cpus_here()));

TEST_P(Convert, PixelsBecomePlanesOfFractions) {
  for (int channels : {1, 2, 3, 4}) {
    std::vector<std::uint8_t> pixels(37 * 5 * channels);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
    std::vector<float> output(pixels.size());
    to_input({.pixels = pixels.data(), .height = 5, .width = 37, .channels = channels}, output.data());
    for (int i = 0; i < 37 * 5; ++i) {
      for (int c = 0; c < channels; ++c) {
        ASSERT_NEAR(output[c * 37 * 5 + i], pixels[i * channels + c] / 255.0, 1e-7);
      }
    }
    EXPECT_EQ(*std::max_element(output.begin(), output.end()), 1.0f);
  }
}

// Whatever the number of channels, in vectors and behind the last whole one: the same float, to the last bit.
TEST_P(Convert, EveryValueHasOneFloat) {
  std::vector<std::uint8_t> values(256);
  std::iota(values.begin(), values.end(), std::uint8_t{0});
  std::vector<float> expected(256), one(256);
  for (std::size_t v = 0; v < 256; ++v) expected[v] = static_cast<float>(v) * (1.0f / 255);
  for (int channels : {1, 2, 4}) {
    to_input({.pixels = values.data(), .height = 1, .width = 256 / channels, .channels = channels}, one.data());
    for (std::size_t v = 0; v < 256; ++v) {
      const std::size_t n = static_cast<std::size_t>(channels), place = v % n * (256 / n) + v / n;
      ASSERT_EQ(one[place], expected[v]) << channels << " channels, value " << v;
    }
  }
  for (int width = 1; width < 40; ++width) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width) * 3);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 77 + width);
    std::vector<float> output(pixels.size());
    to_input({.pixels = pixels.data(), .height = 1, .width = width, .channels = 3}, output.data());
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      ASSERT_EQ(output[i % 3 * static_cast<std::size_t>(width) + i / 3], expected[pixels[i]]);
    }
  }
}

}  // namespace
}  // namespace triage::runtime
