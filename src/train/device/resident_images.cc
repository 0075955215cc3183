#include <future>

#include "data/augment.h"
#include "train/device/augment_tensors.h"
#include "train/device/step_graph.h"
#include "train/device/step_images.h"
#include "train/step.h"

namespace triage::train {
namespace {

using Rows = std::vector<std::int32_t>;  // of data::draw_rows()

at::Tensor table_of(const Rows& rows) {
  constexpr auto kColumns = static_cast<std::int64_t>(data::kDrawColumns);
  return at::from_blob(const_cast<std::int32_t*>(rows.data()), {std::ssize(rows) / kColumns, kColumns}, at::kInt);
}

class ResidentImages : public StepImages {
 public:
  ResidentImages(const TrainJob& job, std::uint64_t first)
      : job_(job),
        loading_(loader_options(job)),
        images_(*job.data, job.normalization, loading_.pixels, job.device),
        places_(at::arange(loading_.batch, at::TensorOptions(job.device).dtype(at::kLong))) {
    draw(first / (job.splits->train.size() / static_cast<std::size_t>(loading_.batch)));
  }
  ~ResidentImages() override {
    if (next_.valid()) next_.wait();
  }

  void begin_epoch(std::uint64_t epoch, TeacherView* teacher) override {
    if (epoch != next_epoch_) draw(epoch);
    const Rows rows = next_.get();
    if (!draws_.defined()) draws_ = at::empty_like(table_of(rows), at::TensorOptions(job_.device));
    draws_.copy_(to_device(table_of(rows), job_.device));
    draw(epoch + 1);
    if (teacher) ask(*teacher, rows);
  }
  void begin_step(TeacherView*) override {}

  DeviceBatch of_step(const at::Tensor& place) const override {
    return batch_of(draws_.index_select(0, place * loading_.batch + places_));
  }
  DeviceBatch some(std::int64_t count) const override { return batch_of(draws_.narrow(0, 0, count)); }

  std::vector<at::Tensor> first_batches(const data::LoaderOptions& options, int count) const override {
    std::vector<at::Tensor> batches;
    for (std::uint64_t epoch = 0; std::ssize(batches) < count; ++epoch) {
      const Rows rows = data::draw_rows(job_.data->info(), job_.splits->train, options, epoch);
      const at::Tensor draws = table_of(rows).to(job_.device);
      for (const at::Tensor& part : draws.split(options.batch)) {
        if (std::ssize(batches) < count) batches.push_back(images_.augmented(part, options.augment));
      }
    }
    return batches;
  }

 private:
  void draw(std::uint64_t epoch) {
    if (next_.valid()) next_.wait();
    next_epoch_ = epoch;
    next_ = std::async(std::launch::async, [this, epoch] {
      return data::draw_rows(job_.data->info(), job_.splits->train, loading_, epoch);
    });
  }

  DeviceBatch batch_of(const at::Tensor& draws) const {
    return {images_.augmented(draws, loading_.augment), images_.labels(draws, loading_.augment),
            draws.select(1, static_cast<int>(data::DrawColumn::index)).to(at::kLong)};
  }

  // About the epoch's images at once.
  void ask(TeacherView& teacher, const Rows& rows) const {
    std::vector<std::int64_t> indices;
    for (std::size_t i = 0; i < rows.size(); i += data::kDrawColumns) indices.push_back(rows[i]);
    const std::vector<std::int64_t> claimed = teacher.claim(indices);
    if (claimed.empty()) return;
    for (const at::Tensor& places : at::tensor(claimed).to(job_.device).split(loading_.batch)) {
      const DeviceBatch batch = batch_of(draws_.index_select(0, places));
      teacher.answer(batch.indices, batch.images);
    }
  }

  const TrainJob& job_;
  const data::LoaderOptions loading_;
  const DeviceImages images_;
  const at::Tensor places_;
  at::Tensor draws_;  // of the epoch
  std::future<Rows> next_;
  std::uint64_t next_epoch_ = 0;
};

}  // namespace

std::unique_ptr<StepImages> resident_images(const TrainJob& job, std::uint64_t first) {
  return std::make_unique<ResidentImages>(job, first);
}

}  // namespace triage::train
