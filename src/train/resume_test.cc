// A training that is stopped or killed goes on with the same bits. Each part is asked to stop before it begins: it
// takes one step, saves and ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <fstream>
#include <functional>

#include "train/training_test_support.h"

namespace triage::train {
namespace {

// Whether the training was stopped, after one step.
bool stopped_after_a_step(TrainJob job) {
  const std::atomic<bool> stop = true;
  job.context.stop = StopToken(stop);
  try {
    train(job);
    return false;
  } catch (const Interrupted&) {
    return true;
  }
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Losses and accuracies, less what the clock says.
std::vector<Json> epochs_of(const TrainJob& job) {
  std::vector<Json> epochs;
  for (const std::string& line : lines_of(job.run / "metrics.jsonl")) {
    Json epoch = Json::parse(line);
    for (const char* clock : {"seconds", "images_per_s"}) epoch.erase(clock);
    epochs.push_back(std::move(epoch));
  }
  return epochs;
}

TEST(Resume, StoppedAfterEveryStepItEndsWithTheSameBits) {
  Training training;
  const TrainJob whole = training.job("whole"), parts = training.job("parts");
  const TrainResult expected = train(whole);
  int stops = 0;
  while (stopped_after_a_step(parts)) ASSERT_LT(++stops, 10);
  EXPECT_EQ(stops, 3);  // the fourth step is the last
  const TrainResult found = train(parts);
  EXPECT_EQ(found.validation_accuracy, expected.validation_accuracy);
  EXPECT_EQ(found.best_validation_accuracy, expected.best_validation_accuracy);
  expect_equal(weights_of(parts), weights_of(whole));
  EXPECT_EQ(epochs_of(parts), epochs_of(whole));
}

TEST(Resume, KilledBetweenItsFilesAndItsLastCheckpointItEndsWithTheSameBits) {
  Training training;
  const TrainJob job = training.job("run");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stopped_after_a_step(job));
  const fs::path checkpoint = job.run / "checkpoint" / "net.ckpt";
  const std::string before_the_end = read_file(checkpoint);
  train(job);
  const Tensors expected = weights_of(job);
  const std::vector<Json> epochs = epochs_of(job);
  write_file_atomic(checkpoint, before_the_end);  // networks and metrics are further than the checkpoint
  train(job);
  expect_equal(weights_of(job), expected);
  EXPECT_EQ(epochs_of(job), epochs);                        // no line twice
  EXPECT_EQ(lines_of(job.run / "metrics.csv").size(), 3u);  // a header and two epochs
}

TEST(Resume, KilledBeforeItsFirstCheckpointItBeginsAnew) {
  Training training;
  const TrainJob job = training.job("run"), whole = training.job("whole");
  ASSERT_TRUE(stopped_after_a_step(job));
  fs::remove(job.run / "checkpoint" / "net.ckpt");
  train(job);
  train(whole);
  expect_equal(weights_of(job), weights_of(whole));
}

TEST(Resume, WhatIsDoneIsNotDoneAgain) {
  Training training;
  const TrainJob job = training.job("run");
  const TrainResult first = train(job);
  const Tensors weights = weights_of(job);
  const std::vector<std::string> lines = lines_of(job.run / "metrics.jsonl");
  const TrainResult second = train(job);
  EXPECT_EQ(second.validation_accuracy, first.validation_accuracy);
  EXPECT_EQ(second.seconds, first.seconds);
  EXPECT_EQ(lines_of(job.run / "metrics.jsonl"), lines);
  expect_equal(weights_of(job), weights);
}

TEST(Resume, WithAdamWAndClippingItEndsWithTheSameBits) {
  Training training;
  TrainJob whole = training.job("whole"), parts = training.job("parts");
  for (TrainJob* job : {&whole, &parts}) {
    job->options.optimizer = OptimizerKind::adamw;
    job->options.lr = 0.01;
    job->options.clip_norm = 0.5;
    job->options.schedule = Schedule::cosine;
    job->options.no_weight_decay = {"norms", "biases"};
  }
  train(whole);
  while (stopped_after_a_step(parts)) {
  }
  expect_equal(weights_of(parts), weights_of(whole));
}

TEST(Resume, WithMixedImagesItEndsWithTheSameBits) {
  Training training;
  TrainJob whole = training.job("whole"), parts = training.job("parts");
  for (TrainJob* job : {&whole, &parts}) {
    job->options.augment = {.shift = 1,
                            .crop_area = 0.5,
                            .trivial_augment = 1,
                            .brightness = 0.2,
                            .erase = 0.3,
                            .mixup = 0.4,
                            .cutmix = 1,
                            .clean_epochs = 1};
  }
  train(whole);
  while (stopped_after_a_step(parts)) {
  }
  expect_equal(weights_of(parts), weights_of(whole));
  EXPECT_EQ(epochs_of(parts), epochs_of(whole));
}

// With each part of a recipe by itself the images are learnt.
TEST(Recipe, WithEachPartTheLossFalls) {
  Training training;
  const auto changes = std::to_array<std::function<void(TrainOptions&)>>({
      [](TrainOptions& o) { o.schedule = Schedule::cosine, o.final_lr = 0; },
      [](TrainOptions& o) { o.schedule = Schedule::step, o.milestones = {6}; },
      [](TrainOptions& o) { o.optimizer = OptimizerKind::adamw, o.lr = 0.02, o.no_weight_decay = {"norms", "biases"}; },
      [](TrainOptions& o) { o.clip_norm = 1; },
      [](TrainOptions& o) { o.augment.crop_area = 0.5; },
      [](TrainOptions& o) { o.augment.trivial_augment = 0.5; },
      [](TrainOptions& o) { o.augment.brightness = o.augment.contrast = o.augment.saturation = 0.2; },
      [](TrainOptions& o) { o.augment.erase = 0.5; },
      [](TrainOptions& o) { o.augment.mixup = 0.2, o.augment.clean_epochs = 2; },
      [](TrainOptions& o) { o.augment.cutmix = 1, o.augment.clean_epochs = 2; },
  });
  for (std::size_t part = 0; part < changes.size(); ++part) {
    TrainJob job = training.job(("part" + std::to_string(part)).c_str());
    job.options.epochs = 8;
    job.options.batch = 32;
    job.options.lr = 0.2;
    job.options.label_smoothing = 0;
    changes[part](job.options);
    train(job);
    const std::vector<Json> epochs = epochs_of(job);
    EXPECT_LT(epochs.back().at("loss").get<double>(), epochs.front().at("loss").get<double>()) << part;
  }
}

TEST(Resume, WithATeacherItEndsWithTheSameBits) {
  Training training;
  supernet::NetworkOptions options;
  options.bf16 = false;
  supernet::Network teacher(plan::SearchSpace::parse("8-8"), plan::InputShape{3, 8, 8}, 3, options, /*seed=*/9);
  teacher->eval();
  TrainJob whole = training.job("whole"), parts = training.job("parts");
  for (TrainJob* job : {&whole, &parts}) {
    job->teacher = teacher.ptr();
    job->teacher_identity = "a teacher";
    job->options.distill.views = 1;  // the second epoch takes what the first one was told
  }
  train(whole);
  while (stopped_after_a_step(parts)) {
  }
  expect_equal(weights_of(parts), weights_of(whole));
}

TEST(Resume, ASupernetEndsWithTheSameBits) {
  Training training;
  TrainJob whole = training.job("whole"), parts = training.job("parts");
  for (TrainJob* job : {&whole, &parts}) {
    job->space = plan::SearchSpace::parse("4:8:4-8");
    job->supernet.exits = {0};
    job->supernet.random_images = 16;
  }
  train(whole);
  while (stopped_after_a_step(parts)) {
  }
  expect_equal(weights_of(parts), weights_of(whole));
}

TEST(Resume, AnotherTrainingIsRefusedByTheFieldThatDiffers) {
  Training training;
  TrainJob job = training.job("run");
  ASSERT_TRUE(stopped_after_a_step(job));
  job.seed = 2;
  EXPECT_THAT(error_of([&] { train(job); }), testing::HasSubstr("seed: expected 2, found 1"));
  job.seed = 1;
  job.options.lr = 0.125;
  EXPECT_THAT(error_of([&] { train(job); }), testing::HasSubstr("options.lr: expected 0.125"));
}

TEST(CheckJob, RefusesWhatWouldEndWhenItBegins) {
  Training training;
  TrainJob job = training.job("run");
  check_job(job);
  job.options.batch = 1000;
  EXPECT_THROW(check_job(job), Error);
  job = training.job("run");
  job.space = plan::SearchSpace::parse("4-4-4-4-4-4-4");  // 8 pixels cannot be halved so often
  EXPECT_THROW(check_job(job), Error);
}

}  // namespace
}  // namespace triage::train
