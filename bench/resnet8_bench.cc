// The ResNet-8 of MLPerf Tiny (C. Banbury et al. 2021; 16 filters, 12.5 MMAC) trained by this project's recipe, and a
// plan beside it on the same test images:
//   resnet8_bench --data data/cifar10.tds --state runs/resnet8.pt
//   ... --plan runs/cifar10-tiny/plan --record results/hardware.json
//       resnet8.accuracy, resnet8.plan_accuracy (%), resnet8.mac_ratio (the plan's mean MACs over the ResNet's)
// The recipe: the loader's augmentation, Nesterov SGD with the run's schedule, label smoothing, averaged weights whose
// batch statistics are measured anew. --state is written after every epoch; the same command goes on from there.
#include <malloc.h>
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <limits>
#include <numeric>

#include "bench/bench_main.h"
#include "core/progress.h"
#include "core/statistics/statistics.h"
#include "core/system/machine.h"
#include "core/system/terminal_progress.h"
#include "data/loader.h"
#include "data/splits.h"
#include "evaluate/evaluate.h"
#include "supernet/sgd.h"
#include "train/trainer.h"

namespace {

using namespace triage;

constexpr int kEvalBatch = 500, kRecalibrationBatches = 20;

struct Options {
  std::string data, state, plan, record;
  int epochs = 60;
  std::uint64_t seed = 1;
};

torch::nn::Conv2d conv(int in, int out, int kernel, int stride) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
}

struct StackImpl : torch::nn::Module {
  StackImpl(int in, int out, int stride) {
    first = register_module("first", conv(in, out, 3, stride));
    second = register_module("second", conv(out, out, 3, 1));
    first_norm = register_module("first_norm", torch::nn::BatchNorm2d(out));
    second_norm = register_module("second_norm", torch::nn::BatchNorm2d(out));
    if (in != out) shortcut = register_module("shortcut", conv(in, out, 1, stride));
  }
  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor y = second_norm(second(torch::relu(first_norm(first(x)))));
    return torch::relu(y + (shortcut.is_empty() ? x : shortcut(x)));
  }
  torch::nn::Conv2d first{nullptr}, second{nullptr}, shortcut{nullptr};
  torch::nn::BatchNorm2d first_norm{nullptr}, second_norm{nullptr};
};
TORCH_MODULE(Stack);

