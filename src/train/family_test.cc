// Nets of other families than plain, trained by the same loop.
#include <gmock/gmock.h>

#include <atomic>

#include "supernet/modules/elastic_network.h"
#include "supernet/ops/resize.h"
#include "train/subnets.h"
#include "train/training_test_support.h"

namespace triage::train {
namespace {

using testing::HasSubstr;

class FamilyTraining : public testing::TestWithParam<const char*> {
 protected:
  TrainJob job(const char* run) {
    TrainJob job = training_.job(run);
    const TrainOptions plain = job.options;
    job.options = other_family_defaults();
    job.options.epochs = plain.epochs;
    job.options.batch = plain.batch;
    job.options.augment = plain.augment;
    job.space = family::AnySpace::parse(GetParam());
    return job;
  }
  Training training_;
};

TEST_P(FamilyTraining, StoppedAfterEveryStepEndsWithTheSameBits) {
  const TrainJob whole = job("whole");
  TrainJob parts = job("parts");
  train(whole);
  const std::atomic<bool> stop = true;
  parts.context.stop = StopToken(stop);
  for (int i = 0; i < 3; ++i) EXPECT_THROW(train(parts), Interrupted);
  parts.context.stop = StopToken();
  train(parts);
  expect_equal(weights_of(parts), weights_of(whole));
}

TEST_P(FamilyTraining, IsRecordedReadBackAndTeaches) {
  const TrainJob first = job("first");
  const TrainResult result = train(first);
  const supernet::AnyNetwork network = load_trained(first, ComputeType::fp32);
  EXPECT_EQ(network->any_space(), first.space);
  EXPECT_EQ(accuracy(*network, *first.data, first.splits->validation, first.normalization),
            result.best_validation_accuracy);
  EXPECT_THAT(error_of([&] { load_network(first.run / "net_best.pt", ComputeType::fp32); }),
              HasSubstr("expected a network of the family plain, found " + std::string(GetParam())));
  TrainJob pupil = training_.job("pupil");  // a plain one
  pupil.teacher = network;
  pupil.options.distill.views = 1;
  train(pupil);
  TrainJob longer = job("longer");
  longer.start = std::make_shared<AnyNetworkFile>(load_any_network(first.run / "net_best.pt", ComputeType::fp32));
  longer.options.epochs = 0;
  EXPECT_NEAR(train(longer).validation_accuracy, result.best_validation_accuracy, 0.2);
}

TEST_P(FamilyTraining, BatchesInSharesGiveTheSameBitsEachTime) {
  TrainJob one = job("one"), again = job("again");
  for (TrainJob* job : {&one, &again}) job->parallel.shares = 2;
  train(one);
  train(again);
  expect_equal(weights_of(again), weights_of(one));
}

TEST_P(FamilyTraining, TheStepsOfADeviceTrainToo) {
  TrainJob loaded = job("loaded"), resident = job("resident");
  resident.resident = true;
  const TrainResult a = train(loaded), b = train(resident);
  EXPECT_NEAR(a.validation_accuracy, b.validation_accuracy, 0.2);
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyTraining,
                         testing::Values("residual:4-4s2-8/2", "mbconv:4h-4e1-8k5e2s2h/2-c12h", "residual:4-4-8/2@6",
                                         "mbconv:4h-4e1-8e2/2@12"));

// Evaluated are the bits that the runtime prepares (SizedImages); a step resizes what it is given, on any device, and
// rounds nothing: rows and columns are off by half a level each.
TEST(Resolution, TrainingSeesWhatIsEvaluatedButForTheRounding) {
  Training training;
  const TrainJob job = training.job("run");
  for (const char* text : {"residual:4-4@6", "residual:4-4@12"}) {
    const supernet::ElasticNetworkImpl network(text, {3, 8, 8}, 3, {.bf16 = false}, 1);
    const data::SizeOptions size = seen_size(network);
    ASSERT_EQ(size.height, network.seen().height);
    const auto& indices = job.splits->validation;
    const auto batch = [&](const data::SizeOptions& of) {
      return data::make_eval_batch(*job.data, indices, job.normalization, data::PixelType::fp32, of);
    };
    const data::Batch whole = batch({}), seen = batch(size);
    const at::Tensor stepped =
        supernet::resized(to_tensor(whole, data::PixelType::fp32, at::kCPU), size.height, size.width, at::kFloat);
    const at::Tensor apart = (stepped - to_tensor(seen, data::PixelType::fp32, at::kCPU)).abs();
    const at::Tensor level = 1 / (255 * at::tensor(job.normalization.stddev).view({1, 3, 1, 1}));
    EXPECT_LE((apart / level).max().item<double>(), 1.01) << text;
    EXPECT_GT(apart.max().item<double>(), 0) << text;
  }
}

// The largest, the smallest and random ones in each step, an exit beside them.
class FamilySupernet : public testing::TestWithParam<const char*> {};
TEST_P(FamilySupernet, IsTrainedResumedAndCut) {
  Training training;
  const std::string side = GetParam();
  const auto job_of = [&](const char* run) {
    TrainJob job = training.job(run);
    job.options = other_family_defaults();
    job.options.epochs = 2;
    job.options.batch = 64;
    job.space = family::AnySpace::parse("residual:4:8:4-4:8:4x1,x1?-8/2" + side);
    job.supernet.exits = {0};
    job.supernet.random_images = 16;
    return job;
  };
  const TrainJob whole = job_of("whole");
  TrainJob parts = job_of("parts");
  const TrainResult result = train(whole);
  const std::atomic<bool> stop = true;
  parts.context.stop = StopToken(stop);
  for (int i = 0; i < 3; ++i) EXPECT_THROW(train(parts), Interrupted);
  parts.context.stop = StopToken();
  train(parts);
  expect_equal(weights_of(parts), weights_of(whole));
  EXPECT_THAT(read_file(whole.run / "metrics.jsonl"), HasSubstr("smallest_validation_accuracy"));

  TrainJob resident = job_of("resident");  // as on a GPU
  resident.resident = true;
  EXPECT_NEAR(train(resident).validation_accuracy, result.validation_accuracy, 0.2);

  // A subnet of its own statistics says behind each exit what it says when it is asked alone.
  const AnyNetworkFile file = load_any_network(whole.run / "net.pt", ComputeType::fp32);
  const SubnetCutter cutter(file.network, *whole.data, whole.splits->train, whole.normalization);
  std::vector<Label> labels;
  for (const std::uint32_t index : whole.splits->validation) labels.push_back(whole.data->label(index));
  const supernet::AnyNetwork subnet = cutter.cut(family::ArchSpec::parse("residual:4-8-8/2" + side.substr(0, 2))),
                             first = cutter.cut(family::ArchSpec::parse("residual:4-8" + side.substr(0, 2)));
  const SeenImages seen(*whole.data, whole.splits->validation, whole.normalization);
  const ImageBatches& images = seen.of(*subnet);
  EXPECT_EQ(images.batches()[0].size(2), subnet->seen().height);
  EXPECT_EQ(&seen.of(*first), &images);
  EXPECT_EQ(seen.of(*file.network).batches()[0].size(2), file.network->seen().height);
  const ExitAnswers both = ask_exits(*subnet, images, labels), one = ask_exits(*first, images, labels);
  ASSERT_EQ(both.accuracy.size(), 2U);
  EXPECT_EQ(std::vector<float>(both.logits.begin(), both.logits.begin() + std::ssize(one.logits)), one.logits);
  EXPECT_EQ(both.accuracy[1], accuracy(*subnet, *whole.data, whole.splits->validation, whole.normalization));
  const supernet::AnyNetwork slice = file.network->cut(family::ArchSpec::parse("residual:4-8-8/2" + side.substr(0, 2)));
  slice->eval();
  EXPECT_NE(ask_exits(*slice, images, labels).logits, both.logits);

  TrainJob stage = job_of("stage");
  stage.name = "cut";
  stage.space = family::AnySpace::parse("residual:4-8-8/2" + side.substr(0, 2));
  stage.supernet = {};
  stage.options.epochs = 0;
  stage.start = std::make_shared<AnyNetworkFile>(load_any_network(whole.run / "net.pt", ComputeType::fp32));
  train(stage);
  EXPECT_EQ(load_trained(stage, ComputeType::fp32)->any_space(), stage.space);
}
INSTANTIATE_TEST_SUITE_P(Sides, FamilySupernet, testing::Values("", "@6:10:2"));

TEST(FamilyJobs, WhatPlainNetsAloneHaveIsRefused) {
  Training training;
  TrainJob good = training.job("run");
  good.options = other_family_defaults();
  good.options.batch = 64;
  good.space = family::AnySpace::parse("residual:4-4-8/2");
  check_job(good);
  const auto refusal = [&](const auto& change) {
    TrainJob job = good;
    change(job);
    return error_of([&] { check_job(job); });
  };
  EXPECT_THAT(refusal([](TrainJob& job) { job.options.whitened_stem = true; }),
              HasSubstr("stage 'net': whitened_stem: expected false of residual:4-4-8/2, which is not plain"));
  EXPECT_THAT(refusal([](TrainJob& job) { job.options.head_scale = 0.125; }), HasSubstr("head_scale: expected 1"));
  EXPECT_THAT(refusal([](TrainJob& job) { job.parallel.synchronised = true; }), HasSubstr("expected local"));
}

}  // namespace
}  // namespace triage::train
