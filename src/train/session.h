// Everything that changes while a network is trained, and its checkpoint.
#pragma once

#include <memory>
#include <optional>

#include "results/metric_files.h"
#include "supernet/sgd.h"
#include "train/device/flat_optimizer.h"
#include "train/distill.h"
#include "train/trainer.h"

namespace triage::train {

class Session {
 public:
  // The job must outlive the session. `flat`: its tensors are views of flat buffers, for DeviceSteps.
  explicit Session(const TrainJob& job, bool flat = false);

  // From the checkpoint, if there is one: false otherwise.
  bool restore();
  std::string moved()
      const;  // " (until here on cuda, from here on cpu)" where it goes on on another device, or nothing
  void save() const;
  // Metrics go on behind what was restored: what was written later is taken back.
  void begin_metrics() { metrics_.begin(job_.name, static_cast<std::int64_t>(step)); }
  void log(const results::TrainingStep& line) { metrics_.append(line); }
  void write_networks() const;  // NAME.pt and NAME_best.pt

 private:
  Json identity() const;
  const TrainJob& job_;

 public:
  supernet::AnyNetwork network;
  std::vector<supernet::ParameterGroup> groups;
  std::unique_ptr<FlatOptimizer> flat;  // null: optimizer and average move the weights
  std::unique_ptr<supernet::Optimizer> optimizer;
  supernet::WeightAverage average;
  supernet::NamedTensors best_state;
  std::optional<TeacherLogits> teacher;
  std::optional<at::Tensor> class_weights;  // of the loss
  std::string devices;                      // that it was trained on, in their order: "cuda, cpu"; part of its identity
  std::uint64_t step = 0;
  bool done = false;
  double seconds = 0, validation = 0, best = 0;
  double smallest = 0;                                            // validation accuracy of the smallest subnet
  double epoch_loss = 0, epoch_right = 0, epoch_subnet_loss = 0;  // sums over the current epoch

 private:
  fs::path file_;
  results::MetricFiles metrics_;
};

}  // namespace triage::train
