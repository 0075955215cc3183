#include "train/device/device_steps.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "core/system/limits.h"
#include "data/augment.h"
#include "train/device/flat_optimizer.h"
#include "train/step.h"

namespace triage::train {
namespace {

constexpr double kResidentShare = 0.25;  // of the free memory
constexpr double kUsable = 0.9;          // the rest is lost between blocks

enum Scalar { kRate, kShare, kScalars };
enum Sum { kLoss, kSubnetLoss, kRight, kSums };

at::Tensor table_of(const std::vector<std::int32_t>& values, std::int64_t columns) {
  return at::from_blob(const_cast<std::int32_t*>(values.data()), {std::ssize(values) / columns, columns}, at::kInt);
}

}  // namespace

bool steps_on_device(const TrainJob& job) {
  if (job.resident) return *job.resident;
  if (!job.device.is_cuda()) return false;
  const auto bytes = static_cast<double>(job.data->size()) * static_cast<double>(job.data->image_bytes());
  return bytes < kResidentShare * static_cast<double>(device_memory(job.device).free);
}

DeviceSteps::DeviceSteps(const TrainJob& job, Session& session, std::uint64_t steps)
    : job_(job),
      session_(session),
      loading_(loader_options(job)),
      total_(steps),
      per_epoch_(job.splits->train.size() / static_cast<std::size_t>(job.options.batch)),
      fixed_(sandwich_subnets(job.space, job.supernet, subnet_seed(job), 0)),
      random_(job.supernet.subnets.empty() && fixed_.size() > 2) {
  if (random_) fixed_.resize(2);
  choose_algorithms(job.device, job.deterministic);
  images_ = std::make_unique<DeviceImages>(*job.data, job.normalization, loading_.pixels, job.device);
  const auto at_device = at::TensorOptions(job.device);
  counter_ = at::zeros({1}, at_device.dtype(at::kLong));
  places_ = at::arange(loading_.batch, at_device.dtype(at::kLong));
  added_ = at::zeros({kSums}, at_device.dtype(at::kDouble));
  next_epoch_ = session.step / per_epoch_;
  next_ = std::async(std::launch::async, [this, epoch = next_epoch_] { return make_epoch(epoch); });
  graph_ = StepGraph::make(job.device, [this] { work(); });
}

DeviceSteps::~DeviceSteps() {
  if (next_.valid()) next_.wait();
}

DeviceSteps::Epoch DeviceSteps::make_epoch(std::uint64_t epoch) const {
  Epoch tables;
  tables.draws = data::draw_rows(job_.data->info(), job_.splits->train, loading_, epoch);
  const auto steps = static_cast<std::int64_t>(per_epoch_);
  tables.scalars = at::empty({steps, kScalars}, at::kFloat);
  float* row = tables.scalars.mutable_data_ptr<float>();
  for (std::uint64_t step = epoch * per_epoch_; step < (epoch + 1) * per_epoch_; ++step, row += kScalars) {
    row[kRate] = static_cast<float>(learning_rate(job_.options, step, total_));
    row[kShare] = static_cast<float>(1 - average_decay(job_.options, step));
  }
  if (!random_) return tables;
  std::vector<at::Tensor> drawn;
  for (std::uint64_t step = epoch * per_epoch_; step < (epoch + 1) * per_epoch_; ++step) {
    std::vector<plan::ArchSpec> subnets = sandwich_subnets(job_.space, job_.supernet, subnet_seed(job_), step);
    subnets.erase(subnets.begin(), subnets.begin() + std::ssize(fixed_));
    drawn.push_back(session_.network->channels_of(subnets));
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
  move(draws_, table_of(tables.draws, data::kDrawColumns));
  move(scalars_, tables.scalars);
  if (random_) move(subnets_, tables.subnets);
  counter_.fill_(static_cast<std::int64_t>(session_.step % per_epoch_));
  current_epoch_ = epoch;
  next_epoch_ = epoch + 1;
  if ((epoch + 1) * per_epoch_ < total_)
    next_ = std::async(std::launch::async, [this, epoch] { return make_epoch(epoch + 1); });
  if (session_.teacher && session_.teacher->views() > 0) ask_teacher(epoch);
}

// For the images of the epoch whose answer in its view is not known yet.
void DeviceSteps::ask_teacher(std::uint64_t epoch) {
  const at::Tensor known = session_.teacher->view(epoch);
  if (!teacher_view_.defined()) teacher_view_ = at::empty(known.sizes(), known.options().device(job_.device));
  teacher_view_.copy_(known);
  const at::Tensor index = draws_.select(1, 0).to(at::kLong);
  const at::Tensor missing = at::isnan(teacher_view_.index_select(0, index).select(1, 0)).nonzero().squeeze(1);
  if (missing.numel() == 0) return;
  for (const at::Tensor& rows : missing.split(loading_.batch)) {
    const at::Tensor draws = draws_.index_select(0, rows);
    const at::Tensor answer = session_.teacher->ask(images_->augmented(draws, loading_.augment.cutout)).to(at::kHalf);
    teacher_view_.index_copy_(0, draws.select(1, 0).to(at::kLong), answer);
  }
  session_.teacher->keep(epoch, teacher_view_);
}

SandwichLoss DeviceSteps::learn(const at::Tensor& draws, const at::Tensor& images, const at::Tensor& labels) {
  at::Tensor target;
  if (session_.teacher) {
    target = session_.teacher->views() > 0
                 ? teacher_view_.index_select(0, draws.select(1, 0).to(at::kLong)).to(at::kFloat)
                 : session_.teacher->ask(images);
  }
  const auto loss = [&](const at::Tensor& logits) { return training_loss(job_, session_, logits, target, labels); };
  const at::Tensor drawn = random_ ? subnets_.index_select(0, counter_).squeeze(0) : at::Tensor();
  return grouped_sandwich_step(session_.network, images, fixed_, drawn, loss, job_.supernet);
}

void DeviceSteps::work() {
  const TrainOptions& options = job_.options;
  const at::Tensor draws = draws_.index_select(0, counter_ * loading_.batch + places_);
  const at::Tensor images = images_->augmented(draws, loading_.augment.cutout), labels = images_->labels(draws);
  session_.flat->zero_gradients();
  const SandwichLoss result = learn(draws, images, labels);
  const at::Tensor scalars = scalars_.index_select(0, counter_).squeeze(0);
  session_.flat->step(scalars.select(0, kRate), options.momentum);
  if (options.average_decay > 0) session_.flat->average(scalars.select(0, kShare));
  const double batch = options.batch;
  added_.select(0, kLoss).add_(result.largest, batch);
  added_.select(0, kSubnetLoss).add_(result.subnets, batch);
  added_.select(0, kRight).add_(result.logits.argmax(1).eq(labels).sum());
  counter_.add_(1);
}

void DeviceSteps::step() {
  bool full = false;
  try {
    const std::uint64_t epoch = session_.step / per_epoch_;
    if (epoch != current_epoch_) begin_epoch(epoch);
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
      std::format("stage '{}': batch {}: out of memory on {} ({} in all, {} free for it)", job_.name, loading_.batch,
                  device_name(job_.device), size_text(memory.total), size_text(memory.free));
  for (std::int64_t batch = loading_.batch / 2; batch >= 2; batch /= 2) {
    try {
      reset_peak(job_.device);
      const at::Tensor draws = draws_.narrow(0, 0, batch);
      learn(draws, images_->augmented(draws, loading_.augment.cutout), images_->labels(draws));
      const double per_image =
          static_cast<double>(device_memory(job_.device).peak - memory.used) / static_cast<double>(batch);
      const auto fits =
          static_cast<std::int64_t>(kUsable * static_cast<double>(memory.free) / std::max(1.0, per_image));
      return std::format("{}; a batch of {} would fit ({} an image)", found,
                         std::clamp(fits, batch, loading_.batch - std::int64_t{1}),
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
}

std::vector<at::Tensor> DeviceSteps::first_batches(const data::LoaderOptions& options, int count) const {
  std::vector<at::Tensor> batches;
  for (std::uint64_t epoch = 0; std::ssize(batches) < count; ++epoch) {
    const auto rows = data::draw_rows(job_.data->info(), job_.splits->train, options, epoch);
    const at::Tensor draws = table_of(rows, data::kDrawColumns).to(job_.device);
    for (const at::Tensor& part : draws.split(options.batch)) {
      if (std::ssize(batches) < count) batches.push_back(images_->augmented(part, options.augment.cutout));
    }
  }
  return batches;
}

}  // namespace triage::train
