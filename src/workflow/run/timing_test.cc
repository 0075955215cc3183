#include "workflow/run/timing.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "core/test_support.h"

namespace triage::workflow {
namespace {

TEST(Timing, AStepThatIsRepeatedCountsOnceWithItsLongestTime) {
  const TempDir run;
  record_step(run.path(), "build", 60);
  record_step(run.path(), "build", 3);  // found things done
  record_step(run.path(), "eval", 30);
  EXPECT_EQ(total_minutes(run.path()), 1.5);
  EXPECT_EQ(step_minutes(run.path(), "build"), 1);
  record_step(run.path(), "build", 120);
  EXPECT_EQ(step_minutes(run.path(), "build"), 2);
}

TEST(Timing, AStepThatWasNotDoneHasNone) {
  const TempDir run;
  EXPECT_FALSE(step_minutes(run.path(), "build"));
  record_step(run.path(), "eval", 1);
  EXPECT_FALSE(step_minutes(run.path(), "build"));
}

TEST(Timing, AStepThatFailsIsNotRecorded) {
  const TempDir run;
  try {
    const StepTimer timer(run.path(), "build");
    throw Error("no");
  } catch (const Error&) {
  }
  EXPECT_FALSE(step_minutes(run.path(), "build"));
  {
    const StepTimer timer(run.path(), "build");
  }
  EXPECT_TRUE(step_minutes(run.path(), "build"));
}

TEST(Timing, AnErrorHandledBeforeDoesNotCount) {
  const TempDir run;
  try {
    throw Error("before");
  } catch (const Error&) {
    const StepTimer timer(run.path(), "build");  // while another exception is handled
  }
  EXPECT_TRUE(step_minutes(run.path(), "build"));
}

TEST(Timing, ALostTimingDoesNotLoseTheWork) {
  const HeardWarnings heard;
  {
    const StepTimer timer("no/such/run", "build");
  }
  EXPECT_EQ(heard.texts().size(), 1u);
}

}  // namespace
}  // namespace triage::workflow
