// The parts of the training loop (trainer.cc): one step, one validation.
#pragma once

#include "train/session.h"

namespace triage::train {

class DeviceSteps;

constexpr int kRecalibrationBatches = 20;  // of a validation

data::LoaderOptions loader_options(const TrainJob& job);
std::uint64_t subnet_seed(const TrainJob& job);  // of the subnets that a step draws

// What the largest subnet's logits are charged; teacher: its logits, used where the session has a teacher.
at::Tensor training_loss(const TrainJob& job, const Session& session, const at::Tensor& logits,
                         const at::Tensor& teacher, const at::Tensor& labels);
double average_decay(const TrainOptions& options, std::uint64_t step);  // of the weights' average

// Forward, backward and optimiser, of one network or of the step's subnets. Returns the mean loss and adds to the
// epoch's sums; the caller counts the step.
double train_step(const TrainJob& job, Session& session, const data::Batch& batch, std::uint64_t epoch, double rate);

// Validates the averaged weights, recalibrated, and keeps them when they are the best so far. device: where the steps
// are made there.
void validate(const TrainJob& job, Session& session, const DeviceSteps* device = nullptr);

}  // namespace triage::train
