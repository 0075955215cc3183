// Trains one network, resumably: a run that is killed at any point and started again ends with the same bits as one
// that was not. Files, in the run directory: checkpoint/NAME.ckpt while training and after; metrics.jsonl, a line per
// epoch; NAME.pt (averaged weights of the end) and NAME_best.pt (of the best validation) when done.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/context.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "data/splits.h"
#include "supernet/network.h"
#include "train/files/network_file.h"

namespace triage::train {

struct TrainJob {
  std::string name;
  plan::SearchSpace space;  // of one subnet: an ordinary network
  int features_block = 1;
  TrainOptions options;
  SupernetOptions supernet;
  std::uint64_t seed = 1;
  ComputeType precision = ComputeType::bf16;
  at::Device device = at::kCPU;
  // Images and steps live on the device (device/device_steps.h). Unset: on a GPU where the images fit.
  std::optional<bool> resident;
  bool deterministic = false;           // on a GPU: the same bits every time, at the cost of slower convolutions
  const data::Dataset* data = nullptr;  // not owned, as the next two
  const data::Splits* splits = nullptr;
  // What the weights start from: a network of the same space, or one that this space's only subnet is cut from. Null:
  // fresh weights. Its data and splits must be this job's.
  std::shared_ptr<const NetworkFile> start;
  supernet::Network* teacher = nullptr;  // in inference mode; null: labels only
  Json teacher_identity;                 // what the teacher is, part of this network's identity
  data::Normalization normalization;
  double checkpoint_seconds = 30;  // between checkpoints; 0: after every step
  fs::path run;
  Context context;
};

struct TrainResult {
  double validation_accuracy = 0, best_validation_accuracy = 0;  // of the averaged weights
  double seconds = 0;                                            // of training, over all resumed parts
  double images_per_second = 0;
};

// "auto", "cpu" or "cuda"; throws Error when CUDA is asked for and this LibTorch has none.
at::Device device_from_string(const std::string& text);
const char* libtorch_version();

// bf16 where the device multiplies it in hardware (CUDA; CPUs with AVX512-BF16). Elsewhere LibTorch emulates it at a
// fifth of fp32's speed, measured on a CPU with AVX2 alone.
ComputeType fastest_precision(at::Device device);

// Threads that training and other tensor work use from now on; 0: all cores. Returns how many that are.
int set_threads(int threads);

// The network of a job as its training begins.
supernet::Network make_network(const TrainJob& job);

// What a checkpoint of this job must agree with.
Json identity_of(const TrainJob& job);

// Throws Error with `what` and the first difference when two trainings (identity_of) had other images or splits of
// them: what one was trained on may be the other's held-out images.
void require_same_images(const Json& expected, const Json& found, const std::string& what);

// The same for classes: names and their order.
void require_classes(const std::vector<std::string>& expected, const data::DatasetInfo& found, const std::string& what);

// Both for a network that was read from `file`. A network whose
// training is unknown gets a warning.
void require_images_of(const NetworkFile& network, const data::Dataset& data, const data::Splits& splits,
                       std::uint64_t seed, const fs::path& file);

// Throws Error where training cannot begin, or would end when it begins: a batch larger than the data, an architecture
// or augmentation that the images are too small for, a start that does not fit. Makes the network to see that.
void check_job(const TrainJob& job);

// Blocks until done. Throws Interrupted after saving when it is to stop, and Error when the loss turns NaN or
// diverges (step and learning rate are named; the last good checkpoint stays).
TrainResult train(const TrainJob& job);

// The trained network, from NAME_best.pt, in inference mode. It must have been trained on the job's images.
supernet::Network load_trained(const TrainJob& job, ComputeType precision);

// Share of `indices` that the network labels right; in inference mode.
double accuracy(supernet::Network& network, const data::Dataset& data, std::span<const std::uint32_t> indices,
                const data::Normalization& normalization);

// A batch as the [n, C, H, W] channels-last tensor that networks take, on `device`. The tensor borrows batch.pixels on
// CPU.
at::Tensor to_tensor(const data::Batch& batch, const data::Dataset& data, data::PixelType type, at::Device device);

// Learning rate of a step: linear rise, linear fall.
double learning_rate(const TrainOptions& options, std::uint64_t step, std::uint64_t total_steps);

}  // namespace triage::train
