// The training loop: epochs of steps; checkpoints, stop, divergence.
#include "train/trainer.h"

#include <cmath>

#include "core/clock.h"
#include "core/progress.h"
#include "supernet/kernel_choice.h"
#include "train/device/device_steps.h"
#include "train/files/checkpoint.h"
#include "train/parallel/shared_step.h"
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
      data::LoaderOptions loading = loader_options(job);
      if (in_shares(job)) {
        shared_.emplace(job, session);
        loading.first = shared_->shares().begin();
        loading.count = shared_->shares().count();
      }
      loader_.emplace(*job.data, job.splits->train, job.normalization, loading, session.step);
      per_epoch_ = loader_->steps_per_epoch();
      return;
    }
    per_epoch_ = job.splits->train.size() / static_cast<std::size_t>(job.options.batch);
    device_.emplace(job, session, per_epoch_ * static_cast<std::uint64_t>(job.options.epochs));
  }
  std::uint64_t per_epoch() const { return per_epoch_; }
  const DeviceSteps* device() const { return device_ ? &*device_ : nullptr; }

  bool stop_requested() const {  // the same on every rank
    return shared_ ? shared_->stop_requested() : job_.context.stop.requested();
  }

  // The step's mean loss; none where the device is still at it.
  std::optional<double> step(double rate) {
    if (device_) {
      device_->step();
      return std::nullopt;
    }
    data::Batch batch = loader_->next();
    const double loss =
        train_step(job_, session_, batch, session_.step / per_epoch_, rate, shared_ ? &*shared_ : nullptr);
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
  std::optional<SharedSteps> shared_;
  std::optional<data::TrainLoader> loader_;
  std::optional<DeviceSteps> device_;
};

bool writes(const TrainJob& job) { return job.group == nullptr || job.group->first(); }

// Rank 0's result, for all, once its files are there.
TrainResult result_of_all(const TrainJob& job, Session& session) {
  if (writes(job)) session.write_networks();
  if (job.group != nullptr) {
    hand_out(*job.group, session);
    job.group->barrier();
  }
  return result_of(job, session);
}

void train_steps(const TrainJob& job, Session& session, bool resumed) {
  const bool on_device = session.flat != nullptr;
  const TrainOptions& options = job.options;
  Steps steps(job, session);
  const std::uint64_t per_epoch = steps.per_epoch(), total = per_epoch * options.epochs;
  Progress progress(job.context, "train " + job.name, total * options.batch, "images", session.step * options.batch);
  if (resumed)
    progress.line(std::format("{}: resumed at step {} of {}{}", job.name, session.step, total, session.moved()));

  const double chance = std::log(static_cast<double>(session.network->classes()));
  const double limit = 20 * chance * (job.has_teacher() ? std::max(1.0, std::pow(options.distill.temperature, 2)) : 1);
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
    if (writes(job)) validate(job, session, steps.device());
    if (writes(job)) session.save();
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
      if (validates && writes(job)) validate(job, session, steps.device());
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
      if (job.space->subnets() > 1) {
        line.subnet_loss = session.epoch_subnet_loss / images;
        line.subnet_seed = subnet_seed(job);
        if (validates) line.smallest_validation_accuracy = session.smallest;
      }
      if (writes(job)) session.log(line);
      progress.line(std::format("{} epoch {:3d}/{}: loss {:.4f}  train {:.2f} %{}  {:.0f} images/s", job.name,
                                epoch + 1, options.epochs, session.epoch_loss / images,
                                100 * session.epoch_right / images, validation_text(session), images_per_s));
      session.epoch_loss = session.epoch_right = session.epoch_subnet_loss = 0;
    }
    const bool stop = steps.stop_requested() && !session.done;
    if (session.done || stop || seconds_since(saved) > job.checkpoint_seconds) {
      steps.settle();
      if (on_device && !std::isfinite(session.epoch_loss)) check_loss(session.epoch_loss, rate);
      session.seconds = elapsed();
      if (writes(job)) session.save();
      saved = steady_seconds();
    }
    if (stop) {
      throw Interrupted(std::format("stopped at step {} of {} of '{}'; the same command goes on from here",
                                    session.step, total, job.name));
    }
    progress.update(session.step * options.batch, std::format("loss {:.3f}{}", smoothed, validation_text(session)));
  }
  progress.finish(std::format("validation {:.2f} %", 100 * session.validation));
}

}  // namespace

TrainResult train(const TrainJob& job) {
  // Measured choices are a machine's and a number of threads': shares that are given promise more.
  const supernet::KernelsByRule by_rule(job.deterministic || job.parallel.shares > 0);
  if (job.group != nullptr) {
    check_job(job);
    job.group->agree("stage '" + job.name + "'", without_device(identity_of(job)));
  }
  Session session(job, !in_shares(job) && steps_on_device(job));
  const bool resumed = writes(job) && session.restore();
  if (job.group != nullptr) hand_out(*job.group, session);
  if (!session.done) {
    check_job(job);
    if (writes(job)) session.begin_metrics();
    try {
      train_steps(job, session, resumed);
    } catch (const PeerLost& lost) {  // in the middle of a step, which did not change the session
      if (writes(job)) session.save();
      throw PeerLost(std::format("{}; training stopped at step {} of '{}', the same command goes on from there",
                                 lost.what(), session.step, job.name),
                     lost.rank);
    }
  }
  return result_of_all(job, session);
}

}  // namespace triage::train