struct ResNet8Impl : torch::nn::Module {
  ResNet8Impl() {
    stem = register_module("stem", conv(3, 16, 3, 1));
    norm = register_module("norm", torch::nn::BatchNorm2d(16));
    a = register_module("a", Stack(16, 16, 1));
    b = register_module("b", Stack(16, 32, 2));
    c = register_module("c", Stack(32, 64, 2));
    head = register_module("head", torch::nn::Linear(64, 10));
  }
  at::Tensor forward(const at::Tensor& images) {
    const at::Tensor map = c(b(a(torch::relu(norm(stem(images))))));
    return head(map.mean({2, 3}));
  }
  torch::nn::Conv2d stem{nullptr};
  torch::nn::BatchNorm2d norm{nullptr};
  Stack a{nullptr}, b{nullptr}, c{nullptr};
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(ResNet8);

// Multiply-adds of an image of 32x32: 3x3 convolutions, the two shortcuts, the head.
double macs() {
  const double stem = 9.0 * 3 * 16 * 1024, a = 2 * 9.0 * 16 * 16 * 1024;
  const double b = (9.0 * 16 * 32 + 9.0 * 32 * 32 + 16 * 32) * 256, c = (9.0 * 32 * 64 + 9.0 * 64 * 64 + 32 * 64) * 64;
  return stem + a + b + c + 64 * 10;
}

supernet::NamedTensors named(const ResNet8& net) {
  supernet::NamedTensors tensors;
  for (const auto& item : net->named_parameters()) tensors.emplace_back(item.key(), item.value());
  for (const auto& item : net->named_buffers()) tensors.emplace_back(item.key(), item.value());
  return tensors;
}

at::Tensor images_of(const data::Batch& batch) {
  return at::from_blob(const_cast<std::uint8_t*>(batch.pixels.data()), {batch.size, 32, 32, 3}, at::kFloat)
      .permute({0, 3, 1, 2});
}

double test_accuracy(ResNet8& net, const data::Dataset& data, const data::Normalization& norm) {
  const torch::NoGradGuard no_grad;
  net->eval();
  std::vector<std::uint32_t> test(data.info().test_count);
  std::iota(test.begin(), test.end(), data.info().test_first());
  std::int64_t right = 0;
  for (std::size_t first = 0; first < test.size(); first += kEvalBatch) {
    const auto part = std::span(test).subspan(first, std::min<std::size_t>(kEvalBatch, test.size() - first));
    const data::Batch batch = data::make_eval_batch(data, part, norm, data::PixelType::fp32);
    const at::Tensor labels = at::from_blob(const_cast<std::int64_t*>(batch.labels.data()), {batch.size}, at::kLong);
    right += net->forward(images_of(batch)).argmax(1).eq(labels).sum().item<std::int64_t>();
  }
  return static_cast<double>(right) / static_cast<double>(test.size());
}

// Statistics for the weights as they are, over augmented batches without holes.
void recalibrate(ResNet8& net, const data::Dataset& data, const data::Splits& splits, const data::Normalization& norm,
                 data::LoaderOptions options) {
  const torch::NoGradGuard no_grad;
  options.augment.cutout = 0;
  options.seed = derive_seed(options.seed, "recalibration");
  data::TrainLoader loader(data, splits.train, norm, options, 0);
  net->train();
  for (auto& module : net->modules(false)) {
    if (auto* norm2d = module->as<torch::nn::BatchNorm2d>()) {
      norm2d->reset_running_stats();
      norm2d->options.momentum(std::nullopt);  // the plain mean over batches
    }
  }
  for (int i = 0; i < kRecalibrationBatches; ++i) net->forward(images_of(loader.next()));
}

double train_and_test(const Options& options, const data::Dataset& data) {
  train::TrainOptions recipe;
  recipe.epochs = options.epochs;
  const data::Splits splits = data::make_splits(data, {2500, 2500, options.seed});
  const data::Normalization norm = data::measure_normalization(data, splits.train);
  data::LoaderOptions loading;
  loading.batch = recipe.batch;
  loading.seed = derive_seed(options.seed, "resnet8");
  loading.pixels = data::PixelType::fp32;
  loading.augment = {.shift = 3, .flip = true, .cutout = 8};
  torch::manual_seed(options.seed);
  ResNet8 net;
  supernet::NamedTensors weights, others;
  for (const auto& item : net->named_parameters())
    (item.value().dim() > 1 ? weights : others).emplace_back(item.key(), item.value());
  supernet::Sgd sgd({{weights, 1, recipe.weight_decay}, {others, 1, 0}}, recipe.momentum);
  supernet::WeightAverage average(named(net));
  std::uint64_t step = 0;
  if (!options.state.empty() && fs::exists(options.state)) {
    torch::serialize::InputArchive archive;
    archive.load_from(options.state);
    const auto restore = [&](supernet::NamedTensors tensors, const std::string& prefix) {
      const torch::NoGradGuard no_grad;
      for (auto& [name, tensor] : tensors) {
        at::Tensor from;
        archive.read(prefix + name, from);
        tensor.copy_(from);
      }
    };
    restore(named(net), "net.");
    restore(sgd.state(), "sgd.");
    restore(average.state(), "average.");
    at::Tensor at_step;
    archive.read("step", at_step);
    step = static_cast<std::uint64_t>(at_step.item<std::int64_t>());
  }
  data::TrainLoader loader(data, splits.train, norm, loading, step);
  const std::uint64_t per_epoch = loader.steps_per_epoch(),
                      total = per_epoch * static_cast<std::uint64_t>(recipe.epochs);
  TerminalProgress terminal;
  Progress progress({&terminal, {}}, "train resnet8", total * static_cast<std::uint64_t>(recipe.batch), "images",
                    step * static_cast<std::uint64_t>(recipe.batch));
  net->train();
  while (step < total) {
    const data::Batch batch = loader.next();
    const at::Tensor labels = at::from_blob(const_cast<std::int64_t*>(batch.labels.data()), {batch.size}, at::kLong);
    const at::Tensor loss = at::cross_entropy_loss(net->forward(images_of(batch)), labels, {}, at::Reduction::Mean,
                                                   -100, recipe.label_smoothing);
    loss.backward();
    sgd.step({.learning_rate = train::learning_rate(recipe, step, total)});
    average.update(std::min(recipe.average_decay, static_cast<double>(step + 1) / static_cast<double>(step + 10)));
    ++step;
    progress.update(step * static_cast<std::uint64_t>(recipe.batch), std::format("loss {:.3f}", loss.item<double>()));
    if (options.state.empty() || step % per_epoch != 0) continue;
    torch::serialize::OutputArchive archive;
    const auto keep = [&](const supernet::NamedTensors& tensors, const std::string& prefix) {
      for (const auto& [name, tensor] : tensors) archive.write(prefix + name, tensor.detach());
    };
    keep(named(net), "net.");
    keep(sgd.state(), "sgd.");
    keep(average.state(), "average.");
    archive.write("step", at::tensor(static_cast<std::int64_t>(step)));
    archive.save_to(options.state + ".part");
    fs::rename(options.state + ".part", options.state);
  }
  progress.finish();
  average.store();
  recalibrate(net, data, splits, norm, loading);
  return test_accuracy(net, data, norm);
}

void run(const Options& options, const std::string& command) {
  train::set_up_cpu(0);
  // A step's tensors are as large as those of the step before: memory given back to the system is paged in anew, which
  // takes 40 % of the time here (0.9 against 1.5 thousand images/s).
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  const data::Dataset data = data::Dataset::open(options.data);
  if (data.info().height != 32 || data.info().width != 32 || data.info().channels != 3 ||
      data.info().classes.size() != 10) {
    fail("{}: expected 32x32 colour images of 10 classes, found another shape", options.data);
  }
  const double accuracy = train_and_test(options, data);
  const auto count = data.info().test_count;
  const Interval interval =
      proportion_interval(static_cast<std::size_t>(std::lround(accuracy * count)), static_cast<std::size_t>(count));
  std::map<std::string, Figure> figures;
  figures["resnet8.accuracy"] = {100 * accuracy, "%", Interval{100 * interval.low, 100 * interval.high},
                                 static_cast<int>(count)};
  if (!options.plan.empty()) {
    const results::Results results =
        evaluate::evaluate_plan({.plan = options.plan, .data = options.data, .latency = false, .command = command});
    const auto of_plan = evaluate::plan_figures(results, "plan");
    figures["resnet8.plan_accuracy"] = of_plan.at("plan.accuracy");
    figures["resnet8.mac_ratio"] = {.value = of_plan.at("plan.mean_mmac").value * 1e6 / macs(), .unit = "1"};
  }
  for (const auto& [key, figure] : figures)
    std::printf("%-24s %.3f %s\n", key.c_str(), figure.value, figure.unit.c_str());
  if (!options.record.empty()) record_figures(options.record, command, figures);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"ResNet-8 of MLPerf Tiny trained by this project's recipe, beside a plan"};
  app.add_option("--data", options.data, "CIFAR-10 (.tds)")->required();
  app.add_option("--state", options.state, "training's state: written after every epoch, taken up where it is there");
  app.add_option("--epochs", options.epochs, "of the training")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "of weights and batches")->capture_default_str();
  app.add_option("--plan", options.plan, "plan directory to evaluate beside it");
  app.add_option("--record", options.record, "record the figures in this results/*.json");
  return bench::bench_main(app, "resnet8_bench", argc, argv,
                           [&](const std::string& command) { run(options, command); });
}
