// A training in a moment, for tests.
#pragma once

#include <gtest/gtest.h>

#include "core/test_support.h"
#include "data/import/import.h"
#include "train/trainer.h"

namespace triage::train {

class Training {
 public:
  Training() {
    set_up_cpu(1);
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

inline Tensors weights_of(const TrainJob& job) {
  Tensors tensors;
  for (const char* suffix : {".pt", "_best.pt"}) {
    const AnyNetworkFile file = load_any_network(job.run / (job.name + suffix), ComputeType::fp32);
    for (const auto& [name, tensor] : file.network->state()) tensors[suffix + name] = tensor.clone();
  }
  return tensors;
}

inline void expect_equal(const Tensors& found, const Tensors& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) EXPECT_TRUE(at::equal(found.at(name), tensor)) << name;
}

}  // namespace triage::train
