// A teacher's logits for the training images, asked for once per augmented view.
#pragma once

#include <functional>
#include <optional>

#include "data/loader.h"
#include "train/files/checkpoint.h"
#include "train/labels.h"

namespace triage::train {

class TeacherLogits {
 public:
  using Ask = std::function<at::Tensor(const at::Tensor& images)>;  // [n, C, H, W] -> [n, classes], inference mode

  // `count`: images of the data set; `views`: as in DistillOptions (0: nothing is kept).
  TeacherLogits(Ask ask, std::uint32_t count, int classes, int views);

  // [n, classes] fp32 for the batch, whose images show view `epoch % views`. Images never seen in that view are asked
  // for; what is kept is kept in half precision, and the first answer is rounded the same way.
  at::Tensor operator()(const at::Tensor& images, const data::Batch& batch, std::uint64_t epoch);

  // For those who ask for a whole epoch's images at once: what is known of a view, [count, classes] half on the CPU,
  // NaN where nothing is, and what shall be known of it from now on.
  int views() const { return views_; }
  at::Tensor ask(const at::Tensor& images) const { return ask_(images); }
  at::Tensor view(std::uint64_t epoch) const { return kept_[static_cast<std::int64_t>(epoch % views_)]; }
  void keep(std::uint64_t epoch, const at::Tensor& view) const { this->view(epoch).copy_(view); }

  void save(Tensors& tensors) const;  // under the name "teacher_logits"
  void load(const Tensors& tensors);

 private:
  Ask ask_;
  int views_;
  at::Tensor kept_;  // [views, count, classes] half; NaN: not asked yet
};

// mix * T^2 * KL(teacher_T || student_T) + (1 - mix) * cross-entropy with smoothed labels; means over the batch.
// weights: [classes] of the cross-entropy, whose mean is a weighted one then.
at::Tensor distillation_loss(const at::Tensor& logits, const at::Tensor& teacher, const Labels& labels,
                             double temperature, double mix, double label_smoothing,
                             const std::optional<at::Tensor>& weights = {});

}  // namespace triage::train
