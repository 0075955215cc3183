// A warm runtime allocates nothing. In a program of its own: it replaces operator new.
#include <gtest/gtest.h>

#include "core/allocation_test_support.h"
#include "core/test_support.h"
#include "engine/compiled/compiled_session.h"
#include "engine/testing/test_program.h"
#include "runtime/control/control_test_support.h"
#include "runtime/executor_test_support.h"
#include "triage/controller.h"

namespace triage::runtime {
namespace {

using namespace testing_executor;

TEST(Allocation, ExecutorNoneOnceWarm) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  Images images(150);
  std::vector<float> logits(150 * kClasses), probabilities(150 * kClasses);
  std::vector<ClassProbability> top(150 * 3);
  const std::vector<double> thresholds{0.5, 0.5};
  const auto classify = [&](std::size_t n) {
    bool ok = false;
    const Details details{.logits = std::span(logits).first(n * kClasses),
                          .probabilities = std::span(probabilities).first(n * kClasses),
                          .top = std::span(top).first(n * 3)};
    const int allocations = allocations_of([&] {
      mixed.executor->thresholds().set(thresholds);
      ok = static_cast<bool>(
          mixed.executor->classify(std::span(images.views).first(n), std::span(images.outcomes).first(n), details));
    });
    return ok ? allocations : -1;
  };
  EXPECT_GT(classify(1), 0);  // the workspace; also proves that the counter counts
  for (int round = 0; round < 3; ++round) {
    for (std::size_t n : {1u, 2u, 64u, 150u}) EXPECT_EQ(classify(n), 0) << n << " images";
  }
  expect_routed(images, 3);
}

TEST(Allocation, AnswersTogetherNoneOnceWarm) {
  std::vector<StageSetup> setup(3);
  plan::Plan plan = make_plan(setup);
  plan.policy = plan::PolicyKind::agreement;
  plan.stages[1].exit.answer_weights = {0.25, 0.75};
  plan.stages[2].exit.answer_weights = {0.25, 0.25, 0.5};
  plan.stages[1].exit.threshold = 0;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int s = 0; s < 3; ++s) sessions.push_back(make_fake(setup, s));
  const Executor executor(plan, std::move(sessions));
  Images images(100);
  ASSERT_TRUE(executor.classify(images.views, images.outcomes));
  bool ok = false;
  const int allocations =
      allocations_of([&] { ok = static_cast<bool>(executor.classify(images.views, images.outcomes)); });
  EXPECT_TRUE(ok);
  EXPECT_EQ(allocations, 0);
  EXPECT_TRUE(std::ranges::any_of(images.outcomes, [](const Outcome& outcome) { return outcome.exit == 2; }));
}

// Photographs of more sizes than tables of weights are kept, for two stages that see them in two ways.
TEST(Allocation, ImagesOfManySizesNoneOnceWarm) {
  std::vector<StageSetup> setup(2);
  plan::Plan plan = make_plan(setup);
  plan.input.height = plan.input.width = 0;
  for (std::size_t s = 0; s < 2; ++s) {
    preprocess::Preprocess& own = plan.stages[s].preprocess.emplace();
    own = {.height = kSide, .width = kSide, .channels = 1, .mean = {0}, .stddev = {1}};
    own.resize = {.mode = s == 0 ? preprocess::ResizeMode::shorter : preprocess::ResizeMode::exact,
                  .height = 3,
                  .width = 3,
                  .resampler = s == 0 ? preprocess::Resampler::pillow : preprocess::Resampler::opencv};
  }
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int s = 0; s < 2; ++s) sessions.push_back(make_fake(setup, s));
  const Executor executor(plan, std::move(sessions), std::vector{kAlways});
  const std::vector<std::uint8_t> pixels(3000, 7);
  std::vector<ImageView> images;
  for (int i = 0; i < 100; ++i)
    images.push_back(
        {.pixels = pixels.data(), .height = 4 + i % 23, .width = 5 + i % 19, .channels = i % 2 == 0 ? 3 : 1});
  std::vector<Outcome> outcomes(images.size());
  const auto classify = [&] {
    bool ok = false;
    const int allocations = allocations_of([&] { ok = static_cast<bool>(executor.classify(images, outcomes)); });
    return ok ? allocations : -1;
  };
  EXPECT_GT(classify(), 0);
  classify();  // now the memory of each table is that of the largest
  for (int round = 0; round < 3; ++round) EXPECT_EQ(classify(), 0);
  EXPECT_TRUE(std::ranges::all_of(outcomes, [](const Outcome& outcome) { return outcome.exit == 1; }));
}

TEST(Allocation, CompiledSessionNoneOnceOpen) {
  const TempDir directory;
  fs::copy_file(TESTING_KERNELS, directory / "kernels.so");
  engine::save_program(directory / "p", engine::TestProgram{}.program(directory / "kernels.so"));
  for (const int threads : {1, 2}) {
    const auto opened = engine::open_compiled((directory / "p").string(), {.threads = threads});
    ASSERT_TRUE(opened) << opened.error().message;
    std::vector<float> input(24, 1), logits(24);
    bool ok = false;
    const int allocations = allocations_of(
        [&] { ok = static_cast<bool>((*opened)->run(2, {.input = input.data(), .logits = logits.data()})); });
    EXPECT_TRUE(ok);
    EXPECT_EQ(allocations, 0);
  }
}

TEST(Allocation, ControllerNone) {
  auto controller = Controller::make(made_up_curve(), {.target_us = 5000});
  ASSERT_TRUE(controller);
  const int allocations = allocations_of([&] {
    for (int i = 0; i < 1000; ++i) {
      controller->arrived(0.001 * i);
      controller->decide({.seconds = 0.001 * i, .waiting = 1.0 + i % 7});
      controller->served(200, 210);
    }
  });
  EXPECT_EQ(allocations, 0);
}

}  // namespace
}  // namespace triage::runtime
