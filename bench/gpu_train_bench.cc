// Training on a GPU: images per second of whole epochs, augmentation included, and how long it takes to an accuracy.
//
//   gpu_train_bench --what plain --data data/cifar10.tds        gpu.images_per_second
//   gpu_train_bench --what plain --images sent ...              gpu.sent_images_per_second
//   gpu_train_bench --what supernet ...                         gpu.supernet_images_per_second, gpu.supernet_minutes
//   gpu_train_bench --what accuracy --seeds 1,2,3 ...           gpu.seconds_to_94
// The rates are those of the epochs behind the first, in which algorithms are chosen and the step is captured; minutes
// and seconds are of all of train(), from the first weights to the networks written. --record FILE keeps the figures.
#include <stdlib.h>
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

#include "core/system/machine.h"
#include "train/device/step_graph.h"
#include "train/trainer.h"

namespace {

using namespace triage;

struct Options {
  std::string what = "plain", images = "resident", data, record, device = "cuda", arch, precision = "bf16";
  std::vector<std::uint64_t> seeds{1};
  int epochs = 0, batch = 0;
  std::uint32_t validation = 2500, route = 2500;
  double lr = 0, goal = 0.94, smoothing = 0.2, decay = 0.995, weight_decay = 1.2e-3;
  int shift = 2, cutout = 0;
  bool residual = false, deterministic = false, verbose = false;
};

constexpr const char* kPlain = "18-64,60-192,192-240,240";
constexpr const char* kSupernet =
    "10:24:2-32:64:4,32:64:4?-96:224:16,96:224:16?-128:256:16,128:256:16?,128:256:16?";  // configs/cifar10-supernet.toml

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

train::TrainJob job_of(const Options& options) {
  train::TrainJob job;
  job.name = "bench";
  const bool supernet = options.what == "supernet";
  const std::string arch = !options.arch.empty() ? options.arch : supernet ? kSupernet : kPlain;
  job.space = plan::SearchSpace::parse(arch);
  job.options.epochs = options.epochs > 0 ? options.epochs : supernet ? 60 : 6;
  job.options.batch = options.batch > 0 ? options.batch : supernet ? 512 : 1024;
  job.options.lr = options.lr > 0 ? options.lr : 0.6;
  job.options.validate_every = supernet ? 4 : 10000;
  job.options.label_smoothing = options.smoothing;
  job.options.average_decay = options.decay;
  job.options.weight_decay = options.weight_decay;
  job.options.residual = options.residual || supernet;
  job.options.augment.shift = supernet ? 3 : options.shift;
  job.options.augment.cutout = supernet ? 8 : options.cutout;
  if (supernet) {
    job.supernet.exits = {1, 2};
    job.supernet.random_subnets = 8;
    job.supernet.random_images = 128;
    job.supernet.subnet_weight = 2;
  }
  job.precision = train::compute_type_from_string(options.precision);
  job.device = train::device_from_string(options.device);
  job.deterministic = options.deterministic;
  job.resident = options.images == "resident";
  return job;
}

// Images per second between the ends of the first epoch and of the last but one (the last one validates).
double steady_rate(const fs::path& metrics) {
  std::vector<Json> lines;
  const std::string content = read_file(metrics);
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = content.find('\n', begin);
    lines.push_back(parse_json(std::string_view(content).substr(begin, end - begin), metrics.string()));
    begin = end + 1;
  }
  if (lines.size() < 3) fail("expected at least 3 epochs, found {}", lines.size());
  const Json &first = lines.front(), &last = lines[lines.size() - 2];
  const double steps = last.at("step").get<double>() - first.at("step").get<double>();
  return steps / (last.at("seconds").get<double>() - first.at("seconds").get<double>());
}

