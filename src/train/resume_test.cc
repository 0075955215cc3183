// A training that is stopped or killed goes on with the same bits. Each part is asked to stop before it begins: it
// takes one step, saves and ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "core/test_support.h"
#include "data/import/import.h"
#include "train/trainer.h"

namespace triage::train {
namespace {

class Training {
 public:
  Training() {
    set_threads(1);
    data::write_dataset(data::generate({.classes = 3, .height = 8, .width = 8, .train_count = 160, .test_count = 4}),
                        directory_ / "d.tds");
    dataset_.emplace(data::Dataset::open(directory_ / "d.tds"));
    splits_ = data::make_splits(*dataset_, {.route = 16, .validation = 16, .seed = 1});
  }

  // A job in a run directory of its own: 4 steps in 2 epochs.
  TrainJob job(const char* run) {
    TrainJob job;
    job.name = "net";
    job.space = plan::SearchSpace::only(plan::ArchSpec::parse("4-8"));
    job.options.epochs = 2;
    job.options.batch = 64;
    job.options.augment.shift = 1;
    job.precision = ComputeType::fp32;
    job.data = &*dataset_;
    job.splits = &splits_;
    job.normalization = data::measure_normalization(*dataset_, splits_.train);
    job.run = directory_ / run;
    fs::create_directories(job.run / "checkpoint");
    return job;
  }

 private:
  TempDir directory_;
  std::optional<data::Dataset> dataset_;
  data::Splits splits_;
};

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

Tensors weights_of(const TrainJob& job) {
  Tensors tensors;
  for (const char* suffix : {".pt", "_best.pt"}) {
    const NetworkFile file = load_network(job.run / (job.name + suffix), ComputeType::fp32);
    for (const auto& [name, tensor] : file.network->state()) tensors[suffix + name] = tensor.clone();
  }
  return tensors;
}

void expect_equal(const Tensors& found, const Tensors& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) EXPECT_TRUE(at::equal(found.at(name), tensor)) << name;
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
  EXPECT_EQ(epochs_of(job), epochs);  // no line twice
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

TEST(Resume, WithATeacherItEndsWithTheSameBits) {
  Training training;
  supernet::NetworkOptions options;
  options.bf16 = false;
  supernet::Network teacher(plan::SearchSpace::parse("8-8"), plan::InputShape{3, 8, 8}, 3, options, /*seed=*/9);
  teacher->eval();
  TrainJob whole = training.job("whole"), parts = training.job("parts");
  for (TrainJob* job : {&whole, &parts}) {
    job->teacher = &teacher;
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
