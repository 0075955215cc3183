// The parts of the training loop (trainer.cc): one step, one validation.
#pragma once

#include "supernet/adamw.h"
#include "train/session.h"

namespace triage::train {

class DeviceSteps;
class SharedSteps;

constexpr int kRecalibrationBatches = 20;  // of a validation

data::LoaderOptions loader_options(const TrainJob& job);
std::uint64_t subnet_seed(const TrainJob& job);  // of the subnets that a step draws

// What the largest subnet's logits are charged; teacher: its logits, used where the session has a teacher.
at::Tensor training_loss(const TrainJob& job, const Session& session, const at::Tensor& logits,
                         const at::Tensor& teacher, const Labels& labels);
supernet::AdamWOptions adamw_options(const TrainOptions& options);
double average_decay(const TrainOptions& options, std::uint64_t step);  // of the weights' average

struct Learned {
  double loss = 0, subnet_loss = 0;  // means over the images
  double right = 0;                  // images that the largest subnet labels right
};

// Forward and backward on [n, C, H, W] images with the labels and indices of `part`, of one network or of the step's
// subnets: adds to the gradients. before_last: as of sandwich_step().
Learned learn(const TrainJob& job, Session& session, const at::Tensor& images, const data::Batch& part,
              std::uint64_t epoch, const SupernetOptions& supernet, const std::function<void()>& before_last = {});

// Forward, backward and optimiser. shared: where the batch, of which `batch` is this process's part then, is computed
// in shares; else null. Returns the mean loss and adds to the epoch's sums; the caller counts the step.
double train_step(const TrainJob& job, Session& session, const data::Batch& batch, std::uint64_t epoch, double rate,
                  SharedSteps* shared = nullptr);

// Validates the averaged weights, recalibrated, and keeps them when they are the best so far. device: where the steps
// are made there.
void validate(const TrainJob& job, Session& session, const DeviceSteps* device = nullptr);

}  // namespace triage::train
