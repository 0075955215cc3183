// Images per second of a whole training step (augmentation, forward, loss, backward, SGD), and against PyTorch eager.
//
//   train_step_bench                                      our figure alone, and where its time goes
//   train_step_bench --arch residual:16-16x3-32x3/2-64x3/2    the same of a net of any family
//   train_step_bench --compare 3 --record results/pair.json
// runs ours and bench/pytorch_train.py in turns, so that other load on the machine hits all alike; the fastest step of
// each counts. PyTorch's best is the better of its two bf16 modes, with as many threads as ours and an allocator that
// keeps its memory, as ours does; its default has as many threads, too, but glibc's settings. Kernels are those of the
// user's cache, as in training, and are measured where it lacks them; --rule takes those of the rule. --kernels prints
// which were taken. Where the CPU has AMX the record is of AMX: train_step_bench --compare 3 --record
// results/training.json.
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <numeric>

#include "bench/bench_main.h"
#include "core/files/temporary.h"
#include "core/files/user_cache.h"
#include "core/system/cpu.h"
#include "core/system/machine.h"
#include "data/import/import.h"
#include "data/loader.h"
#include "family/any_space.h"
#include "supernet/kernel_choice.h"
#include "supernet/modules/elastic_network.h"
#include "supernet/network.h"
#include "supernet/sgd.h"
#include "train/trainer.h"

