#include "train/estimate.h"

#include <algorithm>
#include <cmath>

#include "core/clock.h"
#include "supernet/kernel_choice.h"
#include "train/device/device_steps.h"
#include "train/step.h"

namespace triage::train {
namespace {

constexpr std::size_t kMinSteps = 3, kForwardImages = 1000;

double forward_seconds_per_image(const TrainJob& job, supernet::AnyNetworkImpl& network) {
  const std::span<const std::uint32_t> all(job.splits->train);
  const auto some = all.first(std::min(all.size(), kForwardImages));
  accuracy(network, *job.data, some, job.normalization);  // the first call makes what later ones find
  const auto start = steady_seconds();
  accuracy(network, *job.data, some, job.normalization);
  return seconds_since(start) / static_cast<double>(some.size());
}

}  // namespace

TrainEstimate estimate_training(const TrainJob& with_teacher, double seconds) {
  TrainJob job = with_teacher;
  job.teacher = nullptr;
  job.ask_teacher = nullptr;
  const TrainOptions& options = job.options;
  Session session(job, steps_on_device(job));
  const std::uint64_t per_epoch = job.splits->train.size() / static_cast<std::size_t>(options.batch);
  std::optional<DeviceSteps> device;
  std::optional<data::TrainLoader> loader;
  if (session.flat) {
    device.emplace(job, session, per_epoch * static_cast<std::uint64_t>(options.epochs));
  } else {
    loader.emplace(*job.data, job.splits->train, job.normalization, loader_options(job), 0);
  }
  const auto make_step = [&] {
    if (device) {
      device->step();
      device->sums();  // waits
      return;
    }
    data::Batch batch = loader->next();
    train_step(job, session, batch, 0, 0);
    loader->recycle(std::move(batch));
  };
  // Choosing kernels is done once for all layers of a training; a supernet's first steps do little else.
  const auto now = [] { return steady_seconds() - supernet::kernel_choice().measuring_seconds(); };
  session.network->train();
  double step_seconds = 0, start = now();
  for (std::size_t steps = 0; steps < kMinSteps || now() - start < seconds; ++steps) {
    make_step();
    ++session.step;
    if (steps == 0)
      start = now();
    else
      step_seconds = (now() - start) / static_cast<double>(steps);
  }
  const double epochs = options.epochs, images = static_cast<double>(per_epoch) * options.batch;
  const double validations = std::max(1.0, std::ceil(epochs / options.validate_every));
  const double validated = static_cast<double>(job.splits->validation.size()) + kRecalibrationBatches * options.batch;
  TrainEstimate estimate;
  estimate.images_per_second = options.batch / step_seconds;
  estimate.seconds = epochs * images / estimate.images_per_second +
                     validations * validated * forward_seconds_per_image(job, *session.network);
  if (with_teacher.teacher) {
    const double asked = options.distill.views > 0 ? std::min<double>(epochs, options.distill.views) : epochs;
    estimate.seconds += asked * images * forward_seconds_per_image(job, *with_teacher.teacher);
  }
  return estimate;
}

}  // namespace triage::train
