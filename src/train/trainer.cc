// The training loop: epochs of steps; checkpoints, stop, divergence.
#include "train/trainer.h"

#include <cmath>

#include "core/clock.h"
#include "core/progress.h"
#include "train/device/device_steps.h"
#include "train/step.h"

namespace triage::train {
namespace {

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

// Where the steps of a training come from: batches of a loader, or a device that has the images.
class Steps {
 public:
  Steps(const TrainJob& job, Session& session) : job_(job), session_(session) {
    if (!session.flat) {
      loader_.emplace(*job.data, job.splits->train, job.normalization, loader_options(job), session.step);
      per_epoch_ = loader_->steps_per_epoch();
      return;
    }
    per_epoch_ = job.splits->train.size() / static_cast<std::size_t>(job.options.batch);
    device_.emplace(job, session, per_epoch_ * static_cast<std::uint64_t>(job.options.epochs));
  }
  std::uint64_t per_epoch() const { return per_epoch_; }
  const DeviceSteps* device() const { return device_ ? &*device_ : nullptr; }

  // The step's mean loss; none where the device is still at it.
  std::optional<double> step(double rate) {
    if (device_) {
      device_->step();
      return std::nullopt;
    }
    data::Batch batch = loader_->next();
    const double loss = train_step(job_, session_, batch, session_.step / per_epoch_, rate);
    loader_->recycle(std::move(batch));
    return loss;
  }
  void settle() {  // the session's sums know all steps from here on
    if (device_) device_->sums();
  }

 private:
  const TrainJob& job_;
  Session& session_;
  std::uint64_t per_epoch_ = 0;
  std::optional<data::TrainLoader> loader_;
  std::optional<DeviceSteps> device_;
};

}  // namespace

TrainResult train(const TrainJob& job) {
  const bool on_device = steps_on_device(job);
  Session session(job, on_device);
  const bool resumed = session.restore();
  if (session.done) {
    session.write_networks();
    return result_of(job, session);
  }
  check_job(job);
  const TrainOptions& options = job.options;
  Steps steps(job, session);
  const std::uint64_t per_epoch = steps.per_epoch(), total = per_epoch * options.epochs;
  Progress progress(job.context, "train " + job.name, total * options.batch, "images", session.step * options.batch);
  if (resumed) progress.line(std::format("{}: resumed at step {} of {}", job.name, session.step, total));

  const double chance = std::log(static_cast<double>(session.network->classes()));
  const double limit = 20 * chance * (job.teacher ? std::max(1.0, std::pow(options.distill.temperature, 2)) : 1);
  double smoothed = -1;
  double mark = steady_seconds(), saved = mark;
  const double seconds_before = session.seconds;
  const std::uint64_t first_step = session.step;
  const auto elapsed = [&] { return seconds_before + seconds_since(mark); };
  const auto check_loss = [&](double loss, double rate) {
    smoothed = smoothed < 0 || on_device ? loss : 0.9 * smoothed + 0.1 * loss;
    if (std::isfinite(loss) && smoothed <= limit) return;
    fail(
        "stage '{}' diverged at step {} (learning rate {:.4g}): expected a finite loss below {:.1f}, found {:.4g}. "
        "Lower lr, or lengthen warmup; {} keeps the last good state.",
        job.name, session.step, rate, limit, loss, (job.run / "checkpoint" / (job.name + ".ckpt")).string());
  };
  session.network->train();
  if (total == 0) {
    session.done = true;
    validate(job, session, steps.device());
    session.save();
  }
  while (session.step < total) {
    const std::uint64_t epoch = session.step / per_epoch;
    const double rate = learning_rate(options, session.step, total);
    if (const std::optional<double> loss = steps.step(rate)) check_loss(*loss, rate);
    ++session.step;
    const bool epoch_ends = session.step % per_epoch == 0;
    if (epoch_ends) {
      const double images = static_cast<double>(per_epoch) * options.batch;
      steps.settle();
      if (on_device) check_loss(session.epoch_loss / images, rate);
      session.done = session.step == total;
      const bool validates = session.done || (epoch + 1) % options.validate_every == 0;
      if (validates) validate(job, session, steps.device());
      session.network->train();
      session.seconds = elapsed();
      const double images_per_s =
          static_cast<double>(session.step - first_step) * options.batch / (session.seconds - seconds_before);
      results::TrainingStep line{.stage = job.name,
                                 .epoch = static_cast<std::int64_t>(epoch + 1),
                                 .step = static_cast<std::int64_t>(session.step),
                                 .loss = session.epoch_loss / images,
                                 .train_accuracy = session.epoch_right / images,
                                 .rate = rate,
                                 .images_per_s = images_per_s,
                                 .seconds = session.seconds};
      if (validates) line.validation_accuracy = session.validation;
      if (job.space.subnets() > 1) {
        line.subnet_loss = session.epoch_subnet_loss / images;
        line.subnet_seed = subnet_seed(job);
        if (validates) line.smallest_validation_accuracy = session.smallest;
      }
      session.log(line);
      progress.line(std::format("{} epoch {:3d}/{}: loss {:.4f}  train {:.2f} %{}  {:.0f} images/s", job.name,
                                epoch + 1, options.epochs, session.epoch_loss / images,
                                100 * session.epoch_right / images, validation_text(session), images_per_s));
      session.epoch_loss = session.epoch_right = session.epoch_subnet_loss = 0;
    }
    const bool stop = job.context.stop.requested() && !session.done;
    if (session.done || stop || seconds_since(saved) > job.checkpoint_seconds) {
      steps.settle();
      if (on_device && !std::isfinite(session.epoch_loss)) check_loss(session.epoch_loss, rate);
      session.seconds = elapsed();
      session.save();
      saved = steady_seconds();
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
