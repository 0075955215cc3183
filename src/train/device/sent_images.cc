// Batches on their way to a device. A thread takes them from the loader, puts them into memory that the device can read
// (pinned) and has them copied by a stream of its own; the steps' stream waits for the copy, the host does not.
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "core/system/limits.h"
#include "data/image/in_order.h"
#include "train/device/step_images.h"
#include "train/step.h"

namespace triage::train {
namespace {

constexpr std::size_t kAhead = 2;  // batches that are sent before they are asked for
constexpr int kMostThreads = 16;   // that make batches for a GPU

data::LoaderOptions sending_options(const TrainJob& job) {
  data::LoaderOptions options = loader_options(job);
  if (job.device.is_cuda()) options.threads = std::clamp(usable_cpus() - 1, 1, kMostThreads);
  options.prefetch = std::max(options.prefetch, options.threads + 1);
  return options;
}

struct Slot {
  // [n, C, H, W]; [3, n] int64: labels, indices, labels of the partners; [n] fp32: shares of the labels (Labels)
  at::Tensor host_images, host_numbers, host_shares;
  at::Tensor images, numbers, shares;  // the same on the device
  // On a GPU: the copy to the device, and from there to where the steps read it.
  std::optional<c10::Event> sent, used;
};

class SentImages : public StepImages {
 public:
  SentImages(const TrainJob& job, std::uint64_t first)
      : job_(job),
        loading_(sending_options(job)),
        step_(first),
        loader_(*job.data, job.splits->train, job.normalization, loading_, first),
        ring_(first, std::numeric_limits<std::size_t>::max(), kAhead) {
    for (Slot& slot : slots_) {
      slot.host_images = images_on(at::kCPU);
      slot.host_numbers = numbers_on(at::kCPU);
      slot.host_shares = shares_on(at::kCPU);
      slot.images = images_on(job.device);
      slot.numbers = numbers_on(job.device);
      slot.shares = shares_on(job.device);
      if (!job.device.is_cuda()) continue;
      slot.sent.emplace(job.device.type());
      slot.used.emplace(job.device.type());
    }
    images_ = images_on(job.device);
    numbers_ = numbers_on(job.device);
    shares_ = shares_on(job.device);
    sender_ = std::jthread([this] { send(); });
  }
  ~SentImages() override {
    ring_.stop();
    sender_.join();
    for (const Slot& slot : slots_)
      if (slot.sent) slot.sent->synchronize();  // the memory is given back
  }

  void begin_epoch(std::uint64_t, TeacherView*) override {}

  void begin_step(TeacherView* teacher) override {
    Slot& slot = *ring_.take(step_++);
    const auto stream = job_.device.is_cuda() ? std::optional(of_device().getStream(job_.device)) : std::nullopt;
    if (stream) slot.sent->block(*stream);
    images_.copy_(slot.images, /*non_blocking=*/true);
    numbers_.copy_(slot.numbers, /*non_blocking=*/true);
    shares_.copy_(slot.shares, /*non_blocking=*/true);
    if (stream) slot.used->record(*stream);
    if (teacher == nullptr) return;
    const std::int64_t* const indices = slot.host_numbers.const_data_ptr<std::int64_t>() + loading_.batch;
    const std::vector<std::int64_t> claimed = teacher->claim({indices, static_cast<std::size_t>(loading_.batch)});
    if (claimed.empty()) return;
    const at::Tensor places = at::tensor(claimed).to(job_.device);
    const at::Tensor seen = images_.index_select(0, places).contiguous(at::MemoryFormat::ChannelsLast);
    teacher->answer(numbers_.select(0, 1).index_select(0, places), seen);
  }

  DeviceBatch of_step(const at::Tensor&) const override { return some(loading_.batch); }
  DeviceBatch some(std::int64_t count) const override {
    const auto row = [&](std::int64_t index) { return numbers_.select(0, index).narrow(0, 0, count); };
    const Labels labels =
        loading_.augment.mixes() ? Labels(row(0), row(2), shares_.narrow(0, 0, count)) : Labels(row(0));
    return {images_.narrow(0, 0, count), labels, row(1)};
  }

