#include "train/step.h"

#include "core/rng.h"
#include "train/device/device_steps.h"
#include "train/sandwich.h"
#include "train/subnets.h"

namespace triage::train {
namespace {

data::PixelType pixel_type(ComputeType precision) {
  return precision == ComputeType::bf16 ? data::PixelType::bf16 : data::PixelType::fp32;
}

// Exact statistics for the current weights, from the first augmented batches of a stream of its own. Without cutout:
// the images to be classified have no holes.
void recalibrate(const TrainJob& job, supernet::Network& network, const DeviceSteps* device) {
  const torch::NoGradGuard no_grad;
  data::LoaderOptions options = loader_options(job);
  options.seed = derive_seed(job.seed, "recalibration of " + job.name);
  options.augment.cutout = 0;
  network->train();
  network->recalibrate_begin();
  if (device) {
    for (const at::Tensor& images : device->first_batches(options, kRecalibrationBatches)) network->forward(images);
  } else {
    data::TrainLoader loader(*job.data, job.splits->train, job.normalization, options, 0);
    for (int i = 0; i < kRecalibrationBatches; ++i) {
      const data::Batch batch = loader.next();
      network->forward(to_tensor(batch, *job.data, options.pixels, job.device));
    }
  }
  network->recalibrate_end();
}

}  // namespace

data::LoaderOptions loader_options(const TrainJob& job) {
  data::LoaderOptions options;
  options.batch = job.options.batch;
  options.seed = derive_seed(job.seed, "batches of " + job.name);
  options.pixels = pixel_type(job.precision);
  options.augment = job.options.augment;
  if (job.teacher) options.views = job.options.distill.views;
  return options;
}

std::uint64_t subnet_seed(const TrainJob& job) { return derive_seed(job.seed, "subnets of " + job.name); }

at::Tensor training_loss(const TrainJob& job, const Session& session, const at::Tensor& logits,
                         const at::Tensor& teacher, const at::Tensor& labels) {
  const TrainOptions& options = job.options;
  return session.teacher ? distillation_loss(logits, teacher, labels, options.distill.temperature, options.distill.mix,
                                             options.label_smoothing, session.class_weights)
                         : at::cross_entropy_loss(logits, labels, session.class_weights, at::Reduction::Mean, -100,
                                                  options.label_smoothing);
}

// A short memory first: the average must not carry the initial weights along.
double average_decay(const TrainOptions& options, std::uint64_t step) {
  return std::min(options.average_decay, static_cast<double>(step + 1) / static_cast<double>(step + 10));
}

double train_step(const TrainJob& job, Session& session, const data::Batch& batch, std::uint64_t epoch, double rate) {
  const at::Tensor images = to_tensor(batch, *job.data, pixel_type(job.precision), job.device);
  const at::Tensor labels =
      at::from_blob(const_cast<std::int64_t*>(batch.labels.data()), {batch.size}, at::kLong).to(job.device);
  at::Tensor target;
  if (session.teacher) target = (*session.teacher)(images, batch, epoch);
  const TrainOptions& options = job.options;
  const auto loss = [&](const at::Tensor& logits) { return training_loss(job, session, logits, target, labels); };
  const SandwichLoss result =
      sandwich_step(session.network, images, sandwich_subnets(job.space, job.supernet, subnet_seed(job), session.step),
                    loss, job.supernet);
  session.sgd.step({.learning_rate = rate, .momentum = options.momentum});
  if (options.average_decay > 0) session.average.update(average_decay(options, session.step));
  const double largest = result.largest.item<double>();
  session.epoch_loss += largest * batch.size;
  session.epoch_subnet_loss += result.subnets.item<double>() * batch.size;
  session.epoch_right += result.logits.argmax(1).eq(labels).sum().item<double>();
  return largest;
}

void validate(const TrainJob& job, Session& session, const DeviceSteps* device) {
  const bool averaged = job.options.average_decay > 0;
  const supernet::NamedTensors raw =
      averaged ? supernet::clone_state(session.network->state()) : supernet::NamedTensors{};
  if (averaged) session.average.store();
  recalibrate(job, session.network, device);
  const auto of = [&](supernet::Network network) {
    return accuracy(network, *job.data, job.splits->validation, job.normalization);
  };
  if (job.space.subnets() == 1) {
    session.validation = of(session.network);
  } else {
    const SubnetCutter cutter(session.network, *job.data, job.splits->train, job.normalization);
    const std::vector<plan::ArchSpec> subnets = sandwich_subnets(job.space, job.supernet, 0, 0);
    session.validation = of(subnets[0] == job.space.largest() ? session.network : cutter.cut(subnets[0]));
    session.smallest = subnets.size() > 1 ? of(cutter.cut(subnets[1])) : 0;
  }
  if (session.validation > session.best) {
    session.best = session.validation;
    supernet::copy_state(session.best_state, session.network->state(), job.name);
  }
  if (averaged && !session.done) supernet::copy_state(session.network->state(), raw, job.name);
}

}  // namespace triage::train
