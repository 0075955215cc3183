#include "train/labels.h"

#include <gtest/gtest.h>

namespace triage::train {
namespace {

Labels mixed() {
  return {at::tensor({2, 0, 1, 1}, at::kLong), at::tensor({0, 1, 1, 2}, at::kLong),
          at::tensor({0.25f, 1.0f, 0.7f, 0.0f})};
}

TEST(Labels, SharesSumToOneAndLieOnBothClasses) {
  const at::Tensor shares = class_shares(mixed(), 3);
  EXPECT_TRUE(at::equal(shares.sum(1), at::ones({4})));
  // The second shows its own class alone, the fourth its partner's; the third's partner is of its class.
  const at::Tensor expected = at::tensor({0.75f, 0.0f, 0.25f, 1.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f, 0.0f, 1.0f});
  EXPECT_TRUE(at::allclose(shares, expected.view({4, 3})));
}

// The sum over both classes of each image, as mixup's authors have it.
TEST(Labels, TheLossIsTheMixOfBothLosses) {
  const Labels labels = mixed();
  const at::Tensor logits = at::randn({4, 3});
  const auto of = [&](const at::Tensor& own) {
    return at::cross_entropy_loss(logits, own, {}, at::Reduction::None, -100, 0.1);
  };
  const at::Tensor expected = (labels.share * of(labels.own) + (1 - labels.share) * of(labels.partner)).mean();
  EXPECT_NEAR(label_loss(logits, labels, {}, 0.1).item<double>(), expected.item<double>(), 1e-6);
}

// Where nothing is mixed both ways agree, weighted or not.
TEST(Labels, AShareOfOneIsAPlainLabel) {
  const at::Tensor own = at::tensor({2, 0, 1, 1}, at::kLong), logits = at::randn({4, 3});
  const Labels plain(own), whole(own, own, at::ones({4}));
  for (const std::optional<at::Tensor>& weights :
       {std::optional<at::Tensor>(), std::optional(at::tensor({0.5f, 2.0f, 1.0f}))}) {
    EXPECT_NEAR(label_loss(logits, plain, weights, 0.2).item<double>(),
                label_loss(logits, whole, weights, 0.2).item<double>(), 1e-6);
  }
  EXPECT_EQ(number_right(logits, plain).item<double>(), number_right(logits, whole).item<double>());
}

TEST(Labels, BeingRightAboutAMixedImageCountsItsShare) {
  const at::Tensor logits =
      at::tensor({1.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 0.0f}).view({4, 3});
  EXPECT_NEAR(number_right(logits, mixed()).item<double>(), 0.75 + 1 + 1 + 0, 1e-6);
}

}  // namespace
}  // namespace triage::train
