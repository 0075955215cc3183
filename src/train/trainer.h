// Trains one network, resumably: a run that is killed at any point and started again ends with the same bits as one
// that was not. Files, in the run directory: checkpoint/NAME.ckpt while training and after; metrics.jsonl, a line per
// epoch, and the same for people's programs (results/metric_files.h); NAME.pt (averaged weights of the end) and
// NAME_best.pt (of the best validation) when done.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/context.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "data/splits.h"
#include "results/metric_files.h"
#include "supernet/any_network.h"
#include "train/files/network_file.h"
#include "train/parallel/options.h"

namespace triage::train {

class Group;

struct TrainJob {
  std::string name;
  family::AnySpace space;  // of one subnet: an ordinary network
  int features_block = 1;  // or section
  TrainOptions options;
  SupernetOptions supernet;
  std::uint64_t seed = 1;
  ComputeType precision = ComputeType::bf16;
  at::Device device = at::kCPU;
  // Of steps on a device (device/device_steps.h): the images lie there, or are sent ahead of them. Unset: on a GPU as
  // they fit; on the CPU the steps are made by a loader (step.h).
  std::optional<bool> resident;
  // The same bits every time, at the cost of slower convolutions: on a GPU those that promise it, on the CPU kernels by
  // rule (supernet/kernel_choice.h), so that they depend on no machine's times. Without it the CPU's bits are the same
  // on one machine with as many threads.
  bool deterministic = false;
  const data::Dataset* data = nullptr;  // not owned, as the next two
  const data::Splits* splits = nullptr;
  // What the weights start from: a network of the same space, or one that this space's only subnet is cut from. Null:
  // fresh weights. Its data and splits must be this job's.
  std::shared_ptr<const AnyNetworkFile> start;
  supernet::AnyNetwork teacher;  // in inference mode; null: labels only, or:
  // A teacher that is no network of ours: its logits [n, classes] for a training view [n, C, H, W], on the view's
  // device. It is asked on the host, so a GPU asks it for kept views alone (DistillOptions::views).
  std::function<at::Tensor(const at::Tensor& images)> ask_teacher;
  Json teacher_identity;  // what the teacher is, part of this network's identity
  data::Normalization normalization;
  ParallelOptions parallel;
  Group* group = nullptr;          // the processes that train this job together; null: this one alone. Not owned
  double checkpoint_seconds = 30;  // between checkpoints; 0: after every step
  results::MetricFormats metrics;
  fs::path run;
  Context context;

  bool has_teacher() const { return teacher != nullptr || ask_teacher; }
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

// From now on training and other tensor work use so many threads, 0: all cores, and keep the memory of large tensors
// (supernet/tensor_memory.h). Returns how many threads that are.
int set_up_cpu(int threads);

// The network of a job as its training begins.
supernet::AnyNetwork make_network(const TrainJob& job);

// What a checkpoint of this job must agree with.
Json identity_of(const TrainJob& job);

// Throws Error with `what` and the first difference when two trainings (identity_of) had other images or splits of
// them: what one was trained on may be the other's held-out images.
void require_same_images(const Json& expected, const Json& found, const std::string& what);

// The same for classes: names and their order.
void require_classes(const std::vector<std::string>& expected, const data::DatasetInfo& found, const std::string& what);

// Both for a network that was read from `file`. A network whose
// training is unknown gets a warning.
void require_images_of(const NetworkAbout& network, const data::Dataset& data, const data::Splits& splits,
                       std::uint64_t seed, const fs::path& file);

// Throws Error where training cannot begin, or would end when it begins: a batch larger than the data, an architecture
// or augmentation that the images are too small for, a start that does not fit. Makes the network to see that.
void check_job(const TrainJob& job);

// Blocks until done, on every rank of the job's group; rank 0 alone writes files. Throws Interrupted after saving when
// it is to stop, and Error when the loss turns NaN or diverges (step and learning rate are named; the last good
// checkpoint stays); PeerLost when another rank is gone, on rank 0 after saving.
TrainResult train(const TrainJob& job);

// The trained network, from NAME_best.pt, in inference mode. It must have been trained on the job's images.
supernet::AnyNetwork load_trained(const TrainJob& job, ComputeType precision);

// Share of `indices` that the network labels right; in inference mode.
double accuracy(supernet::AnyNetworkImpl& network, const data::Dataset& data, std::span<const std::uint32_t> indices,
                const data::Normalization& normalization);

// A batch as the [n, C, H, W] channels-last tensor that networks take, on `device`. The tensor borrows batch.pixels on
// CPU.
at::Tensor to_tensor(const data::Batch& batch, data::PixelType type, at::Device device);

// Of the images that a network is evaluated on: as it sees them, prepared as the runtime prepares them.
data::SizeOptions seen_size(const supernet::AnyNetworkImpl& network);

// Learning rate of a step, from 0: TrainOptions::schedule.
double learning_rate(const TrainOptions& options, std::uint64_t step, std::uint64_t total_steps);

}  // namespace triage::train
