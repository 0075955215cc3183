// Everything that changes while a network is trained, and its checkpoint.
#pragma once

#include <optional>

#include "results/training_log.h"
#include "supernet/sgd.h"
#include "train/device/flat_optimizer.h"
#include "train/distill.h"
#include "train/trainer.h"

namespace triage::train {

class Session {
 public:
  // The job must outlive the session. `flat`: its tensors are views of flat buffers, for DeviceSteps.
  explicit Session(const TrainJob& job, bool flat = false);

  // From the checkpoint, if there is one: false otherwise. metrics.jsonl is cut back to what the checkpoint knows.
  bool restore();
  void save() const;
  void log(const results::TrainingStep& line) const;  // to metrics.jsonl
  void write_networks() const;                        // NAME.pt and NAME_best.pt

 private:
  const TrainJob& job_;

 public:
  supernet::Network network;
  std::vector<supernet::ParameterGroup> groups;
  std::unique_ptr<FlatOptimizer> flat;  // null: sgd and average move the weights
  supernet::Sgd sgd;
  supernet::WeightAverage average;
  supernet::NamedTensors best_state;
  std::optional<TeacherLogits> teacher;
  std::optional<at::Tensor> class_weights;  // of the loss
  std::uint64_t step = 0;
  bool done = false;
  double seconds = 0, validation = 0, best = 0;
  double smallest = 0;                                            // validation accuracy of the smallest subnet
  double epoch_loss = 0, epoch_right = 0, epoch_subnet_loss = 0;  // sums over the current epoch

 private:
  fs::path file_, metrics_;
};

}  // namespace triage::train