  std::vector<at::Tensor> first_batches(const data::LoaderOptions& options, int count) const override {
    data::TrainLoader loader(*job_.data, job_.splits->train, job_.normalization, options, 0);
    std::vector<at::Tensor> batches;
    while (std::ssize(batches) < count) {
      const data::Batch batch = loader.next();
      const at::Tensor images = to_tensor(batch, options.pixels, job_.device);
      batches.push_back(images.is_cpu() ? images.clone() : images);  // on the CPU it is the batch's own memory
    }
    return batches;
  }

 private:
  c10::impl::VirtualGuardImpl of_device() const { return c10::impl::VirtualGuardImpl(job_.device.type()); }

  at::TensorOptions options_on(at::Device device) const {
    return at::TensorOptions(device).pinned_memory(device.is_cpu() && job_.device.is_cuda());
  }
  at::Tensor images_on(at::Device device) const {
    const data::DatasetInfo& info = job_.data->info();
    const auto type = loading_.pixels == data::PixelType::bf16 ? at::kBFloat16 : at::kFloat;
    return at::empty({loading_.batch, info.height, info.width, info.channels}, options_on(device).dtype(type))
        .permute({0, 3, 1, 2});
  }
  at::Tensor numbers_on(at::Device device) const {
    return at::empty({3, loading_.batch}, options_on(device).dtype(at::kLong));
  }
  at::Tensor shares_on(at::Device device) const {
    return at::empty({loading_.batch}, options_on(device).dtype(at::kFloat));
  }

  void fill(Slot& slot) {
    data::Batch batch = loader_.next();
    if (slot.sent) slot.sent->synchronize();  // what lay here before is on the device
    std::memcpy(slot.host_images.mutable_data_ptr(), batch.pixels.data(), batch.pixels.size());
    std::int64_t* const numbers = slot.host_numbers.mutable_data_ptr<std::int64_t>();
    const bool mixed = !batch.shares.empty();
    std::int64_t* const behind = std::ranges::copy(batch.indices, std::ranges::copy(batch.labels, numbers).out).out;
    std::ranges::copy(mixed ? batch.partners : batch.labels, behind);
    if (mixed)
      std::ranges::copy(batch.shares, slot.host_shares.mutable_data_ptr<float>());
    else
      slot.host_shares.fill_(1);
    loader_.recycle(std::move(batch));
  }

  // The thread's work. A slot is filled again when the step behind the one that read it was begun: kAhead are on their
  // way, one is read from.
  void send() {
    try {
      c10::OptionalStreamGuard guard;
      if (job_.device.is_cuda()) guard.reset_stream(of_device().getStreamFromGlobalPool(job_.device));
      while (const std::optional<std::size_t> step = ring_.next()) {
        Slot& slot = slots_[*step % slots_.size()];
        fill(slot);
        if (slot.used) slot.used->block(*guard.current_stream());
        slot.images.copy_(slot.host_images, /*non_blocking=*/true);
        slot.numbers.copy_(slot.host_numbers, /*non_blocking=*/true);
        slot.shares.copy_(slot.host_shares, /*non_blocking=*/true);
        if (slot.sent) slot.sent->record(*guard.current_stream());
        ring_.put(*step, &slot);
      }
    } catch (...) {
      ring_.fail(std::current_exception());
    }
  }

  const TrainJob& job_;
  const data::LoaderOptions loading_;
  std::size_t step_;
  data::TrainLoader loader_;
  at::Tensor images_, numbers_, shares_;  // of the step, at one place for all steps
  std::array<Slot, kAhead + 1> slots_;
  data::ResultRing<Slot*> ring_;
  std::jthread sender_;
};

}  // namespace

std::unique_ptr<StepImages> sent_images(const TrainJob& job, std::uint64_t first) {
  return std::make_unique<SentImages>(job, first);
}

}  // namespace triage::train
