// What the images of a step show: one class each, or two where images are mixed (data::AugmentOptions::mixup, cutmix).
#pragma once

#include <torch/types.h>

#include <optional>

namespace triage::train {

struct Labels {
  at::Tensor own;  // [n] int64
  at::Tensor partner,
      share;  // [n] int64, and [n] fp32: share of `own`, the rest is the partner's. Undefined: not mixed

  explicit Labels(at::Tensor own_labels) : own(std::move(own_labels)) {}
  Labels(at::Tensor own_labels, at::Tensor partners, at::Tensor shares)
      : own(std::move(own_labels)), partner(std::move(partners)), share(std::move(shares)) {}
};

// [n, classes] fp32 that sum to one: what a mixed image shows.
at::Tensor class_shares(const Labels& labels, std::int64_t classes);

// Cross-entropy with smoothed labels; the mean, weighted where there are weights ([classes]).
at::Tensor label_loss(const at::Tensor& logits, const Labels& labels, const std::optional<at::Tensor>& weights,
                      double smoothing);

// How many the logits are right about; of a mixed image the share that is of the class they say.
at::Tensor number_right(const at::Tensor& logits, const Labels& labels);

}  // namespace triage::train
