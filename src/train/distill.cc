#include "train/distill.h"

#include <limits>

namespace triage::train {

TeacherLogits::TeacherLogits(Ask ask, std::uint32_t count, int classes, int views)
    : ask_(std::move(ask)), views_(views) {
  if (views > 0) kept_ = at::full({views, count, classes}, std::numeric_limits<double>::quiet_NaN(), at::kHalf);
}

at::Tensor TeacherLogits::operator()(const at::Tensor& images, const data::Batch& batch, std::uint64_t epoch) {
  if (views_ == 0) return ask_(images);
  at::Tensor view = kept_[static_cast<std::int64_t>(epoch % views_)];
  at::Tensor index = at::empty({batch.size}, at::kLong);
  std::copy(batch.indices.begin(), batch.indices.end(), index.data_ptr<std::int64_t>());
  at::Tensor known = view.index_select(0, index);
  const at::Tensor missing = at::isnan(known.select(1, 0)).nonzero().squeeze(1);
  if (missing.numel() > 0) {
    const bool all = missing.numel() == batch.size;
    const at::Tensor part =
        all ? images : images.index_select(0, missing.to(images.device())).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor answer = ask_(part).to(at::kCPU, at::kHalf);
    view.index_copy_(0, index.index_select(0, missing), answer);
    known = view.index_select(0, index);
  }
  return known.to(images.device(), at::kFloat);
}

void TeacherLogits::save(Tensors& tensors) const {
  if (views_ > 0) tensors["teacher_logits"] = kept_;
}

void TeacherLogits::load(const Tensors& tensors) {
  if (views_ > 0) kept_.copy_(tensors.at("teacher_logits"));
}

at::Tensor distillation_loss(const at::Tensor& logits, const at::Tensor& teacher, const Labels& labels,
                             double temperature, double mix, double label_smoothing,
                             const std::optional<at::Tensor>& weights) {
  const at::Tensor target = at::softmax(teacher / temperature, 1);
  const at::Tensor student = at::log_softmax(logits / temperature, 1);
  const at::Tensor divergence = at::kl_div(student, target, at::Reduction::Sum) / logits.size(0);
  return mix * temperature * temperature * divergence +
         (1 - mix) * label_loss(logits, labels, weights, label_smoothing);
}

}  // namespace triage::train
