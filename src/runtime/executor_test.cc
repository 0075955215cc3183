#include "runtime/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
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

// Batches of several pieces, images that leave at each of three exits; of every image its own logits.
TEST(Executor, DetailsFollowTheImages) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  for (const std::size_t count : {1u, 64u, 150u}) {
    Images images(static_cast<int>(count));
    std::vector<float> logits(count * kClasses), probabilities(count * kClasses);
    std::vector<ClassProbability> top(count * 3);
    ASSERT_TRUE(mixed.executor->classify(images.views, images.outcomes,
                                         {.logits = logits, .probabilities = probabilities, .top = top}));
    expect_routed(images, 3);
    for (std::size_t i = 0; i < count; ++i) {
      const Outcome& outcome = images.outcomes[i];
      const float peak = unsure(static_cast<int>(i), outcome.exit) ? 0.5f : 9.0f;
      std::vector<int> order{outcome.label};
      for (int c = 0; c < kClasses; ++c) {
        const float logit = c == outcome.label ? peak : 0.0f;
        ASSERT_EQ(logits[i * kClasses + c], logit);
        ASSERT_NEAR(probabilities[i * kClasses + c], std::exp(logit) / (std::exp(peak) + 3), 1e-6);
        if (c != outcome.label) order.push_back(c);  // of equal ones the lower label first
      }
      ASSERT_EQ(probabilities[i * kClasses + outcome.label], outcome.probability);
      for (std::size_t k = 0; k < 3; ++k) {
        ASSERT_EQ(top[i * 3 + k].label, order[k]) << "image " << i;
        ASSERT_EQ(top[i * 3 + k].probability, probabilities[i * kClasses + order[k]]);
      }
    }
    std::vector<ClassProbability> alone(count * 3);
    ASSERT_TRUE(mixed.executor->classify(images.views, images.outcomes, {.top = alone}));
    for (std::size_t k = 0; k < alone.size(); ++k)
      ASSERT_EQ(std::tuple(alone[k].label, alone[k].probability), std::tuple(top[k].label, top[k].probability));
  }
}

// Confidence: 1 - the highest probability, at each exit that the image came to.
TEST(Executor, ScoresOfTheExitsThatWerePassed) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  for (const std::size_t count : {1u, 150u}) {
    Images images(static_cast<int>(count));
    std::vector<float> scores(count * 2);
    ASSERT_TRUE(mixed.executor->classify(images.views, images.outcomes, {.scores = scores}));
    for (std::size_t i = 0; i < count; ++i) {
      for (int exit = 0; exit < 2; ++exit) {
        const double peak = unsure(static_cast<int>(i), exit) ? 0.5 : 9,
                     highest = std::exp(peak) / (std::exp(peak) + 3);
        ASSERT_NEAR(scores[i * 2 + exit], exit <= images.outcomes[i].exit ? 1 - highest : -1, 1e-6) << i;
      }
      if (images.outcomes[i].exit < 2) {
        ASSERT_EQ(scores[i * 2 + images.outcomes[i].exit], images.outcomes[i].score);
      }
    }
  }
}

// The mean of the stages' answers, 1/4 and 3/4, with the probabilities written as fractions.
TEST(Executor, DetailsOfAnswersTogetherAreTheMean) {
  const std::vector<StageSetup> setup(2);
  plan::Plan plan = make_plan(setup);
  plan.stages[1].exit.answer_weights = {0.25, 0.75};
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int s = 0; s < 2; ++s) sessions.push_back(make_fake(setup, s));
  const Executor executor(plan, std::move(sessions), std::vector{kAlways});
  Images images(1);  // image 0: stage 0 says 0, stage 1 says 1, both surely
  std::vector<float> logits(kClasses), probabilities(kClasses);
  std::vector<ClassProbability> top(kClasses);
  ASSERT_TRUE(
      executor.classify(images.views, images.outcomes, {.logits = logits, .probabilities = probabilities, .top = top}));
  const double sure = std::exp(9) / (std::exp(9) + 3), other = 1 / (std::exp(9) + 3);
  EXPECT_EQ(logits, (std::vector<float>{0, 9, 0, 0}));
  EXPECT_NEAR(probabilities[0], sure / 4 + other * 3 / 4, 1e-6);
  EXPECT_NEAR(probabilities[1], other / 4 + sure * 3 / 4, 1e-6);
  EXPECT_NEAR(probabilities[2], other, 1e-6);
  EXPECT_EQ(images.outcomes[0].probability, probabilities[1]);
  for (int k = 0; k < kClasses; ++k) EXPECT_EQ(top[k].label, (std::array{1, 0, 2, 3}[k]));
}

