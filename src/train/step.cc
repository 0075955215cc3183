#include "train/step.h"

#include "core/rng.h"
#include "train/device/device_steps.h"
#include "train/parallel/shared_step.h"
#include "train/sandwich.h"
#include "train/subnets.h"

namespace triage::train {
namespace {

data::PixelType pixel_type(ComputeType precision) {
  return precision == ComputeType::bf16 ? data::PixelType::bf16 : data::PixelType::fp32;
}

Labels labels_of(const data::Batch& batch, at::Device device) {
  const auto classes = [&](const std::vector<std::int64_t>& of) {
    return at::from_blob(const_cast<std::int64_t*>(of.data()), {batch.size}, at::kLong).to(device);
  };
  if (batch.shares.empty()) return Labels(classes(batch.labels));
  return {classes(batch.labels), classes(batch.partners),
          at::from_blob(const_cast<float*>(batch.shares.data()), {batch.size}, at::kFloat).to(device)};
}

// Exact statistics for the current weights, from the first batches of a stream of its own, shifted and flipped alone:
// the images to be classified have no holes and are not mixed.
void recalibrate(const TrainJob& job, supernet::AnyNetworkImpl& network, const DeviceSteps* device) {
  const torch::NoGradGuard no_grad;
  data::LoaderOptions options = loader_options(job);
  options.seed = derive_seed(job.seed, "recalibration of " + job.name);
  options.augment = {.shift = options.augment.shift, .flip = options.augment.flip};
  network.train();
  network.recalibrate_begin();
  if (device) {
    for (const at::Tensor& images : device->first_batches(options, kRecalibrationBatches)) network.forward(images);
  } else {
    data::TrainLoader loader(*job.data, job.splits->train, job.normalization, options, 0);
    for (int i = 0; i < kRecalibrationBatches; ++i) {
      const data::Batch batch = loader.next();
      network.forward(to_tensor(batch, options.pixels, job.device));
    }
  }
  network.recalibrate_end();
}

}  // namespace

data::LoaderOptions loader_options(const TrainJob& job) {
  data::LoaderOptions options;
  options.batch = job.options.batch;
  options.seed = derive_seed(job.seed, "batches of " + job.name);
  options.pixels = pixel_type(job.precision);
  options.augment = job.options.augment;
  options.mixed_epochs = static_cast<std::uint64_t>(job.options.epochs - job.options.augment.clean_epochs);
  if (job.has_teacher()) options.views = job.options.distill.views;
  return options;
}

std::uint64_t subnet_seed(const TrainJob& job) { return derive_seed(job.seed, "subnets of " + job.name); }

at::Tensor training_loss(const TrainJob& job, const Session& session, const at::Tensor& logits,
                         const at::Tensor& teacher, const Labels& labels) {
  const TrainOptions& options = job.options;
  return session.teacher ? distillation_loss(logits, teacher, labels, options.distill.temperature, options.distill.mix,
                                             options.label_smoothing, session.class_weights)
                         : label_loss(logits, labels, session.class_weights, options.label_smoothing);
}

supernet::AdamWOptions adamw_options(const TrainOptions& options) {
  return {options.beta1, options.beta2, options.epsilon};
}

// A short memory first: the average must not carry the initial weights along.
double average_decay(const TrainOptions& options, std::uint64_t step) {
  return std::min(options.average_decay, static_cast<double>(step + 1) / static_cast<double>(step + 10));
}

Learned learn(const TrainJob& job, Session& session, const at::Tensor& images, const data::Batch& part,
              std::uint64_t epoch, const SupernetOptions& supernet, const std::function<void()>& before_last) {
  const Labels labels = labels_of(part, job.device);
  at::Tensor target;
  if (session.teacher) target = (*session.teacher)(images, part, epoch);
  const auto loss = [&](const at::Tensor& logits) { return training_loss(job, session, logits, target, labels); };
  const SandwichLoss result =
      sandwich_step(*session.network, images, sandwich_subnets(job.space, job.supernet, subnet_seed(job), session.step),
                    loss, supernet, before_last);
  return {result.largest.item<double>(), result.subnets.item<double>(),
          number_right(result.logits, labels).item<double>()};
}

double train_step(const TrainJob& job, Session& session, const data::Batch& batch, std::uint64_t epoch, double rate,
                  SharedSteps* shared) {
  const TrainOptions& options = job.options;
  const Learned learned =
      shared != nullptr
          ? shared->learn(batch, epoch)
          : learn(job, session, to_tensor(batch, pixel_type(job.precision), job.device), batch, epoch, job.supernet);
  supernet::OptimizerStep update{.learning_rate = rate, .number = session.step + 1};
  if (options.clip_norm > 0)
    update.gradient_scale = supernet::clip_scale(supernet::gradient_norm(session.groups), options.clip_norm);
  session.optimizer->step(update);
  if (options.average_decay > 0) session.average.update(average_decay(options, session.step));
  session.epoch_loss += learned.loss * options.batch;
  session.epoch_subnet_loss += learned.subnet_loss * options.batch;
  session.epoch_right += learned.right;
  return learned.loss;
}

void validate(const TrainJob& job, Session& session, const DeviceSteps* device) {
  const bool averaged = job.options.average_decay > 0;
  const supernet::NamedTensors raw =
      averaged ? supernet::clone_state(session.network->state()) : supernet::NamedTensors{};
  if (averaged) session.average.store();
  recalibrate(job, *session.network, device);
  const auto of = [&](supernet::AnyNetworkImpl& network) {
    return accuracy(network, *job.data, job.splits->validation, job.normalization);
  };
  if (job.space->subnets() == 1) {
    session.validation = of(*session.network);
  } else {
    const SubnetCutter cutter(session.network, *job.data, job.splits->train, job.normalization);
    const std::vector<family::ArchSpec> subnets = sandwich_subnets(job.space, job.supernet, 0, 0);
    session.validation = of(subnets[0] == job.space->largest() ? *session.network : *cutter.cut(subnets[0]));
    session.smallest = subnets.size() > 1 ? of(*cutter.cut(subnets[1])) : 0;
  }
  if (session.validation > session.best) {
    session.best = session.validation;
    supernet::copy_state(session.best_state, session.network->state(), job.name);
  }
  if (averaged && !session.done) supernet::copy_state(session.network->state(), raw, job.name);
}

}  // namespace triage::train
