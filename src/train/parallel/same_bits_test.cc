// What processes that train together compute: the bits of one, on everything that a recipe may ask for.
#include <gmock/gmock.h>

#include <atomic>

#include "train/parallel/parallel_test_support.h"

namespace triage::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Parallel, TwoProcessesGiveTheBitsOfOneWithTheSameShares) {
  Training training;
  TrainJob alone = training.job("alone"), both = training.job("both");
  alone.parallel.shares = both.parallel.shares = 2;
  const TrainResult expected = train(alone);
  expect_trained(train_together(2, both));
  EXPECT_GT(expected.validation_accuracy, 0);
  expect_equal(weights_of(both), weights_of(alone));
}

TEST(Parallel, TheSharesAreAddedInOrderOnAnyNumberOfProcesses) {
  Training training;
  TrainJob alone = training.job("alone");
  alone.parallel.shares = 4;
  train(alone);
  for (const int processes : {2, 4}) {
    TrainJob job = training.job(processes == 2 ? "two" : "four");
    job.parallel.shares = 4;
    expect_trained(train_together(processes, job));
    expect_equal(weights_of(job), weights_of(alone));
  }
}

TEST(Parallel, ASupernetAndAPupilGiveTheSameBitsToo) {
  Training training;
  const auto job_of = [&](const char* run) {
    TrainJob job = training.job(run);
    job.space = plan::SearchSpace::parse("4:8:2-4:8:2,4:8:2?");
    job.options.residual = true;
    job.supernet.exits = {0};
    job.supernet.random_images = 16;
    job.parallel.shares = 2;
    return job;
  };
  const TrainJob alone = job_of("alone"), both = job_of("both");
  train(alone);
  expect_trained(train_together(2, both));
  expect_equal(weights_of(both), weights_of(alone));

  const TrainJob teacher_job = training.job("teacher");
  train(teacher_job);
  const auto pupil_of = [&](const char* run) {
    TrainJob job = training.job(run);
    job.options.epochs = 4;
    job.options.distill.views = 1;
    job.parallel.shares = 2;
    return job;
  };
  TrainJob pupil = pupil_of("pupil");
  pupil.teacher = load_trained(teacher_job, ComputeType::fp32);
  train(pupil);
  const TrainJob pupils = pupil_of("pupils");
  expect_trained(run_ranks(2, [&](Group& group) {
    TrainJob mine = pupils;
    mine.teacher = load_trained(teacher_job, ComputeType::fp32);
    mine.group = &group;
    train(mine);
  }));
  expect_equal(weights_of(pupils), weights_of(pupil));
}

// Everything of a recipe that looks beyond one image or one share: the norm of all gradients, moments of AdamW, images
// that are mixed with the next one of the batch, which another process has.
TrainJob recipe_job(Training& training, const char* run) {
  TrainJob job = training.job(run);
  job.options.optimizer = OptimizerKind::adamw;
  job.options.lr = 0.01;
  job.options.weight_decay = 0.01;
  job.options.bias_lr_scale = 1;
  job.options.no_weight_decay = {"norms", "biases"};
  job.options.clip_norm = 0.01;
  job.options.schedule = Schedule::cosine;
  job.options.epochs = 3;
  job.options.augment.mixup = job.options.augment.cutmix = 1;
  job.options.augment.clean_epochs = 1;
  job.options.augment.erase = 0.5;
  job.parallel.shares = 4;
  return job;
}

TEST(Parallel, AdamWClippingAndMixedImagesGiveTheSameBits) {
  Training training;
  const TrainJob alone = recipe_job(training, "alone");
  train(alone);
  for (const int processes : {2, 4}) {
    const TrainJob job = recipe_job(training, processes == 2 ? "two" : "four");
    expect_trained(train_together(processes, job));
    expect_equal(weights_of(job), weights_of(alone));
  }
  TrainJob unclipped = recipe_job(training, "unclipped");
  unclipped.options.clip_norm = 0;
  train(unclipped);
  const Tensors clipped = weights_of(alone), others = weights_of(unclipped);
  EXPECT_TRUE(std::ranges::any_of(clipped, [&](const auto& t) { return !at::equal(t.second, others.at(t.first)); }));
}

// Of the job in whichever run directory, which lasts no longer than this.
void expect_bits_of_one(const std::function<TrainJob(const char* run)>& job_of) {
  const TrainJob alone = job_of("of_one"), both = job_of("of_two");
  train(alone);
  expect_trained(train_together(2, both));
  expect_equal(weights_of(both), weights_of(alone));
  fs::remove_all(alone.run);
  fs::remove_all(both.run);
}