void run(const Options& options, const std::string& command) {
  const data::Dataset data = data::Dataset::open(options.data, false);
  std::string directory = fs::temp_directory_path() / "gpu_train_bench-XXXXXX";
  if (!mkdtemp(directory.data())) fail("{}: cannot be created", directory);
  std::vector<double> rates, seconds, accuracies;
  for (const std::uint64_t seed : options.seeds) {
    train::TrainJob job = job_of(options);
    job.seed = seed;
    job.run = fs::path(directory) / std::to_string(seed);
    fs::create_directories(job.run / "checkpoint");
    const double start = now();
    const data::Splits splits =
        data::make_splits(data, {.route = options.route, .validation = options.validation, .seed = seed});
    job.data = &data;
    job.splits = &splits;
    job.normalization = data::measure_normalization(data, splits.train);
    const train::TrainResult result = train::train(job);
    seconds.push_back(now() - start);
    const supernet::AnyNetwork network = train::load_trained(job, job.precision);
    network->to(job.device);
    accuracies.push_back(train::accuracy(*network, data, splits.test, job.normalization));
    if (job.options.epochs > 2) rates.push_back(steady_rate(job.run / "metrics.jsonl") * job.options.batch);
    std::printf("%s %s seed %d: %d epochs, %.2f s, validation %.2f %%, test %.2f %%, %.0f images/s (%.0f in all)\n",
                options.what.c_str(), job.space->text().c_str(), static_cast<int>(seed), job.options.epochs,
                seconds.back(), 100 * result.validation_accuracy, 100 * accuracies.back(),
                rates.empty() ? 0.0 : rates.back(), result.images_per_second);
    std::fflush(stdout);
  }
  fs::remove_all(directory);
  if (options.record.empty()) return;
  const auto figure_of = [&](const std::vector<double>& values, const char* unit, double scale = 1) {
    const Summary summary = summarize(values);
    Figure figure{
        .value = summary.median * scale, .unit = unit, .interval = std::nullopt, .n = static_cast<int>(summary.count)};
    if (summary.count > 1) figure.interval = Interval{summary.min * scale, summary.max * scale};
    return figure;
  };
  std::map<std::string, Figure> figures;
  if (options.what == "plain")
    figures[options.images == "sent" ? "gpu.sent_images_per_second" : "gpu.images_per_second"] =
        figure_of(rates, "images/s");
  if (options.what == "supernet") {
    figures["gpu.supernet_images_per_second"] = figure_of(rates, "images/s");
    figures["gpu.supernet_minutes"] = figure_of(seconds, "min", 1.0 / 60);
  }
  if (options.what == "accuracy") {
    if (*std::ranges::min_element(accuracies) < options.goal)
      fail("expected {:.2f} % of every seed, found {:.2f} %", 100 * options.goal,
           100 * *std::ranges::min_element(accuracies));
    figures["gpu.seconds_to_94"] = figure_of(seconds, "s");
    figures["gpu.accuracy"] = figure_of(accuracies, "%", 100);
  }
  record_figures(options.record, command, figures);
  Json recorded = parse_json(read_file(options.record), options.record);
  recorded["machine"]["gpu"] = train::device_name(train::device_from_string(options.device));
  write_file_atomic(options.record, dump_json(recorded, 2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Training on a GPU: images per second, and seconds to an accuracy"};
  app.add_option("--what", options.what, "plain, supernet or accuracy")
      ->capture_default_str()
      ->check(CLI::IsMember({"plain", "supernet", "accuracy"}));
  app.add_option("--data", options.data, "data set (.tds)")->required();
  app.add_option("--images", options.images, "lie on the device, or are sent there")
      ->capture_default_str()
      ->check(CLI::IsMember({"resident", "sent"}));
  app.add_option("--device", options.device, "cuda or cpu")->capture_default_str();
  app.add_option("--precision", options.precision, "bf16 or fp32")->capture_default_str();
  app.add_option("--arch", options.arch, "widths or space; default: those of the figures");
  app.add_option("--seeds", options.seeds, "one training each")->delimiter(',')->capture_default_str();
  app.add_option("--epochs", options.epochs, "default: 6, of a supernet 60");
  app.add_option("--batch", options.batch, "images a step; default: 1024, of a supernet 512");
  app.add_option("--lr", options.lr, "learning rate");
  app.add_option("--shift", options.shift, "augmentation: pixels")->capture_default_str();
  app.add_option("--cutout", options.cutout, "augmentation: side of the square")->capture_default_str();
  app.add_option("--smoothing", options.smoothing, "of the labels")->capture_default_str();
  app.add_option("--average-decay", options.decay, "of the weights' average")->capture_default_str();
  app.add_option("--weight-decay", options.weight_decay, "of the weights")->capture_default_str();
  app.add_option("--validation", options.validation, "images held out")->capture_default_str();
  app.add_option("--route", options.route, "images held out")->capture_default_str();
  app.add_flag("--residual", options.residual, "layers add their input");
  app.add_flag("--deterministic", options.deterministic, "the same bits every time");
  app.add_option("--goal", options.goal, "accuracy that every seed must reach to be recorded")->capture_default_str();
  app.add_option("--record", options.record, "file of record that gets the figures");
  CLI11_PARSE(app, argc, argv);
  std::string command = "gpu_train_bench";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  try {
    std::printf("%s\n", train::device_name(train::device_from_string(options.device)).c_str());
    run(options, command);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_train_bench: %s\n", error.what());
    return 1;
  }
}
