// The steps of a training on a device: the images lie there or are sent ahead of the steps (step_images.h), tables of
// what changes from step to step are moved there once an epoch, and the host only asks for the next step. Nothing waits
// for the device until sums() is asked for.
#pragma once

#include <future>
#include <memory>

#include "train/device/step_graph.h"
#include "train/device/step_images.h"
#include "train/sandwich.h"
#include "train/session.h"

namespace triage::train {

// Whether a job's steps are made so: on a GPU, or where it says how.
bool steps_on_device(const TrainJob& job);

class DeviceSteps {
 public:
  // Goes on from session.step. The session is one with flat buffers; it and the job must outlive this. `steps`: of the
  // whole training, which the learning rate depends on.
  DeviceSteps(const TrainJob& job, Session& session, std::uint64_t steps);
  ~DeviceSteps();
  std::uint64_t steps_per_epoch() const { return per_epoch_; }

  // Forward, backward and optimiser of step session.step, which the caller counts. Throws Error naming a batch that
  // would fit when the device's memory is too small.
  void step();

  // Moves what the device has added up into the session's sums of the epoch; waits for the device.
  void sums();

  // StepImages::first_batches().
  std::vector<at::Tensor> first_batches(const data::LoaderOptions& options, int count) const {
    return images_->first_batches(options, count);
  }

 private:
  struct Epoch {  // tables on the host
    at::Tensor scalars, subnets;
  };
  Epoch make_epoch(std::uint64_t epoch) const;
  void begin_epoch(std::uint64_t epoch);
  void work();                                   // of a step
  SandwichLoss learn(const DeviceBatch& batch);  // adds gradients
  std::string memory_message();

  const TrainJob& job_;
  Session& session_;
  const std::uint64_t total_, per_epoch_;
  std::vector<family::ArchSpec> fixed_;  // the subnets of every step
  bool random_;                          // and others, that the step draws,
  bool grouped_;                         // run together; else one after the other, and no step is captured
  std::optional<TeacherView> teacher_;
  std::unique_ptr<StepImages> images_;
  // On the device, for the graph: [rate, share of the average, bias corrections] of each step of the epoch, subnets of
  // each step, the number of the step in the epoch.
  at::Tensor scalars_, subnets_, counter_, added_;
  std::future<Epoch> next_;
  std::uint64_t next_epoch_ = 0, current_epoch_ = ~std::uint64_t{0};
  std::unique_ptr<StepGraph> graph_;  // last: its end waits for the device
};

}  // namespace triage::train
