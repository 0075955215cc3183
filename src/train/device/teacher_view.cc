#include "train/device/teacher_view.h"

namespace triage::train {

void TeacherView::begin_epoch(std::uint64_t epoch) {
  keep();
  epoch_ = epoch;
  const at::Tensor known = teacher_.view(epoch);
  if (!table_.defined()) table_ = at::empty(known.sizes(), known.options().device(device_));
  table_.copy_(known);
  const at::Tensor missing = at::isnan(known.select(1, 0)).contiguous();
  const bool* const begin = missing.const_data_ptr<bool>();
  known_.resize(static_cast<std::size_t>(missing.numel()));
  std::transform(begin, begin + missing.numel(), known_.begin(), [](bool is_missing) { return !is_missing; });
}

std::vector<std::int64_t> TeacherView::claim(std::span<const std::int64_t> indices) {
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    char& known = known_[static_cast<std::size_t>(indices[i])];
    if (!known) places.push_back(static_cast<std::int64_t>(i));
    known = 1;
  }
  return places;
}

void TeacherView::answer(const at::Tensor& indices, const at::Tensor& images) {
  table_.index_copy_(0, indices, teacher_.ask(images).to(at::kHalf));
  asked_ = true;
}

at::Tensor TeacherView::of(const at::Tensor& indices) const { return table_.index_select(0, indices).to(at::kFloat); }

void TeacherView::keep() {
  if (asked_) teacher_.keep(epoch_, table_);
  asked_ = false;
}

}  // namespace triage::train