TEST(Parallel, SgdWithClippingAndEachWayToMixGiveTheSameBits) {
  Training training;
  const auto job_of = [&](const char* run, bool pasted) {
    TrainJob job = training.job(run);
    job.options.clip_norm = 0.01;
    (pasted ? job.options.augment.cutmix : job.options.augment.mixup) = 0.5;
    job.options.class_weights = ClassWeights::balanced;
    job.parallel.shares = 2;
    return job;
  };
  for (const bool pasted : {false, true}) expect_bits_of_one([&](const char* run) { return job_of(run, pasted); });
}

// A teacher that is a function of the images, as an imported net is: what it said about images of another process is
// kept there, too.
TEST(Parallel, ATeacherThatIsAFunctionGivesTheSameBitsAlsoOnMixedImages) {
  Training training;
  const auto job_of = [&](const char* run, bool mixed) {
    TrainJob job = training.job(run);
    job.options.epochs = 4;
    job.options.distill.views = mixed ? 0 : 2;
    if (mixed) job.options.augment.mixup = 1;
    job.ask_teacher = [](const at::Tensor& images) {
      const at::NoGradGuard no_grad;
      return images.to(at::kFloat).mean(at::IntArrayRef{2, 3}) * 3;
    };
    job.teacher_identity = "the mean of each channel";
    job.parallel.shares = 2;
    return job;
  };
  for (const bool mixed : {false, true}) expect_bits_of_one([&](const char* run) { return job_of(run, mixed); });
}

TEST(Parallel, ARunGoesOnWithAnotherNumberOfProcesses) {
  Training training;
  TrainJob whole = training.job("whole"), parts = training.job("parts");
  whole.parallel.shares = parts.parallel.shares = 2;
  train(whole);
  const std::atomic<bool> stop = true;
  TrainJob stopped = parts;
  stopped.context.stop = StopToken(stop);
  for (const std::string& error : train_together(2, stopped)) EXPECT_THAT(error, HasSubstr("stopped at step 1 of 4"));
  EXPECT_THAT(error_of([&] { train(stopped); }), HasSubstr("stopped at step 2 of 4"));  // one process
  expect_trained(train_together(2, parts));
  expect_equal(weights_of(parts), weights_of(whole));
}

TEST(Parallel, OneRanksStopStopsAll) {
  Training training;
  const TrainJob job = training.job("run");
  const std::atomic<bool> stop = true;
  const auto errors = run_ranks(2, [&](Group& group) {
    TrainJob mine = job;
    mine.group = &group;
    if (!group.first()) mine.context.stop = StopToken(stop);
    train(mine);
  });
  for (const std::string& error : errors) EXPECT_THAT(error, HasSubstr("stopped at step 1 of 4"));
}

TEST(Parallel, ARankOfAnotherJobIsRefused) {
  Training training;
  const auto errors = run_ranks(2, [&](Group& group) {
    TrainJob mine = training.job("run");
    mine.group = &group;
    if (!group.first()) mine.options.lr = 0.25;
    train(mine);
  });
  for (const std::string& error : errors)
    EXPECT_THAT(error, AllOf(HasSubstr("rank 1 ("), HasSubstr("stage 'net': options.lr: expected 0.6, found 0.25")));
}

// One process has the statistics of the whole batch anyway: what two compute differs from it by rounding alone.
TEST(Parallel, SynchronisedStatisticsAreThoseOfTheWholeBatch) {
  Training training;
  TrainJob alone = training.job("alone"), both = training.job("both"), local = training.job("local");
  for (TrainJob* job : {&alone, &both, &local}) job->options.epochs = 1;
  alone.parallel.synchronised = both.parallel.synchronised = true;
  train(alone);
  expect_trained(train_together(2, both));
  expect_trained(train_together(2, local));
  const Tensors expected = weights_of(alone), found = weights_of(both), apart = weights_of(local);
  double error = 0, difference = 0;
  for (const auto& [name, tensor] : expected) {
    error = std::max(error, (found.at(name) - tensor).abs().max().item<double>());
    difference = std::max(difference, (apart.at(name) - tensor).abs().max().item<double>());
  }
  EXPECT_LT(error, 1e-4);
  EXPECT_GT(difference, 10 * error);  // of statistics that are not synchronised
}

}  // namespace
}  // namespace triage::train