namespace {

using namespace triage;

struct Options {
  std::string arch = "24-64,64-192,192-256,256";
  int batch = 512, warmup = 2, steps = 5, compare = 0, threads = 0;
  bool rule = false, kernels = false;
  std::string python = "/usr/bin/python3", script = "bench/pytorch_train.py", record;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Timing {
  std::vector<double> steps;                               // seconds
  double wait = 0, forward = 0, backward = 0, update = 0;  // seconds of the fastest step
};

// Generated images as an imported data set, so that the loader does its real work.
data::Dataset generated_images(int count, const fs::path& file) {
  data::GeneratedOptions generated;
  generated.classes = 8;
  generated.height = generated.width = 32;
  generated.train_count = count;
  generated.test_count = 8;
  data::write_dataset(data::generate(generated), file);
  return data::Dataset::open(file);
}

supernet::AnyNetwork network(const std::string& text) {
  const family::AnySpace space = family::AnySpace::parse(text);
  if (!space.is_plain())
    return std::make_shared<supernet::ElasticNetworkImpl>(text, plan::InputShape{}, 10, supernet::ElasticOptions{}, 1);
  return std::make_shared<supernet::NetworkImpl>(space.plain(), plan::InputShape{}, 10, supernet::NetworkOptions{}, 1);
}

Timing train_steps(const Options& options, const data::Dataset& images) {
  std::vector<std::uint32_t> indices(images.info().train_count);
  std::iota(indices.begin(), indices.end(), 0u);
  data::LoaderOptions loading;
  loading.batch = options.batch;
  data::TrainLoader loader(images, indices, data::measure_normalization(images, indices), loading, 0);
  const supernet::AnyNetwork net = network(options.arch);
  supernet::Sgd sgd({{net->trainable_weights(), 1, 1e-3}, {net->trainable_biases(), 16, 1e-3}});
  Timing timing;
  for (int step = 0; step < options.warmup + options.steps; ++step) {
    const double start = now();
    data::Batch batch = loader.next();
    const double loaded = now();
    const at::Tensor x =
        at::from_blob(batch.pixels.data(), {batch.size, 32, 32, 3}, at::kBFloat16).permute({0, 3, 1, 2});
    const at::Tensor labels = at::from_blob(batch.labels.data(), {batch.size}, at::kLong);
    const at::Tensor loss = at::cross_entropy_loss(net->forward(x).logits, labels, {}, at::Reduction::Mean, -100, 0.2);
    const double forward = now();
    loss.backward();
    const double backward = now();
    sgd.step({.learning_rate = 0.01});
    loader.recycle(std::move(batch));
    const double end = now();
    if (step < options.warmup) continue;
    timing.steps.push_back(end - start);
    if (end - start > *std::min_element(timing.steps.begin(), timing.steps.end())) continue;
    timing.wait = loaded - start;
    timing.forward = forward - loaded;
    timing.backward = backward - forward;
    timing.update = end - backward;
  }
  return timing;
}

double pytorch_images_per_second(const Options& options, const std::string& mode) {
  const std::string keeps_memory = "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=34359738368 MALLOC_TOP_PAD_=1073741824 ";
  const std::string command = std::format("{}{} {} --mode {} --arch {} --batch {} --warmup {} --steps {} --threads {}",
                                          mode == "default" ? "" : keeps_memory, options.python, options.script, mode,
                                          options.arch, options.batch, options.warmup, options.steps, options.threads);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) fail("{}: cannot be started", command);
  std::string output;
  for (int c; (c = fgetc(pipe.get())) != EOF;) output.push_back(static_cast<char>(c));
  const Json json = parse_json(output, command);
  return JsonReader(json, command).get<double>("images_per_second");
}

void compare(const Options& options, const data::Dataset& images, const std::string& command) {
  struct Side {
    const char* name;
    double best = 0;
  } sides[] = {{"ours"}, {"bf16"}, {"bf16-pure"}, {"default"}};
  for (int round = 0; round < options.compare; ++round) {
    for (Side& side : sides) {
      double rate = 0;
      if (&side == sides) {
        const Timing timing = train_steps(options, images);
        rate = options.batch / *std::min_element(timing.steps.begin(), timing.steps.end());
      } else {
        rate = pytorch_images_per_second(options, side.name);
      }
      side.best = std::max(side.best, rate);
      std::cout << std::format("round {}  {:<9}  {:7.1f} images/s\n", round + 1, side.name, rate) << std::flush;
    }
  }
  const double best = std::max(sides[1].best, sides[2].best);
  std::cout << std::format("ours {:.1f} images/s: {:.2f} x PyTorch's best ({:.1f}), {:.2f} x its default ({:.1f})\n",
                           sides[0].best, sides[0].best / best, best, sides[0].best / sides[3].best, sides[3].best);
  if (options.record.empty()) return;
  const auto figure = [&](double value, const char* unit) {
    return Figure{.value = value, .unit = unit, .interval = std::nullopt, .n = options.compare};
  };
  const std::string prefix = cpu_flags().contains("amx_bf16") ? "amx." : "train.";
  record_figures(options.record, command,
                 {{prefix + "speedup_vs_pytorch_best", figure(sides[0].best / best, "x")},
                  {prefix + "speedup_vs_pytorch_default", figure(sides[0].best / sides[3].best, "x")},
                  {prefix + "images_per_second", figure(sides[0].best, "images/s")},
                  {prefix + "pytorch_best_images_per_second", figure(best, "images/s")},
                  {prefix + "pytorch_default_images_per_second", figure(sides[3].best, "images/s")}});
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Images per second of training, alone or against PyTorch eager"};
  app.add_option("--arch", options.arch, "Widths of the net")->capture_default_str();
  app.add_option("--batch", options.batch, "Images per step")->capture_default_str();
  app.add_option("--warmup", options.warmup, "Steps before timing")->capture_default_str();
  app.add_option("--steps", options.steps, "Timed steps; the fastest counts")->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of both sides; 0: all cores");
  app.add_option("--compare", options.compare, "Rounds against PyTorch; 0: ours alone")->capture_default_str();
  app.add_option("--python", options.python, "Interpreter that has PyTorch")->capture_default_str();
  app.add_option("--script", options.script, "Path of pytorch_train.py")->capture_default_str();
  app.add_option("--record", options.record, "File of record that gets the figures");
  app.add_flag("--rule", options.rule, "Kernels by rule, not by their times");
  app.add_flag("--kernels", options.kernels, "Print the kernels that were taken");
  return bench::bench_main(app, "train_step_bench", argc, argv, [&](const std::string& command) {
    options.threads = train::set_up_cpu(options.threads);
    if (!options.rule) supernet::remember_kernels(user_cache_directory());
    const data::Dataset images = [&] {
      const TemporaryDirectory directory("train_step_bench");  // the map stays
      return generated_images(4 * options.batch, directory.path() / "images.tds");
    }();
    if (options.compare > 0) return compare(options, images, command);
    const Timing timing = train_steps(options, images);
    const double best = *std::min_element(timing.steps.begin(), timing.steps.end());
    std::cout << std::format(
        "{:.1f} images/s: step {:.1f} ms = data {:.1f} + forward and loss {:.1f} + backward {:.1f} + SGD {:.1f}\n",
        options.batch / best, 1e3 * best, 1e3 * timing.wait, 1e3 * timing.forward, 1e3 * timing.backward,
        1e3 * timing.update);
    if (options.kernels) std::cout << dump_json(supernet::kernel_choice().choices(), 2) << "\n";
  });
}
