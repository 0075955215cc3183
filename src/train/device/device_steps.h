// The steps of a training on a device: the images lie there, a table of the epoch's draws is moved there once an epoch,
// and from then on the host only asks for the next step. Nothing waits for the device until sums() is asked for.
#pragma once

#include <future>
#include <memory>

#include "train/device/augment_tensors.h"
#include "train/device/step_graph.h"
#include "train/sandwich.h"
#include "train/session.h"

namespace triage::train {

// Whether a job's steps are made so: as it says, or else on a GPU with room for the images.
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

  // The first batches of the loader's stream of `options`, each [batch, C, H, W]; it may have another seed and other
  // augmentation than the steps.
  std::vector<at::Tensor> first_batches(const data::LoaderOptions& options, int count) const;

 private:
  struct Epoch {  // tables on the host
    std::vector<std::int32_t> draws;
    at::Tensor scalars, subnets;
  };
  Epoch make_epoch(std::uint64_t epoch) const;
  void begin_epoch(std::uint64_t epoch);
  void work();  // of a step
  void ask_teacher(std::uint64_t epoch);
  SandwichLoss learn(const at::Tensor& draws, const at::Tensor& images, const at::Tensor& labels);  // adds gradients
  std::string memory_message();

  const TrainJob& job_;
  Session& session_;
  const data::LoaderOptions loading_;
  const std::uint64_t total_, per_epoch_;
  std::vector<plan::ArchSpec> fixed_;  // the subnets of every step
  bool random_;                        // and others, that the step draws
  std::unique_ptr<DeviceImages> images_;
  // On the device, for the graph: rows of the epoch, [rate, share of the average] of each step, subnets of each step.
  at::Tensor draws_, scalars_, subnets_, counter_, places_, added_;
  at::Tensor teacher_view_;  // [images, classes]: what the teacher says in this epoch's view
  std::future<Epoch> next_;
  std::uint64_t next_epoch_ = 0, current_epoch_ = ~std::uint64_t{0};
  std::unique_ptr<StepGraph> graph_;  // last: its end waits for the device
};

}  // namespace triage::train
