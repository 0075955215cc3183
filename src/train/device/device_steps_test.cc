// Steps on a device, with the CPU as the device: the same images, the same arithmetic as the steps of a loader, and
// what resumes ends with the same bits. What a GPU alone can show (capture, memory) is tried by bench/gpu_train_bench.
#include "train/device/device_steps.h"

#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "core/test_support.h"
#include "data/augment.h"
#include "data/import/import.h"
#include "train/device/augment_tensors.h"
#include "train/files/checkpoint.h"
#include "train/step.h"

namespace triage::train {
namespace {

constexpr int kBatch = 16;

struct Fixture {
  TempDir directory;
  data::Dataset data;
  data::Splits splits;

  Fixture() : data(open(directory.path() / "images.tds")) {
    splits = data::make_splits(data, {.route = 8, .validation = 16, .seed = 1});
  }
  static data::Dataset open(const fs::path& file) {
    data::GeneratedOptions options;
    options.classes = 4;
    options.height = 10;
    options.width = 8;
    options.train_count = 92;
    options.test_count = 8;
    data::write_dataset(data::generate(options), file);
    return data::Dataset::open(file);
  }
  TrainJob supernet_job(const std::string& name) {
    TrainJob of = job(name);
    of.space = plan::SearchSpace::parse("4-4:8:2,4:8:2?-6:12:2,6:12:2?");
    of.options.residual = true;
    of.supernet.exits = {1};
    of.supernet.random_subnets = 5;
    return of;
  }
  TrainJob job(const std::string& name) {
    TrainJob job;
    job.name = "net";
    job.space = plan::SearchSpace::parse("4-8,8");
    job.options.epochs = 3;
    job.options.batch = kBatch;
    job.options.lr = 0.1;
    job.options.augment.cutout = 3;
    job.precision = ComputeType::fp32;
    job.data = &data;
    job.splits = &splits;
    job.normalization = data::measure_normalization(data, splits.train);
    job.run = directory.path() / name;
    fs::create_directories(job.run / "checkpoint");
    return job;
  }
};

TEST(DeviceImages, AreTheLoadersImagesBitForBit) {
  Fixture fixture;
  for (const data::PixelType type : {data::PixelType::bf16, data::PixelType::fp32}) {
    for (const int cutout : {0, 3, 4}) {
      TrainJob job = fixture.job("images");
      data::LoaderOptions options = loader_options(job);
      options.pixels = type;
      options.augment = {.shift = 3, .flip = true, .cutout = cutout};
      data::TrainLoader loader(fixture.data, fixture.splits.train, job.normalization, options, 0);
      const DeviceImages images(fixture.data, job.normalization, type, at::kCPU);
      for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
        const auto rows = data::draw_rows(fixture.data.info(), fixture.splits.train, options, epoch);
        const at::Tensor draws = at::tensor(rows).to(at::kInt).view({-1, std::int64_t(data::kDrawColumns)});
        for (const at::Tensor& part : draws.split(kBatch)) {
          const data::Batch batch = loader.next();
          EXPECT_TRUE(at::equal(images.augmented(part, options.augment), to_tensor(batch, type, at::kCPU)));
          EXPECT_TRUE(at::equal(images.labels(part, options.augment).own, at::tensor(batch.labels)));
        }
      }
    }
  }
}

// Each part of augmentation, and all of them together.
TEST(DeviceImages, AreTheLoadersImagesWithEveryAugmentation) {
  Fixture fixture;
  const data::AugmentOptions all{.shift = 2,
                                 .cutout = 3,
                                 .crop_area = 0.4,
                                 .trivial_augment = 0.9,
                                 .brightness = 0.4,
                                 .contrast = 0.4,
                                 .saturation = 0.4,
                                 .erase = 0.5,
                                 .mixup = 0.5,
                                 .cutmix = 1};
  const std::vector<data::AugmentOptions> each = {
      {.crop_area = 0.4}, {.trivial_augment = 1}, {.contrast = 0.5}, {.erase = 1}, {.mixup = 0.5}, {.cutmix = 1}, all};
  for (std::size_t part = 0; part < each.size(); ++part) {
    TrainJob job = fixture.job("images");
    data::LoaderOptions options = loader_options(job);
    options.augment = each[part];
    options.mixed_epochs = 4;
    data::TrainLoader loader(fixture.data, fixture.splits.train, job.normalization, options, 0);
    const DeviceImages images(fixture.data, job.normalization, options.pixels, at::kCPU);
    for (std::uint64_t epoch = 0; epoch < 5; ++epoch) {
      const auto rows = data::draw_rows(fixture.data.info(), fixture.splits.train, options, epoch);
      const at::Tensor draws = at::tensor(rows).to(at::kInt).view({-1, std::int64_t(data::kDrawColumns)});
      for (const at::Tensor& table : draws.split(kBatch)) {
        const data::Batch batch = loader.next();
        EXPECT_TRUE(at::equal(images.augmented(table, options.augment), to_tensor(batch, options.pixels, at::kCPU)))
            << part << " in epoch " << epoch;
        if (!batch.shares.empty()) {
          EXPECT_TRUE(at::equal(images.labels(table, options.augment).share, at::tensor(batch.shares)));
        }
      }
    }
  }
}

std::uint64_t steps_of(const TrainJob& job) {
  return job.splits->train.size() / kBatch * static_cast<std::uint64_t>(job.options.epochs);
}

// A session of which `steps` steps were made on the device.
std::unique_ptr<Session> trained(const TrainJob& job, int steps) {
  auto session = std::make_unique<Session>(job, true);
  session->network->train();
  DeviceSteps device(job, *session, steps_of(job));
  for (int step = 0; step < steps; ++step, ++session->step) device.step();
  device.sums();
  return session;
}

// The largest difference of two sessions' weights, averages and momenta.
double difference(const Session& one, const Session& other) {
  double largest = 0;
  const auto compare = [&](const supernet::NamedTensors& a, const supernet::NamedTensors& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
      largest = std::max(largest, (a[i].tensor.detach() - b[i].tensor.detach()).abs().max().item<double>());
  };
  compare(one.network->state(), other.network->state());
  compare(one.average.state(), other.average.state());
  compare(one.optimizer->state(), other.optimizer->state());
  return largest;
}

// Trains `steps` with a session of each kind; those on the device, whose images lie there or are sent, have the same
// bits. Returns the difference to the loader's.
double difference_of_sessions(TrainJob job, int steps, const supernet::AnyNetwork& teacher = nullptr) {
  job.teacher = teacher;
  Session loaded(job);
  data::TrainLoader loader(*job.data, job.splits->train, job.normalization, loader_options(job), 0);
  loaded.network->train();
  for (; loaded.step < static_cast<std::uint64_t>(steps); ++loaded.step) {
    const data::Batch batch = loader.next();
    train_step(job, loaded, batch, loaded.step / loader.steps_per_epoch(),
               learning_rate(job.options, loaded.step, steps_of(job)));
  }
  job.resident = true;
  const auto resident = trained(job, steps);
  job.resident = false;
  const auto sent = trained(job, steps);
  EXPECT_EQ(difference(*resident, *sent), 0);
  EXPECT_EQ(resident->epoch_loss, sent->epoch_loss);
  EXPECT_NEAR(resident->epoch_loss, loaded.epoch_loss, 1e-3 * loaded.epoch_loss);
  EXPECT_NEAR(resident->epoch_subnet_loss, loaded.epoch_subnet_loss, 1e-3 * loaded.epoch_subnet_loss + 1e-9);
  EXPECT_NEAR(resident->epoch_right, loaded.epoch_right, 1);
  return difference(loaded, *resident);
}

TEST(DeviceSteps, DoWhatTheStepsOfALoaderDo) {
  Fixture fixture;
  EXPECT_LT(difference_of_sessions(fixture.job("plain"), 6), 2e-3);
}

TEST(DeviceSteps, HaveTheSameOptimisers) {
  Fixture fixture;
  TrainJob job = fixture.job("optimiser");
  job.options.clip_norm = 0.25;
  EXPECT_LT(difference_of_sessions(job, 6), 2e-3);
  job.options.optimizer = OptimizerKind::adamw;
  job.options.lr = 0.003;
  job.options.weight_decay = 0.1;
  job.options.bias_lr_scale = 2;
  job.options.no_weight_decay = {"norms", "heads"};
  job.options.epsilon = 1e-4;  // else a gradient near zero decides by its rounding
  job.options.schedule = Schedule::cosine;
  EXPECT_LT(difference_of_sessions(job, 6), 2e-3);
}

TEST(DeviceSteps, LearnFromMixedImages) {
  Fixture fixture;
  TrainJob job = fixture.job("mixed");
  job.options.augment.mixup = 0.5;
  job.options.augment.cutmix = 1;
  job.options.augment.clean_epochs = 2;
  for (const ClassWeights weights : {ClassWeights::none, ClassWeights::balanced}) {
    job.options.class_weights = weights;
    EXPECT_LT(difference_of_sessions(job, 7), 2e-3);
  }
}

TEST(DeviceSteps, RunRandomSubnetsTogether) {
  Fixture fixture;
  TrainJob job = fixture.supernet_job("supernet");
  for (const int images : {0, 6}) {
    job.supernet.random_images = images;
    EXPECT_LT(difference_of_sessions(job, 6), 5e-3) << images;
  }
}

TEST(DeviceSteps, AskATeacherOnceForEachView) {
  Fixture fixture;
  TrainJob job = fixture.job("student");
  const supernet::AnyNetwork teacher = make_network(fixture.job("teacher"));
  teacher->eval();
  for (const int views : {0, 2}) {
    job.options.distill.views = views;
    EXPECT_LT(difference_of_sessions(job, 11, teacher), 4e-3) << views;
  }
}

TEST(DeviceSteps, NameTheBatchThatFits) {
  Fixture fixture;
  for (TrainJob job : {fixture.job("plain"), fixture.supernet_job("supernet")}) {
    job.supernet.random_images = 6;
    for (const bool resident : {true, false}) {
      job.resident = resident;
      Session session(job, true);
      session.teacher.emplace(  // takes all the memory that a step needs
          [&](const at::Tensor& images) {
            if (images.size(0) > 4) throw c10::OutOfMemoryError({}, "no memory");
            return at::zeros({images.size(0), 4});
          },
          job.data->size(), 4, 0);
      session.network->train();
      DeviceSteps device(job, session, steps_of(job));
      const std::string message = error_of([&] { device.step(); });
      EXPECT_THAT(message, testing::HasSubstr("stage 'net': batch 16: out of memory on cpu"));
      EXPECT_THAT(message, testing::HasSubstr("a batch of 4 would fit"));
    }
  }
}

// Stopped behind step 6 of 12, in the second epoch.
void train_a_part(const TrainJob& job) {
  const auto session = trained(job, 6);
  session->epoch_loss = session->epoch_right = 0;
  session->save();
}

TEST(DeviceSteps, ResumeWithTheSameBits) {
  Fixture fixture;
  const supernet::AnyNetwork teacher = make_network(fixture.job("teacher"));
  teacher->eval();
  for (const bool resident : {true, false}) {
    TrainJob whole = fixture.job(std::format("whole{}", resident)),
             parts = fixture.job(std::format("parts{}", resident));
    for (TrainJob* job : {&whole, &parts}) {
      job->resident = resident;
      job->teacher = teacher;
      job->options.distill.views = 1;
    }
    train(whole);
    train_a_part(parts);
    train(parts);
    const auto bytes = [](const TrainJob& job) { return read_file(job.run / "net.pt"); };
    EXPECT_EQ(bytes(whole), bytes(parts)) << resident;
  }
}

// Behind step 5 of 12, on the other kind of steps behind step 9 (in the middle of an epoch both), and back.
TEST(DeviceSteps, GoOnAsStepsOfALoaderAndBack) {
  Fixture fixture;
  const TrainJob whole = fixture.supernet_job("whole"), parts = fixture.supernet_job("parts");
  train(whole);
  const auto until = [&](std::optional<bool> resident, std::uint64_t end) {
    TrainJob job = parts;
    job.resident = resident;
    const std::atomic<bool> stop = true;
    job.context.stop = StopToken(stop);  // each call makes one step
    for (std::uint64_t step = 0; step < end; ++step) EXPECT_THROW(train(job), Interrupted);
  };
  until(true, 5);
  until(std::nullopt, 4);
  TrainJob last = parts;
  last.resident = false;
  train(last);
  Session expected(whole), found(last);
  ASSERT_TRUE(expected.restore() && found.restore());
  EXPECT_LT(difference(expected, found), 2e-2);
  EXPECT_NEAR(found.validation, expected.validation, 2.5 / 16);
}

TEST(DeviceSteps, ARunThatMovesNamesItsDevices) {
  Fixture fixture;
  const TrainJob job = fixture.job("moved");
  const fs::path file = job.run / "checkpoint" / "net.ckpt";
  train_a_part([&] {
    TrainJob part = job;
    part.resident = true;
    return part;
  }());
  Checkpoint checkpoint = load_checkpoint(file, identity_of(job));
  checkpoint.identity["device"] = "cuda";  // as if it had been trained there
  save_checkpoint(file, checkpoint);
  Session session(job);
  ASSERT_TRUE(session.restore());
  EXPECT_EQ(session.moved(), " (until here on cuda, from here on cpu)");
  train(job);
  EXPECT_EQ(load_network(job.run / "net.pt", ComputeType::fp32).identity.at("device"), "cuda, cpu");
  Session again(job);
  ASSERT_TRUE(again.restore());
  EXPECT_EQ(again.devices, "cuda, cpu");
}

TEST(Checkpoint, OfATeacherOnAnotherDeviceIsTheSame) {
  const TempDir directory;
  const Json before = {
      {"seed", 1}, {"device", "cpu"}, {"teacher", {{"seed", 1}, {"device", "cuda"}, {"teacher", nullptr}}}};
  Json now = before;
  now["teacher"]["device"] = "cpu";
  now["device"] = "cuda";
  save_checkpoint(directory / "net.ckpt", {.identity = before, .state = {}, .tensors = {}});
  load_checkpoint(directory / "net.ckpt", now);
  now["teacher"]["seed"] = 2;
  EXPECT_THAT(error_of([&] { load_checkpoint(directory / "net.ckpt", now); }),
              testing::HasSubstr("teacher.seed: expected 2, found 1"));
}

}  // namespace
}  // namespace triage::train
