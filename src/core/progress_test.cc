#include "core/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage {
namespace {

using testing::ElementsAre;

TEST(Progress, TellsTheSinkWhatTheWorkDoes) {
  RecordingSink sink;
  {
    Progress progress(sink.context(), "import", 3, "images", 1);
    progress.update(2, "one bad");
    progress.line("a line");
    progress.update(3);
    progress.finish("done");
    progress.finish("once only");
  }
  EXPECT_THAT(sink.said(), ElementsAre("start import 1/3 images", "line a line", "finish import 3/3"));
  EXPECT_THAT(sink.counts(), ElementsAre(2, 3));
  EXPECT_EQ(sink.note(), "done");
}

TEST(Progress, WorkThatThrowsHasGivenUp) {
  RecordingSink sink;
  try {
    Progress progress(sink.context(), "import", 3, "images");
    progress.update(2);
    throw Error("no");
  } catch (const Error&) {
  }
  EXPECT_THAT(sink.said(), ElementsAre("start import 0/3 images", "gave up import 2/3"));
}

TEST(Context, OneOfItsOwnShowsNothingAndNeverStops) {
  const Context context;
  Progress progress(context, "import", 3, "images");
  progress.update(1);
  progress.line("a line");
  progress.finish();
  context.message("a message");
  EXPECT_FALSE(context.stop.requested());
}

TEST(Context, CopiesOfATokenSeeTheFlag) {
  std::atomic<bool> flag = false;
  const Context context{.stop = StopToken(flag)};
  const Context copy = context;
  EXPECT_FALSE(copy.stop.requested());
  flag = true;
  EXPECT_TRUE(copy.stop.requested());
  EXPECT_TRUE(context.stop.requested());
}

}  // namespace
}  // namespace triage
