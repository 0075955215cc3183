// A warm runtime allocates nothing. In a program of its own: it replaces operator new.
#include <gtest/gtest.h>

#include "core/allocation_test_support.h"
#include "core/test_support.h"
#include "engine/compiled/compiled_session.h"
#include "engine/testing/test_program.h"
#include "runtime/executor_test_support.h"

namespace triage::runtime {
namespace {

using namespace testing_executor;

TEST(Allocation, ExecutorNoneOnceWarm) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  Images images(150);
  const auto classify = [&](std::size_t n) {
    bool ok = false;
    const int allocations = allocations_of([&] {
      ok = static_cast<bool>(
          mixed.executor->classify(std::span(images.views).first(n), std::span(images.outcomes).first(n)));
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

}  // namespace
}  // namespace triage::runtime
