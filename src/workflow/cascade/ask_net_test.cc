#include "workflow/cascade/ask_net.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::workflow {
namespace {

TEST(AskNet, TheFirstOfEqualAnswersIsTheLikeliest) {
  const std::vector<float> answers{0, 2, 1, 3, 3, 1, -1, -1, -1};
  EXPECT_THAT(likeliest(answers, 3), testing::ElementsAre(1, 0, 0));
}

TEST(AskNet, ShareOfRightAnswers) {
  const std::vector<float> answers{0, 2, 1, 3, 3, 1, -3, -2, -1, 0, 0, 1};
  const std::vector<Label> labels{1, 1, 2, 2};
  EXPECT_DOUBLE_EQ(share_right(answers, labels), 0.75);  // of the second image it says 0
}

}  // namespace
}  // namespace triage::workflow
