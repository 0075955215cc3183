#include "train/labels.h"

namespace triage::train {

at::Tensor class_shares(const Labels& labels, std::int64_t classes) {
  at::Tensor shares = at::zeros({labels.own.size(0), classes}, labels.share.options());
  shares.scatter_add_(1, labels.own.unsqueeze(1), labels.share.unsqueeze(1));
  return shares.scatter_add_(1, labels.partner.unsqueeze(1), (1 - labels.share).unsqueeze(1));
}

at::Tensor label_loss(const at::Tensor& logits, const Labels& labels, const std::optional<at::Tensor>& weights,
                      double smoothing) {
  if (!labels.share.defined())
    return at::cross_entropy_loss(logits, labels.own, weights, at::Reduction::Mean, -100, smoothing);
  const at::Tensor shares = class_shares(labels, logits.size(1));
  if (!weights) return at::cross_entropy_loss(logits, shares, {}, at::Reduction::Mean, -100, smoothing);
  // The mean of PyTorch counts images here, where that of plain labels counts their weights.
  return at::cross_entropy_loss(logits, shares, weights, at::Reduction::Sum, -100, smoothing) /
         (shares * *weights).sum();
}

at::Tensor number_right(const at::Tensor& logits, const Labels& labels) {
  const at::Tensor said = logits.argmax(1);
  if (!labels.share.defined()) return said.eq(labels.own).sum();
  return class_shares(labels, logits.size(1)).gather(1, said.unsqueeze(1)).sum();
}

}  // namespace triage::train
