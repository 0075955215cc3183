#include "train/device/device_steps.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "core/system/limits.h"
#include "family/plain/plain.h"
#include "train/device/flat_optimizer.h"
#include "train/step.h"

namespace triage::train {
namespace {

constexpr double kResidentShare = 0.25;  // of the free memory
constexpr double kUsable = 0.9;          // the rest is lost between blocks

enum Scalar { kRate, kShare, kFirst, kSecond, kScalars };  // kFirst, kSecond: supernet::BiasCorrection
enum Sum { kLoss, kSubnetLoss, kRight, kSums };

// Whether the images take little enough of a GPU's memory to lie there.
bool images_fit(const TrainJob& job) {
  const auto bytes = static_cast<double>(job.data->size()) * static_cast<double>(job.data->image_bytes());
  return bytes < kResidentShare * static_cast<double>(device_memory(job.device).free);
}

}  // namespace

bool steps_on_device(const TrainJob& job) { return job.resident.has_value() || job.device.is_cuda(); }

DeviceSteps::DeviceSteps(const TrainJob& job, Session& session, std::uint64_t steps)
    : job_(job),
      session_(session),
      total_(steps),
      per_epoch_(job.splits->train.size() / static_cast<std::size_t>(job.options.batch)),
      fixed_(sandwich_subnets(job.space, job.supernet, subnet_seed(job), 0)),
      random_(job.supernet.subnets.empty() && fixed_.size() > 2),
      grouped_(random_ && job.space.is_plain()) {
  if (random_) fixed_.resize(2);
  choose_algorithms(job.device, job.deterministic);
  const bool resident = job.resident ? *job.resident : images_fit(job);
  images_ = resident ? resident_images(job, session.step) : sent_images(job, session.step);
  if (session.teacher && session.teacher->views() > 0) teacher_.emplace(*session.teacher, job.device);
  const auto at_device = at::TensorOptions(job.device);
  counter_ = at::zeros({1}, at_device.dtype(at::kLong));
  added_ = at::zeros({kSums}, at_device.dtype(at::kDouble));
  next_epoch_ = session.step / per_epoch_;
  next_ = std::async(std::launch::async, [this, epoch = next_epoch_] { return make_epoch(epoch); });
  const auto work_of_step = [this] { work(); };
  graph_ = random_ && !grouped_ ? std::make_unique<StepGraph>(work_of_step) : StepGraph::make(job.device, work_of_step);
}

DeviceSteps::~DeviceSteps() {
  if (next_.valid()) next_.wait();
}

DeviceSteps::Epoch DeviceSteps::make_epoch(std::uint64_t epoch) const {
  Epoch tables;
  const auto steps = static_cast<std::int64_t>(per_epoch_);
  tables.scalars = at::empty({steps, kScalars}, at::kFloat);
  float* row = tables.scalars.mutable_data_ptr<float>();
  for (std::uint64_t step = epoch * per_epoch_; step < (epoch + 1) * per_epoch_; ++step, row += kScalars) {
    row[kRate] = static_cast<float>(learning_rate(job_.options, step, total_));
    row[kShare] = static_cast<float>(1 - average_decay(job_.options, step));
    const supernet::BiasCorrection correction = supernet::bias_correction(adamw_options(job_.options), step + 1);
    row[kFirst] = static_cast<float>(correction.first);
    row[kSecond] = static_cast<float>(correction.second);
  }
  if (!grouped_) return tables;
  std::vector<at::Tensor> drawn;
  for (std::uint64_t step = epoch * per_epoch_; step < (epoch + 1) * per_epoch_; ++step) {
    std::vector<family::ArchSpec> subnets = sandwich_subnets(job_.space, job_.supernet, subnet_seed(job_), step);
    subnets.erase(subnets.begin(), subnets.begin() + std::ssize(fixed_));
    std::vector<plan::ArchSpec> plain;
    for (const family::ArchSpec& subnet : subnets) plain.push_back(family::plain_arch(subnet));
    drawn.push_back(supernet::plain_network(session_.network)->channels_of(plain));
  }
  tables.subnets = at::stack(drawn);
  return tables;
}

void DeviceSteps::begin_epoch(std::uint64_t epoch) {
  if (epoch != next_epoch_ || !next_.valid()) {
    if (next_.valid()) next_.wait();
    next_ = std::async(std::launch::async, [this, epoch] { return make_epoch(epoch); });
  }
  const Epoch tables = next_.get();
  const auto move = [&](at::Tensor& to, const at::Tensor& host) {
    if (!to.defined()) to = at::empty(host.sizes(), host.options().device(job_.device));
    to.copy_(to_device(host, job_.device));
  };
  move(scalars_, tables.scalars);
  if (grouped_) move(subnets_, tables.subnets);
  counter_.fill_(static_cast<std::int64_t>(session_.step % per_epoch_));
  current_epoch_ = epoch;
  next_epoch_ = epoch + 1;
  if ((epoch + 1) * per_epoch_ < total_)
    next_ = std::async(std::launch::async, [this, epoch] { return make_epoch(epoch + 1); });
  if (teacher_) teacher_->begin_epoch(epoch);
  images_->begin_epoch(epoch, teacher_ ? &*teacher_ : nullptr);
}

SandwichLoss DeviceSteps::learn(const DeviceBatch& batch) {
  at::Tensor target;
  if (session_.teacher) target = teacher_ ? teacher_->of(batch.indices) : session_.teacher->ask(batch.images);
  const auto loss = [&](const at::Tensor& logits) {
    return training_loss(job_, session_, logits, target, batch.labels);
  };
  if (random_ && !grouped_) {
    return sandwich_step(*session_.network, batch.images,
                         sandwich_subnets(job_.space, job_.supernet, subnet_seed(job_), session_.step), loss,
                         job_.supernet);
  }
  const at::Tensor drawn = grouped_ ? subnets_.index_select(0, counter_).squeeze(0) : at::Tensor();
  return grouped_sandwich_step(*session_.network, batch.images, fixed_, drawn, loss, job_.supernet);
}

void DeviceSteps::work() {
  const TrainOptions& options = job_.options;
  const DeviceBatch batch = images_->of_step(counter_);
  session_.flat->zero_gradients();
  const SandwichLoss result = learn(batch);
  const at::Tensor scalars = scalars_.index_select(0, counter_).squeeze(0);
  if (options.clip_norm > 0) session_.flat->clip(options.clip_norm);
  if (options.optimizer == OptimizerKind::adamw) {
    session_.flat->adamw_step(scalars.select(0, kRate), adamw_options(options), scalars.select(0, kFirst),
                              scalars.select(0, kSecond));
  } else {
    session_.flat->sgd_step(scalars.select(0, kRate), options.momentum);
  }
  if (options.average_decay > 0) session_.flat->average(scalars.select(0, kShare));
  added_.select(0, kLoss).add_(result.largest, options.batch);
  added_.select(0, kSubnetLoss).add_(result.subnets, options.batch);
  added_.select(0, kRight).add_(number_right(result.logits, batch.labels));
  counter_.add_(1);
}

void DeviceSteps::step() {
  bool full = false;
  try {
    const std::uint64_t epoch = session_.step / per_epoch_;
    if (epoch != current_epoch_) begin_epoch(epoch);
    images_->begin_step(teacher_ ? &*teacher_ : nullptr);
    graph_->run();
  } catch (const c10::OutOfMemoryError&) {
    full = true;
  }
  if (full) fail("{}", memory_message());  // here the failed step holds no memory any more
}

// Halves the batch until a step fits and says what that tells about the wanted one.
std::string DeviceSteps::memory_message() {
  const DeviceMemory memory = device_memory(job_.device);
  const std::string found =
      std::format("stage '{}': batch {}: out of memory on {} ({} in all, {} free for it)", job_.name,
                  job_.options.batch, device_name(job_.device), size_text(memory.total), size_text(memory.free));
  for (std::int64_t batch = job_.options.batch / 2; batch >= 2; batch /= 2) {
    try {
      reset_peak(job_.device);
      learn(images_->some(batch));
      const double per_image =
          static_cast<double>(device_memory(job_.device).peak - memory.used) / static_cast<double>(batch);
      const auto fits =
          static_cast<std::int64_t>(kUsable * static_cast<double>(memory.free) / std::max(1.0, per_image));
      return std::format("{}; a batch of {} would fit ({} an image)", found,
                         std::clamp(fits, batch, job_.options.batch - std::int64_t{1}),
                         size_text(static_cast<std::uint64_t>(per_image)));
    } catch (const c10::OutOfMemoryError&) {
      continue;
    }
  }
  return found + "; no batch would fit";
}

void DeviceSteps::sums() {
  const at::Tensor sums = added_.cpu();
  const double* const values = sums.const_data_ptr<double>();
  session_.epoch_loss += values[kLoss];
  session_.epoch_subnet_loss += values[kSubnetLoss];
  session_.epoch_right += values[kRight];
  added_.zero_();
  if (teacher_) teacher_->keep();
}

}  // namespace triage::train
