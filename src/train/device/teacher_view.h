// What a teacher says of the images in an epoch's view (TeacherLogits), as a table on the device that steps read.
#pragma once

#include <span>
#include <vector>

#include "train/distill.h"

namespace triage::train {

class TeacherView {
 public:
  // Of a teacher that keeps views; it must outlive this.
  TeacherView(const TeacherLogits& teacher, at::Device device) : teacher_(teacher), device_(device) {}

  void begin_epoch(std::uint64_t epoch);  // from here on its view is meant

  // Places among `indices` (images of the data set) that the teacher was never asked about in this view. Whoever calls
  // it asks: they count as known from now on. Waits for nothing.
  std::vector<std::int64_t> claim(std::span<const std::int64_t> indices);
  void answer(const at::Tensor& indices, const at::Tensor& images);  // [n] int64 and [n, C, H, W], on the device

  at::Tensor of(const at::Tensor& indices) const;  // [n, classes] fp32
  void keep();                                     // gives what was asked to the teacher; waits for the device

 private:
  const TeacherLogits& teacher_;
  at::Device device_;
  at::Tensor table_;  // [images, classes] half
  std::vector<char> known_;
  std::uint64_t epoch_ = 0;
  bool asked_ = false;
};

}  // namespace triage::train
