// What surrounds the loop: making and loading networks, batches as tensors, accuracy, the learning rate.
#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/rng.h"
#include "core/system/limits.h"
#include "core/warning.h"
#include "supernet/kernels/conv3x3_bf16.h"
#include "supernet/modules/elastic_network.h"
#include "supernet/network.h"
#include "supernet/tensor_memory.h"
#include "supernet/whiten.h"
#include "train/files/network_file.h"
#include "train/sandwich.h"
#include "train/trainer.h"

// Of OpenBLAS; null where LibTorch has another BLAS.
extern "C" void openblas_set_num_threads(int threads) __attribute__((weak));

namespace triage::train {
namespace {

constexpr std::uint32_t kStemImages = 4000;
constexpr std::size_t kEvalBatch = 500;

supernet::AnyNetwork empty_plain(const TrainJob& job, const plan::InputShape& input, int classes, bool bf16,
                                 std::uint64_t seed) {
  supernet::NetworkOptions options;
  options.bf16 = bf16;
  options.features_block = job.features_block;
  options.freeze_stem = job.options.freeze_stem;
  options.head_scale = job.options.head_scale;
  options.residual = job.options.residual;
  options.exits = job.supernet.exits;
  options.exit_gradient = job.supernet.exit_gradient;
  return std::make_shared<supernet::NetworkImpl>(job.space.plain(), input, classes, options, seed);
}

supernet::AnyNetwork empty_network(const TrainJob& job, bool bf16) {
  const data::DatasetInfo& info = job.data->info();
  const plan::InputShape input{info.channels, info.height, info.width};
  const int classes = static_cast<int>(info.classes.size());
  const std::uint64_t seed = derive_seed(job.seed, "weights of " + job.name);
  const supernet::AnyNetwork network = job.space.is_plain()
                                           ? empty_plain(job, input, classes, bf16, seed)
                                           : std::make_shared<supernet::ElasticNetworkImpl>(
                                                 job.space->text(), input, classes,
                                                 supernet::ElasticOptions{.bf16 = bf16,
                                                                          .features_section = job.features_block,
                                                                          .exits = job.supernet.exits,
                                                                          .exit_gradient = job.supernet.exit_gradient},
                                                 seed);
  network->to(job.device);
  return network;
}

// What require_same_images() looks at.
Json identity_of_images(const data::Dataset& data, const data::Splits& splits, std::uint64_t seed) {
  Json identity = {{"data", data.info().sha256},
                   {"seed", seed},
                   {"route", splits.route.size()},
                   {"validation", splits.validation.size()}};
  if (!splits.drawn.empty()) identity["splits"] = splits.drawn;
  return identity;
}

void copy_start(const TrainJob& job, supernet::AnyNetworkImpl& network) {
  require_same_images(identity_of(job), job.start->identity,
                      "stage '" + job.name + "': starts from a network of other images");
  const supernet::AnyNetworkImpl& from = *job.start->network;
  const auto same_option = [&](const char* key, auto wanted, auto found) {
    if (wanted != found) {
      fail("stage '{}': {}: expected {} as in the network it starts from, found {}", job.name, key, found, wanted);
    }
  };
  if (const auto* plain = dynamic_cast<const supernet::NetworkImpl*>(&from)) {
    same_option("residual", job.options.residual, plain->options().residual);
    same_option("head_scale", job.options.head_scale, plain->options().head_scale);
  }
  const bool same = from.any_space() == job.space;
  if (!same && job.space->subnets() > 1) {
    fail("stage '{}': expected to start from a network of its space {}, found {}", job.name, job.space->text(),
         from.any_space()->text());
  }
  Tensors tensors;
  const auto state = same ? from.state() : from.cut(job.space->largest())->state();
  for (const auto& [name, tensor] : state) tensors[name] = tensor;
  network.load_state(in_order_of(network.state(), tensors), "the start of stage '" + job.name + "'");
}

// What networks of other families than plain do without.
void check_family(const TrainJob& job) {
  if (job.space.is_plain()) return;
  const auto refuse = [&](const char* key, bool found, const char* expected) {
    if (found)
      fail("stage '{}': {}: expected {} of {}, which is not plain", job.name, key, expected, job.space->text());
  };
  refuse("whitened_stem", job.options.whitened_stem, "false");
  refuse("freeze_stem", job.options.freeze_stem, "false");
  refuse("residual", job.options.residual, "false");
  refuse("head_scale", job.options.head_scale != 1, "1");
  refuse("parallel.statistics", job.parallel.synchronised, "local");
}

void check_teacher(const TrainJob& job) {
  if (!job.has_teacher()) return;
  const int views = job.options.distill.views;
  if (job.options.augment.mixes() && views > 0) {
    fail("stage '{}': distill.views: expected 0 beside mixup or cutmix, of whose images nothing can be kept, found {}",
         job.name, views);
  }
  if (job.ask_teacher && !job.device.is_cpu() && views == 0) {
    fail("stage '{}': distill.views: expected at least 1 of an imported teacher, which is asked on the host, found 0",
         job.name);
  }
}

}  // namespace

at::Device device_from_string(const std::string& text) {
  if (text == "cpu") return at::kCPU;
  if (text != "auto" && text != "cuda") fail("device: expected auto, cpu or cuda, found '{}'", text);
  if (torch::cuda::is_available()) return at::kCUDA;
  if (text == "cuda") {
    fail("device: expected a CUDA device, found none that this LibTorch ({}) can use; 'auto' or 'cpu' takes the CPU",
         TORCH_VERSION);
  }
  return at::kCPU;
}

const char* libtorch_version() { return TORCH_VERSION; }

ComputeType fastest_precision(at::Device device) {
  return device.is_cuda() || supernet::conv3x3_bf16_supported() ? ComputeType::bf16 : ComputeType::fp32;
}

int set_up_cpu(int threads) {
  supernet::reuse_tensor_memory();
  at::set_num_threads(thread_count(threads));
  // OpenBLAS has threads of its own, which spin after each of the small heads' products and take the processors from
  // the convolutions.
  if (openblas_set_num_threads) openblas_set_num_threads(1);
  return at::get_num_threads();
}

supernet::AnyNetwork make_network(const TrainJob& job) {
  const supernet::AnyNetwork network = empty_network(job, job.precision == ComputeType::bf16);
  if (job.start) {
    copy_start(job, *network);
    return network;
  }
  if (job.options.whitened_stem) {
    const std::span<const std::uint32_t> all(job.splits->train);
    const data::Batch batch = data::make_eval_batch(
        *job.data, all.first(std::min<std::size_t>(kStemImages, all.size())), job.normalization, data::PixelType::fp32);
    const at::Tensor images = to_tensor(batch, data::PixelType::fp32, job.device);
    supernet::plain_network(network)->whiten_stem(images);
  }
  return network;
}

void check_job(const TrainJob& job) {
  const data::DatasetInfo& info = job.data->info();
  const int side = std::min(info.height, info.width);
  if (job.splits->train.size() < static_cast<std::size_t>(job.options.batch)) {
    fail("stage '{}': batch: expected at most {} (the training images), found {}", job.name, job.splits->train.size(),
         job.options.batch);
  }
  check_family(job);
  check_teacher(job);
  if (job.options.augment.shift >= side) {
    fail("stage '{}': augment.shift: expected at most {} for images of {}x{}, found {}", job.name, side - 1,
         info.height, info.width, job.options.augment.shift);
  }
  if (job.options.whitened_stem && !job.start && side < supernet::kWhitenedSide) {
    fail("stage '{}': whitened_stem: expected images of at least {}x{}, or false, found {}x{}", job.name,
         supernet::kWhitenedSide, supernet::kWhitenedSide, info.height, info.width);
  }
  sandwich_subnets(job.space, job.supernet, job.seed, 0);
  try {
    const supernet::AnyNetwork network = empty_network(job, /*bf16=*/false);
    if (job.start) copy_start(job, *network);
  } catch (const Error& error) {
    fail("stage '{}': {}", job.name, error.what());
  }
}

Json identity_of(const TrainJob& job) {
  Json identity = {{"stage", job.name},
                   {"arch", job.space->text()},
                   {"features_block", job.features_block},
                   {"options", to_json(job.options)}};
  identity.update(identity_of_images(*job.data, *job.splits, job.seed));  // the first that a message names
  identity["precision"] = to_string(job.precision);
  identity["device"] = job.device.str();
  identity["teacher"] = job.teacher_identity;
  if (job.space->subnets() > 1 || !job.supernet.exits.empty()) identity["supernet"] = to_json(job.supernet);
  if (job.start) identity["from"] = job.start->sha256;
  if (job.parallel.shares > 0) identity["shares"] = job.parallel.shares;
  if (job.parallel.synchronised) identity["statistics"] = "synchronised";
  return identity;
}

void require_same_images(const Json& expected, const Json& found, const std::string& what) {
  const auto value = [](const Json& of, const std::string& key) {
    return key == "splits" ? of.value(key, Json()) : of.at(key);
  };
  for (const char* key : {"data", "seed", "route", "validation", "splits"}) {
    if (value(found, key) != value(expected, key)) {
      fail("{}: {}: expected {}, found {}", what, key, value(expected, key).dump(), value(found, key).dump());
    }
  }
}

void require_classes(const std::vector<std::string>& expected, const data::DatasetInfo& found,
                     const std::string& what) {
  if (expected == found.classes) return;
  const auto [was, is] = std::ranges::mismatch(expected, found.classes);
  const auto name = [](const auto& place, const auto& names) {
    return place == names.end() ? "none" : "'" + *place + "'";
  };
  fail("{}: was trained on other classes: class {}: expected {}, found {} in data set '{}'", what,
       was - expected.begin(), name(was, expected), name(is, found.classes), found.name);
}

void require_images_of(const NetworkAbout& network, const data::Dataset& data, const data::Splits& splits,
                       std::uint64_t seed, const fs::path& file) {
  require_classes(network.classes, data.info(), file.string());
  if (network.identity.is_null()) {
    warn(file.string() + ": does not say what images it was trained on: they may be held-out images here");
    return;
  }
  require_same_images(network.identity, identity_of_images(data, splits, seed),
                      file.string() + ": was trained on other images than those of data set '" + data.info().name +
                          "' as it is split here");
}

supernet::AnyNetwork load_trained(const TrainJob& job, ComputeType precision) {
  const fs::path file = job.run / (job.name + "_best.pt");
  const AnyNetworkFile trained = load_any_network(file, precision);
  require_images_of(trained, *job.data, *job.splits, job.seed, file);
  if (const family::AnySpace found = trained.network->any_space(); found != job.space) {
    fail("{}: expected weights of '{}', found those of '{}'", file.string(), job.space->text(), found->text());
  }
  return trained.network;
}

at::Tensor to_tensor(const data::Batch& batch, data::PixelType type, at::Device device) {
  const std::int64_t c = batch.channels, h = batch.height, w = batch.width;
  auto* pixels = const_cast<std::uint8_t*>(batch.pixels.data());
  const at::Tensor images = at::from_blob(pixels, {batch.size, c, h, w}, {h * w * c, 1, w * c, c},
                                          type == data::PixelType::bf16 ? at::kBFloat16 : at::kFloat);
  return device.is_cpu() ? images : images.to(device);
}

data::SizeOptions seen_size(const supernet::AnyNetworkImpl& network) {
  const plan::InputShape& seen = network.seen();
  if (seen == network.input()) return {};
  return {.height = seen.height, .width = seen.width};
}

double accuracy(supernet::AnyNetworkImpl& network, const data::Dataset& data, std::span<const std::uint32_t> indices,
                const data::Normalization& normalization) {
  const torch::NoGradGuard no_grad;
  const bool was_training = network.is_training();
  network.eval();
  const at::Device device = network.device();
  const data::PixelType type = network.bf16() ? data::PixelType::bf16 : data::PixelType::fp32;
  const data::SizeOptions size = seen_size(network);
  std::int64_t right = 0;
  for (std::size_t first = 0; first < indices.size(); first += kEvalBatch) {
    const auto part = indices.subspan(first, std::min(kEvalBatch, indices.size() - first));
    const data::Batch batch = data::make_eval_batch(data, part, normalization, type, size);
    const at::Tensor answer = network.forward(to_tensor(batch, type, device)).logits.argmax(1).cpu();
    const std::int64_t* labels = answer.data_ptr<std::int64_t>();
    for (int i = 0; i < batch.size; ++i) right += labels[i] == batch.labels[i];
  }
  network.train(was_training);
  return indices.empty() ? 0 : static_cast<double>(right) / static_cast<double>(indices.size());
}

double learning_rate(const TrainOptions& options, std::uint64_t step, std::uint64_t total_steps) {
  const double done = (static_cast<double>(step) + 0.5) / static_cast<double>(total_steps);
  if (done < options.warmup) return options.lr * done / options.warmup;
  if (options.schedule == Schedule::step) {
    const double epoch = std::floor(static_cast<double>(step) * options.epochs / static_cast<double>(total_steps));
    const auto passed = std::ranges::count_if(options.milestones, [&](int milestone) { return milestone <= epoch; });
    return options.lr * std::pow(options.gamma, static_cast<double>(passed));
  }
  double left = options.warmup < 1 ? (1 - done) / (1 - options.warmup) : 0;
  if (options.schedule == Schedule::cosine) left = 0.5 * (1 - std::cos(std::numbers::pi * left));
  return options.lr * (options.final_lr + (1 - options.final_lr) * left);
}

}  // namespace triage::train