TEST(Executor, DetailsOfOtherSizesAreRefused) {
  Fixture pair = make({{}, {}});
  Images images(3);
  std::vector<float> rows(12);
  std::vector<ClassProbability> top(15);
  const auto error = [&](const Details& details) {
    const Status status = pair.executor->classify(images.views, images.outcomes, details);
    return status ? "" : status.error().message;
  };
  EXPECT_EQ(error({.logits = rows, .probabilities = rows, .top = std::span(top).first(12)}), "");
  EXPECT_EQ(error({.logits = std::span(rows).first(11)}), "logits: found 11, expected 12, 4 classes of 3 images");
  EXPECT_EQ(error({.probabilities = std::span(rows).first(4)}),
            "probabilities: found 4, expected 12, 4 classes of 3 images");
  EXPECT_EQ(error({.scores = std::span(rows).first(3)}), "");
  EXPECT_EQ(error({.scores = rows}), "scores: found 12, expected 3, 1 exits but the last of 3 images");
  for (const std::size_t wrong : {1u, 4u, 15u}) {
    EXPECT_EQ(error({.top = std::span(top).first(wrong)}),
              std::format("top: found {}, expected for each of 3 images equally many, at most 4", wrong));
  }
}

TEST(Executor, StatisticsCountWhatWasAnswered) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  const auto expect_seen = [&](std::uint64_t calls, std::uint64_t errors, const std::vector<std::uint64_t>& exits) {
    const ClassifierStatistics seen = mixed.executor->statistics();
    EXPECT_EQ(seen.calls, calls);
    EXPECT_EQ(seen.errors, errors);
    EXPECT_EQ(seen.exits, exits);
    EXPECT_EQ(seen.images, exits[0] + exits[1] + exits[2]);
    EXPECT_EQ(seen.sent_on, exits[1] + exits[2]);
    EXPECT_EQ(seen.microseconds > 0, calls > 0);
  };
  expect_seen(0, 0, {0, 0, 0});
  Images images(150);  // even: at exit 0; of the others the multiples of 3: at exit 1
  ASSERT_TRUE(mixed.executor->classify(images.views, images.outcomes));
  expect_seen(1, 0, {75, 25, 50});
  ASSERT_TRUE(mixed.executor->classify(std::span(images.views).first(4), std::span(images.outcomes).first(4)));
  expect_seen(2, 0, {77, 26, 51});
  images.views[7].width = 9;
  ASSERT_FALSE(mixed.executor->classify(images.views, images.outcomes));
  mixed.fakes[0]->fail_with(ErrorInfo{ErrorCode::engine_failure, "off"});
  ASSERT_FALSE(mixed.executor->classify(std::span(images.views).first(1), std::span(images.outcomes).first(1)));
  expect_seen(2, 2, {77, 26, 51});
}

TEST(Executor, EachCallSeesOneSetOfThresholds) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  mixed.executor->thresholds().set(std::vector{kNever, kAlways});
  std::atomic<int> running{3}, wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        Images images(130);
        for (int round = 0; round < 50; ++round) {
          const bool ok = static_cast<bool>(mixed.executor->classify(images.views, images.outcomes));
          // Of both sets all images leave at one exit.
          wrong += !ok || std::ranges::any_of(images.outcomes, [&](const Outcome& outcome) {
            return outcome.exit == 1 || outcome.exit != images.outcomes[0].exit;
          });
        }
        --running;
      });
    }
    for (bool first = false; running > 0; first = !first)
      mixed.executor->thresholds().set(first ? std::vector{kNever, kAlways} : std::vector{kAlways, kAlways});
  }
  EXPECT_EQ(wrong, 0);
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
  EXPECT_EQ(mixed.executor->statistics().calls, 6u * 20);
  EXPECT_EQ(mixed.executor->statistics().images, 6u * 20 * 100);
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
