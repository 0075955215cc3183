// What many subnets cost against one: a training step of the space against one of its largest net alone, in turns, and
// the scoring of a subnet: cutting, batch statistics from 2,048 images, 5,000 images asked at every exit.
//   supernet_bench zoo/cifar10-supernet/supernet.pt --data data/cifar10.tds
//   ... --record results/supernet.json           and the figures train.epoch_cost_ratio, eval.subnet_seconds
//   ... --rounds 0 --record results/training.json    scoring alone, on a CPU with AMX as amx.subnet_seconds
// Steps leave out the loading of images, which is the same for both. Only times are measured, nothing is learned: the
// images scored are the first of the training images.
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <numeric>

#include "bench/bench_main.h"
#include "core/files/user_cache.h"
#include "core/system/cpu.h"
#include "core/system/machine.h"
#include "supernet/kernel_choice.h"
#include "supernet/sgd.h"
#include "train/sandwich.h"
#include "train/subnets.h"
#include "train/trainer.h"

namespace {

using namespace triage;

struct Options {
  std::string supernet, data, record;
  int batch = 512, rounds = 24, random_subnets = 0, random_images = 0, scored = 9, images = 5000;
  double mmac = 20;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A network in training and the seconds of its steps.
class Trained {
 public:
  explicit Trained(supernet::Network network)
      : network_(std::move(network)),
        sgd_({{network_->trainable_weights(), 1, 1e-3}, {network_->trainable_biases(), 16, 1e-3}}) {
    network_->train();
  }
  void step(const at::Tensor& images, const at::Tensor& labels, const std::vector<family::ArchSpec>& subnets,
            const train::SupernetOptions& options, bool keep) {
    const auto loss = [&](const at::Tensor& logits) {
      return at::cross_entropy_loss(logits, labels, {}, at::Reduction::Mean, -100, 0.2);
    };
    const double start = now();
    train::sandwich_step(*network_, images, subnets, loss, options);
    sgd_.step({.learning_rate = 0.01});
    if (keep) seconds.push_back(now() - start);
  }
  std::vector<double> seconds;

