// The training loop.
//   train_step     forward, backward and optimiser, of one network or of the step's subnets
//   validate       the averaged weights, recalibrated
//   train          epochs of steps; checkpoints, stop, divergence
#include "train/trainer.h"

#include <chrono>
#include <cmath>

#include "core/progress.h"
#include "core/rng.h"
#include "train/class_weights.h"
#include "train/sandwich.h"
#include "train/session.h"
#include "train/subnets.h"

namespace triage::train {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kRecalibrationBatches = 20;

data::PixelType pixel_type(Precision precision) {
  return precision == Precision::bf16 ? data::PixelType::bf16 : data::PixelType::fp32;
}

data::LoaderOptions loader_options(const TrainJob& job) {
  data::LoaderOptions options;
  options.batch = job.options.batch;
  options.seed = derive_seed(job.seed, "batches of " + job.name);
  options.pixels = pixel_type(job.precision);
  options.augment = job.options.augment;
  if (job.teacher) options.views = job.options.distill.views;
  return options;
}

// Exact statistics for the current weights, from the first augmented batches of a stream of its own. Without cutout:
// the images to be classified have no holes.
void recalibrate(const TrainJob& job, supernet::Network& network) {
  const torch::NoGradGuard no_grad;
  data::LoaderOptions options = loader_options(job);
  options.seed = derive_seed(job.seed, "recalibration of " + job.name);
  options.augment.cutout = 0;
  data::TrainLoader loader(*job.data, job.splits->train, job.normalization, options, 0);
  network->train();
  network->recalibrate_begin();
  for (int i = 0; i < kRecalibrationBatches; ++i) {
    const data::Batch batch = loader.next();
    network->forward(to_tensor(batch, *job.data, options.pixels, job.device));
  }
  network->recalibrate_end();
}

// Validates the averaged weights and keeps them when they are the best so far.
void validate(const TrainJob& job, Session& session) {
  const bool averaged = job.options.average_decay > 0;
  const supernet::NamedTensors raw =
      averaged ? supernet::clone_state(session.network->state()) : supernet::NamedTensors{};
  if (averaged) session.average.store();
  recalibrate(job, session.network);
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

std::uint64_t subnet_seed(const TrainJob& job) { return derive_seed(job.seed, "subnets of " + job.name); }

// One step; returns the mean loss and adds to the epoch's sums.
double train_step(const TrainJob& job, Session& session, const data::Batch& batch, std::uint64_t epoch, double rate) {
  const at::Tensor images = to_tensor(batch, *job.data, pixel_type(job.precision), job.device);
  const at::Tensor labels =
      at::from_blob(const_cast<std::int64_t*>(batch.labels.data()), {batch.size}, at::kLong).to(job.device);
  at::Tensor target;
  if (session.teacher) target = (*session.teacher)(images, batch, epoch);
  const TrainOptions& options = job.options;
  const auto loss = [&](const at::Tensor& logits) {
    return session.teacher ? distillation_loss(logits, target, labels, options.distill.temperature, options.distill.mix,
                                               options.label_smoothing, session.class_weights)
                           : at::cross_entropy_loss(logits, labels, session.class_weights, at::Reduction::Mean, -100,
                                                    options.label_smoothing);
  };
  const SandwichLoss result =
      sandwich_step(session.network, images, sandwich_subnets(job.space, job.supernet, subnet_seed(job), session.step),
                    loss, job.supernet);
  session.sgd.step({.learning_rate = rate, .momentum = options.momentum});
  if (options.average_decay > 0) {
    // A short memory first: the average must not carry the initial weights along.
    const double warm = static_cast<double>(session.step + 1) / static_cast<double>(session.step + 10);
    session.average.update(std::min(options.average_decay, warm));
  }
  session.epoch_loss += result.largest * batch.size;
  session.epoch_subnet_loss += result.subnets * batch.size;
  session.epoch_right += result.logits.argmax(1).eq(labels).sum().item<double>();
  return result.largest;
}

// "  validation 92.30 %", or nothing before the first one; of a supernet "  validation 92.30 to 80.10 %".
std::string validation_text(const Session& session) {
  if (session.validation <= 0) return {};
  if (session.smallest <= 0) return std::format("  validation {:.2f} %", 100 * session.validation);
  return std::format("  validation {:.2f} to {:.2f} %", 100 * session.validation, 100 * session.smallest);
}

TrainResult result_of(const TrainJob& job, const Session& session) {
  const double images = static_cast<double>(session.step) * job.options.batch;
  return {session.validation, session.best, session.seconds, session.seconds > 0 ? images / session.seconds : 0};
}

}  // namespace

TrainResult train(const TrainJob& job) {
  Session session(job);
  const bool resumed = session.restore();
  if (session.done) {
    session.write_networks();
    return result_of(job, session);
  }
  check_job(job);
  const TrainOptions& options = job.options;
  session.class_weights = class_weights(options.class_weights, *job.data, job.splits->train);
  if (session.class_weights) session.class_weights = session.class_weights->to(job.device);
  data::TrainLoader loader(*job.data, job.splits->train, job.normalization, loader_options(job), session.step);
  const std::uint64_t per_epoch = loader.steps_per_epoch(), total = per_epoch * options.epochs;
  Progress progress("train " + job.name, total * options.batch, "images", session.step * options.batch);
  if (resumed) progress.line(std::format("{}: resumed at step {} of {}", job.name, session.step, total));

  const double chance = std::log(static_cast<double>(session.network->classes()));
  double smoothed = -1;
  auto mark = Clock::now(), saved = mark;
  const double seconds_before = session.seconds;
  const std::uint64_t first_step = session.step;
  const auto elapsed = [&] { return seconds_before + std::chrono::duration<double>(Clock::now() - mark).count(); };
  session.network->train();
  if (total == 0) {
    session.done = true;
    validate(job, session);
    session.save();
  }
  while (session.step < total) {
    data::Batch batch = loader.next();
    const std::uint64_t epoch = session.step / per_epoch;
    const double rate = learning_rate(options, session.step, total);
    const double loss = train_step(job, session, batch, epoch, rate);
    loader.recycle(std::move(batch));
    smoothed = smoothed < 0 ? loss : 0.9 * smoothed + 0.1 * loss;
    const double limit = 20 * chance * (job.teacher ? std::max(1.0, std::pow(options.distill.temperature, 2)) : 1);
    if (!std::isfinite(loss) || smoothed > limit) {
      fail(
          "stage '{}' diverged at step {} (learning rate {:.4g}): expected a finite loss below {:.1f}, found {:.4g}. "
          "Lower lr, or lengthen warmup; {} keeps the last good state.",
          job.name, session.step, rate, limit, loss, (job.run / "checkpoint" / (job.name + ".ckpt")).string());
    }
    ++session.step;
    const bool epoch_ends = session.step % per_epoch == 0;
    if (epoch_ends) {
      const double images = static_cast<double>(per_epoch) * options.batch;
      session.done = session.step == total;
      const bool validates = session.done || (epoch + 1) % options.validate_every == 0;
      if (validates) validate(job, session);
      session.network->train();
      session.seconds = elapsed();
      Json line = {{"stage", job.name},
                   {"epoch", epoch + 1},
                   {"step", session.step},
                   {"loss", session.epoch_loss / images},
                   {"train_accuracy", session.epoch_right / images},
                   {"lr", rate},
                   {"images_per_s", static_cast<double>(session.step - first_step) * options.batch /
                                        (session.seconds - seconds_before)},
                   {"seconds", session.seconds}};
      if (validates) line["validation_accuracy"] = session.validation;
      if (job.space.subnets() > 1) {
        line["subnet_loss"] = session.epoch_subnet_loss / images;
        line["subnet_seed"] = subnet_seed(job);
        if (validates) line["smallest_validation_accuracy"] = session.smallest;
      }
      session.log(line);
      progress.line(std::format("{} epoch {:3d}/{}: loss {:.4f}  train {:.2f} %{}  {:.0f} images/s", job.name,
                                epoch + 1, options.epochs, session.epoch_loss / images,
                                100 * session.epoch_right / images, validation_text(session),
                                line["images_per_s"].get<double>()));
      session.epoch_loss = session.epoch_right = session.epoch_subnet_loss = 0;
    }
    const bool stop = stop_requested() && !session.done;
    if (session.done || stop || std::chrono::duration<double>(Clock::now() - saved).count() > job.checkpoint_seconds) {
      session.seconds = elapsed();
      session.save();
      saved = Clock::now();
    }
    if (stop) {
      throw Interrupted(std::format("stopped at step {} of {} of '{}'; the same command goes on from here",
                                    session.step, total, job.name));
    }
    progress.update(session.step * options.batch, std::format("loss {:.3f}{}", smoothed, validation_text(session)));
  }
  progress.finish(std::format("validation {:.2f} %", 100 * session.validation));
  session.write_networks();
  return result_of(job, session);
}

}  // namespace triage::train
