// Where the images of the steps on a device come from: all of them lie there, or the CPU's loader makes batches that
// are sent there while the steps before are at work. Both give the same bits in the same order.
#pragma once

#include <memory>
#include <vector>

#include "train/device/teacher_view.h"
#include "train/labels.h"
#include "train/trainer.h"

namespace triage::train {

struct DeviceBatch {
  at::Tensor images;   // [n, C, H, W], channels last
  Labels labels;       // of n images; mixed where the augmentation ever mixes
  at::Tensor indices;  // [n] int64, images of the data set
};

class StepImages {
 public:
  virtual ~StepImages() = default;

  // Before the first step of an epoch, and before each: what a step reads is put in its place, the teacher (null: none
  // that keeps views) is asked about what it was not asked before. The host waits where a batch is not made yet, and
  // for nothing else. Steps are begun in order.
  virtual void begin_epoch(std::uint64_t epoch, TeacherView* teacher) = 0;
  virtual void begin_step(TeacherView* teacher) = 0;

  // In the work of a step, which may be captured. place: [1] int64 on the device, which step of the epoch it is.
  virtual DeviceBatch of_step(const at::Tensor& place) const = 0;
  virtual DeviceBatch some(std::int64_t count) const = 0;  // any images, at most a batch, of a step that was begun

  // The first batches of the loader's stream of `options`, on the device; it may have another seed and other
  // augmentation than the steps.
  virtual std::vector<at::Tensor> first_batches(const data::LoaderOptions& options, int count) const = 0;
};

// job: must outlive what is made. first: the step that is begun first.
std::unique_ptr<StepImages> resident_images(const TrainJob& job, std::uint64_t first);
std::unique_ptr<StepImages> sent_images(const TrainJob& job, std::uint64_t first);

}  // namespace triage::train