 private:
  supernet::Network network_;
  supernet::Sgd sgd_;
};

// Ratio of the summed seconds of a space's steps and of its largest net's, over different random subnets.
Figure step_ratio(const Options& options, const supernet::Network& supernet, const at::Tensor& images,
                  const at::Tensor& labels) {
  const supernet::NetworkOptions trained = supernet->options();
  supernet::NetworkOptions alone = trained;
  alone.exits.clear();
  const auto net = [&](const plan::SearchSpace& space, supernet::NetworkOptions with) {
    with.freeze_stem = true;  // as in training
    return Trained(supernet::Network(space, supernet->input(), supernet->classes(), with, /*seed=*/1));
  };
  const plan::ArchSpec largest = supernet->space().largest();
  Trained many = net(supernet->space(), trained), one = net(plan::SearchSpace::only(largest), alone);
  const train::SupernetOptions sampling{
      .exits = trained.exits, .random_subnets = options.random_subnets, .random_images = options.random_images};
  for (int round = -1; round < options.rounds; ++round) {
    const auto subnets = train::sandwich_subnets(supernet->space(), sampling, 1, static_cast<std::uint64_t>(round + 1));
    many.step(images, labels, subnets, sampling, round >= 0);
    one.step(images, labels, {family::AnySpace(plan::SearchSpace::only(largest))->largest()}, sampling, round >= 0);
  }
  const auto ratio = [&](std::span<const std::uint32_t> rounds) {
    double all = 0, single = 0;
    for (const std::uint32_t i : rounds) {
      all += many.seconds[i];
      single += one.seconds[i];
    }
    return all / single;
  };
  std::vector<std::uint32_t> rounds(many.seconds.size());
  std::iota(rounds.begin(), rounds.end(), 0u);
  std::printf("training step: %.0f ms for the space, %.0f ms for the largest alone (medians of %d)\n",
              1e3 * summarize(many.seconds).median, 1e3 * summarize(one.seconds).median, options.rounds);
  return {.value = ratio(rounds),
          .unit = "x",
          .interval = bootstrap_interval(rounds.size(), ratio, 2000, /*seed=*/1),
          .n = options.rounds};
}

// Seconds to cut, recalibrate and ask subnets within 5 % of the wanted size.
Figure scoring(const Options& options, const train::NetworkFile& file, const data::Dataset& data,
               std::span<const std::uint32_t> train) {
  const train::SubnetCutter cutter(file.network.ptr(), data, train, file.normalization);
  const auto asked = train.first(std::min(train.size(), static_cast<std::size_t>(options.images)));
  const train::ImageBatches images(data, asked, file.normalization, *file.network);
  std::vector<Label> labels;
  for (const std::uint32_t index : asked) labels.push_back(data.label(index));
  Rng rng(1);
  std::vector<double> seconds;
  for (int drawn = 0; drawn < 1'000'000 && std::ssize(seconds) < options.scored; ++drawn) {
    const plan::ArchSpec subnet = file.network->space().sample(rng);
    const double macs =
        static_cast<double>(plan::arch_cost(subnet, file.network->input(), file.network->classes()).macs);
    if (std::abs(macs / 1e6 / options.mmac - 1) > 0.05) continue;
    const double start = now();
    supernet::Network network = cutter.cut(subnet);
    train::ask_exits(network, images, labels);
    seconds.push_back(now() - start);
    std::printf("%-44s %6.2f MMAC  %.3f s\n", subnet.text().c_str(), macs / 1e6, seconds.back());
  }
  if (seconds.empty()) fail("expected subnets of about {} MMAC in {}", options.mmac, file.network->space().text());
  const Summary summary = summarize(seconds);
  return {.value = summary.median,
          .unit = "s",
          .interval = Interval{summary.min, summary.max},
          .n = static_cast<int>(summary.count)};
}

void run(Options options, const std::string& command) {
  train::set_up_cpu(0);
  supernet::remember_kernels(user_cache_directory());
  const train::NetworkFile file = train::load_network(options.supernet, train::ComputeType::bf16);
  const JsonReader trained(file.identity.at("supernet"), options.supernet + ": about.identity.supernet");
  if (options.random_subnets == 0) options.random_subnets = trained.get<int>("random_subnets");
  if (options.random_images == 0) options.random_images = trained.get_or<int>("random_images", 0);
  const data::Dataset data = data::Dataset::open(options.data);
  std::vector<std::uint32_t> train(data.info().train_count);
  std::iota(train.begin(), train.end(), 0u);
  const auto first = std::span<const std::uint32_t>(train).first(std::min(train.size(), std::size_t(options.batch)));
  const train::ImageBatches batch(data, first, file.normalization, *file.network);
  std::vector<std::int64_t> labels;
  for (const std::uint32_t index : first) labels.push_back(data.label(index));
  std::map<std::string, Figure> figures;
  if (options.rounds > 0)
    figures["train.epoch_cost_ratio"] = step_ratio(options, file.network, batch.batches().front(), at::tensor(labels));
  const bool amx = cpu_flags().contains("amx_bf16");
  figures[amx ? "amx.subnet_seconds" : "eval.subnet_seconds"] = scoring(options, file, data, train);
  for (const auto& [key, figure] : figures) {
    std::printf("%-24s %.3f %s [%.3f, %.3f]\n", key.c_str(), figure.value, figure.unit.c_str(), figure.interval->low,
                figure.interval->high);
  }
  if (!options.record.empty()) record_figures(options.record, command, figures);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Cost of training a space of subnets against its largest alone, and of scoring one subnet"};
  app.add_option("SUPERNET", options.supernet, "supernet.pt")->required();
  app.add_option("--data", options.data, "data set (.tds)")->required();
  app.add_option("--batch", options.batch, "images per step, at most 512")
      ->capture_default_str()
      ->check(CLI::Range(2, 512));
  app.add_option("--rounds", options.rounds, "steps of each kind; 0: scoring alone")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--random-subnets", options.random_subnets, "a step; default: as SUPERNET was trained");
  app.add_option("--random-images", options.random_images, "each of them sees; default: as SUPERNET was trained");
  app.add_option("--scored", options.scored, "subnets scored")->capture_default_str();
  app.add_option("--mmac", options.mmac, "their size")->capture_default_str();
  app.add_option("--images", options.images, "they are asked about")->capture_default_str();
  app.add_option("--record", options.record, "file of record that gets the figures");
  return bench::bench_main(app, "supernet_bench", argc, argv,
                           [&](const std::string& command) { run(options, command); });
}
