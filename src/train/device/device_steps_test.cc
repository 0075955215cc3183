// Steps on a device, with the CPU as the device: the same images, the same arithmetic as the steps of a loader, and
// what resumes ends with the same bits. What a GPU alone can show (capture, memory) is tried by bench/gpu_train_bench.
#include "train/device/device_steps.h"

#include <gtest/gtest.h>

#include "core/test_support.h"
#include "data/augment.h"
#include "data/import/import.h"
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
          EXPECT_TRUE(at::equal(images.augmented(part, cutout), to_tensor(batch, fixture.data, type, at::kCPU)));
          EXPECT_TRUE(at::equal(images.labels(part), at::tensor(batch.labels)));
        }
      }
    }
  }
}

// Trains `steps` with a session of each kind and compares the largest differences of their weights.
double difference_of_sessions(const TrainJob& job, int steps, supernet::Network* teacher = nullptr) {
  TrainJob with = job;
  with.teacher = teacher;
  Session loaded(with), resident(with, true);
  data::TrainLoader loader(*job.data, job.splits->train, job.normalization, loader_options(with), 0);
  const std::uint64_t per_epoch = loader.steps_per_epoch();
  DeviceSteps device(with, resident, per_epoch * static_cast<std::uint64_t>(job.options.epochs));
  EXPECT_EQ(device.steps_per_epoch(), per_epoch);
  for (Session* session : {&loaded, &resident}) session->network->train();
  for (int step = 0; step < steps; ++step) {
    const data::Batch batch = loader.next();
    train_step(with, loaded, batch, loaded.step / per_epoch,
               learning_rate(job.options, loaded.step, per_epoch * static_cast<std::uint64_t>(job.options.epochs)));
    ++loaded.step;
    device.step();
    ++resident.step;
  }
  device.sums();
  EXPECT_NEAR(resident.epoch_loss, loaded.epoch_loss, 1e-3 * loaded.epoch_loss);
  EXPECT_NEAR(resident.epoch_subnet_loss, loaded.epoch_subnet_loss, 1e-3 * loaded.epoch_subnet_loss + 1e-9);
  EXPECT_NEAR(resident.epoch_right, loaded.epoch_right, 1);
  double largest = 0;
  const auto compare = [&](const supernet::NamedTensors& a, const supernet::NamedTensors& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
      largest = std::max(largest, (a[i].tensor.detach() - b[i].tensor.detach()).abs().max().item<double>());
  };
  compare(loaded.network->state(), resident.network->state());
  compare(loaded.average.state(), resident.average.state());
  compare(loaded.sgd.state(), resident.sgd.state());
  return largest;
}

TEST(DeviceSteps, DoWhatTheStepsOfALoaderDo) {
  Fixture fixture;
  EXPECT_LT(difference_of_sessions(fixture.job("plain"), 6), 2e-3);
}

TEST(DeviceSteps, RunRandomSubnetsTogether) {
  Fixture fixture;
  TrainJob job = fixture.job("supernet");
  job.space = plan::SearchSpace::parse("4-4:8:2,4:8:2?-6:12:2,6:12:2?");
  job.options.residual = true;
  job.supernet.exits = {1};
  job.supernet.random_subnets = 5;
  for (const int images : {0, 6}) {
    job.supernet.random_images = images;
    EXPECT_LT(difference_of_sessions(job, 6), 5e-3) << images;
  }
}

TEST(DeviceSteps, AskATeacherOnceForEachView) {
  Fixture fixture;
  TrainJob job = fixture.job("student");
  supernet::Network teacher = make_network(fixture.job("teacher"));
  teacher->eval();
  for (const int views : {0, 2}) {
    job.options.distill.views = views;
    EXPECT_LT(difference_of_sessions(job, 11, &teacher), 4e-3) << views;
  }
}

TEST(DeviceSteps, ResumeWithTheSameBits) {
  Fixture fixture;
  TrainJob whole = fixture.job("whole"), parts = fixture.job("parts");
  whole.resident = parts.resident = true;
  train(whole);
  {
    TrainJob first = parts;  // as if killed behind step 6 of 12
    Session session(first, true);
    DeviceSteps steps(first, session, 12);
    session.network->train();
    while (session.step < 6) {
      steps.step();
      ++session.step;
    }
    steps.sums();
    session.epoch_loss = session.epoch_right = 0;
    session.save();
  }
  parts.options = whole.options;
  train(parts);
  const auto bytes = [](const TrainJob& job) { return read_file(job.run / "net.pt"); };
  EXPECT_EQ(bytes(whole), bytes(parts));
}

}  // namespace
}  // namespace triage::train
