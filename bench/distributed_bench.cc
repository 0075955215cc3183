// Training on several processes: two with one thread each against one with two, whether both give the same bits, and
// what 64 machines would do, simulated from what was measured here (docs/distributed.md).
//
//   distributed_bench --record results/training.json
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "bench/bench_main.h"
#include "bench/simulated_ring.h"
#include "core/clock.h"
#include "core/files/temporary.h"
#include "data/import/import.h"
#include "supernet/kernel_choice.h"
#include "train/parallel/shared_step.h"

namespace {

using namespace triage;

struct Options {
  std::string arch = "18-64,60-192,192-240,240", record, training = "results/training.json";
  int batch = 512, warmup = 2, steps = 5, rounds = 3;
  double gigabits = 10, latency_us = 25;
};

class Images {
 public:
  explicit Images(int count) : directory_("distributed_bench") {
    const fs::path file = directory_.path() / "images.tds";
    data::write_dataset(data::generate({.classes = 8,
                                        .height = 32,
                                        .width = 32,
                                        .train_count = static_cast<std::uint32_t>(count),
                                        .test_count = 10}),
                        file);
    dataset_.emplace(data::Dataset::open(file));
    splits_ = data::make_splits(*dataset_, {.route = 100, .validation = 100, .seed = 1});
    normalization_ = data::measure_normalization(*dataset_, splits_.train);
  }
  train::TrainJob job(const Options& options) const {
    train::TrainJob job;
    job.name = "bench";
    job.space = plan::SearchSpace::parse(options.arch);
    job.options.batch = options.batch;
    job.precision = train::fastest_precision(at::kCPU);
    job.data = &*dataset_;
    job.splits = &splits_;
    job.normalization = normalization_;
    job.run = directory_.path();
    return job;
  }

 private:
  TemporaryDirectory directory_;
  std::optional<data::Dataset> dataset_;
  data::Splits splits_;
  data::Normalization normalization_;
};

struct Steps {
  std::vector<double> seconds;       // of each
  std::vector<double> ready, bytes;  // of the fastest step's buckets, where it has some
  std::vector<at::Tensor> weights;   // behind the last
};

Steps run_steps(const train::TrainJob& job, int threads, const Options& options) {
  const supernet::KernelsByRule by_rule(job.deterministic);
  train::set_up_cpu(threads);
  train::Session session(job);
  std::optional<train::SharedSteps> shared;
  data::LoaderOptions loading = train::loader_options(job);
  if (train::in_shares(job)) {
    shared.emplace(job, session);
    loading.first = shared->shares().begin();
    loading.count = shared->shares().count();
  }
  data::TrainLoader loader(*job.data, job.splits->train, job.normalization, loading, 0);
  session.network->train();
  Steps steps;
  for (int i = 0; i < options.warmup + options.steps; ++i) {
    const double begin = steady_seconds();
    data::Batch batch = loader.next();
    train::train_step(job, session, batch, 0, 0.01, shared ? &*shared : nullptr);
    loader.recycle(std::move(batch));
    ++session.step;
    if (i < options.warmup) continue;
    steps.seconds.push_back(seconds_since(begin));
    if (!shared || steps.seconds.back() > *std::ranges::min_element(steps.seconds)) continue;
    steps.ready = shared->buckets().ready();
    for (double& ready : steps.ready) ready -= begin;
  }
  if (shared)
    for (const std::int64_t elements : shared->buckets().bucket_elements())
      steps.bytes.push_back(static_cast<double>(elements) * sizeof(float));
  for (const supernet::NamedTensor& t : session.network->state()) steps.weights.push_back(t.tensor.detach().clone());
  return steps;
}

bool same_bits(const Steps& a, const Steps& b) {
  return std::ranges::equal(a.weights, b.weights,
                            [](const at::Tensor& x, const at::Tensor& y) { return at::equal(x, y); });
}

bench::MeasuredStep measured(const Steps& steps) {
  const Summary summary = summarize(steps.seconds);
  bench::MeasuredStep step{.total = summary.mean, .spread = summary.stddev, .ready = steps.ready, .bytes = steps.bytes};
  for (double& ready : step.ready) ready *= summary.mean / summary.min;  // they are the fastest step's
  return step;
}

// Of the connection between the processes here: an empty gather, and 8 MiB each way.
bench::Link measure_link(train::Group& group) {
  constexpr int kTimes = 20;
  const at::Tensor small = at::zeros({1}), large = at::zeros({2, 1 << 20});
  const auto seconds_of = [&](const at::Tensor& tensor) {
    group.barrier();
    const double begin = steady_seconds();
    for (int i = 0; i < kTimes; ++i) group.gather(tensor);
    return seconds_since(begin) / kTimes;
  };
  const double latency = seconds_of(small), whole = seconds_of(large);
  return {static_cast<double>(large.nbytes()) / (whole - latency), latency};
}

struct Found {
  std::vector<double> one, two;     // images per second of each round
  bench::MeasuredStep whole;        // batch images on one rank with one thread
  double predicted = 0, found = 0;  // seconds of a step of the two processes
  bool same = false;
};

// What rank 0 returns; the other one works with it.
Found measure(train::Group& group, const Options& options) {
  const Images images(4 * options.batch + 200);
  const train::TrainJob alone = images.job(options);
  train::TrainJob together = alone;
  together.group = &group;
  Found found;
  std::vector<double> of_two;
  const auto rate = [&](const Steps& steps) { return options.batch / *std::ranges::min_element(steps.seconds); };
  for (int round = 0; round < options.rounds; ++round) {
    if (group.first()) found.one.push_back(rate(run_steps(alone, 2, options)));
    group.barrier();
    const Steps both = run_steps(together, 1, options);
    found.two.push_back(rate(both));
    of_two.insert(of_two.end(), both.seconds.begin(), both.seconds.end());
    group.barrier();
  }
  Options few = options;
  few.steps = 2;
  together.parallel.shares = 2;
  together.deterministic = true;  // as train() takes kernels where shares are given
  const Steps both = run_steps(together, 1, few);
  const bench::Link link = measure_link(group);
  // Both at the same time, each for itself: a whole batch, and half of one.
  train::TrainJob whole = alone;
  whole.parallel.shares = 1;  // in buckets
  train::TrainJob half = whole;
  half.options.batch /= 2;
  group.barrier();
  const Steps whole_steps = run_steps(whole, 1, options), half_steps = run_steps(half, 1, options);
  group.barrier();
  if (!group.first()) return found;
  train::TrainJob shares = together;
  shares.group = nullptr;
  found.same = same_bits(run_steps(shares, 2, few), both);
  found.whole = measured(whole_steps);
  found.predicted = bench::simulated_step(measured(half_steps), 2, link);
  found.found = summarize(of_two).mean;
  std::cout << std::format("connection here: {:.0f} us, {:.2f} GB/s\n", 1e6 * link.latency,
                           link.bytes_per_second / 1e9);
  return found;
}

double efficiency(const bench::MeasuredStep& step, int ranks, const bench::Link& link) {
  return bench::simulated_step(step, 1, link) / bench::simulated_step(step, ranks, link);
}

// The same step in another time, such as a GPU's.
bench::MeasuredStep scaled(bench::MeasuredStep step, double seconds) {
  const double factor = seconds / step.total;
  step.total = seconds;
  step.spread *= factor;
  for (double& ready : step.ready) ready *= factor;
  return step;
}

void print_table(const bench::MeasuredStep& step, const bench::MeasuredStep& gpu, const bench::Link& link) {
  const bench::Link fast{link.bytes_per_second * 10, link.latency / 5};
  std::cout << "ranks  CPU        H200       H200, ten times the link\n";
  for (int ranks = 1; ranks <= 64; ranks *= 2)
    std::cout << std::format("{:>5}  {:>7.1f} %  {:>7.1f} %  {:>7.1f} %\n", ranks, 100 * efficiency(step, ranks, link),
                             100 * efficiency(gpu, ranks, link), 100 * efficiency(gpu, ranks, fast));
}

void report(const Found& found, const Options& options, const std::string& command) {
  const Summary one = summarize(found.one), two = summarize(found.two);
  const double speedup = two.median / one.median;
  const bench::Link link{options.gigabits * 1e9 / 8, options.latency_us * 1e-6};
  const double at_64 = efficiency(found.whole, 64, link);
  double bytes = 0;
  for (const double b : found.whole.bytes) bytes += b;
  std::cout << std::format(
      "one process, two threads {:.1f} images/s; two, one thread each {:.1f}: {:.3f} x\nthe same bits: {}\n"
      "a step of the two: {:.1f} ms predicted, {:.1f} found\n"
      "one rank: {:.1f} ms a step (spread {:.1f}), {:.2f} MB of gradients in {} buckets, the first after {:.1f} ms\n",
      one.median, two.median, speedup, found.same ? "yes" : "no", 1e3 * found.predicted, 1e3 * found.found,
      1e3 * found.whole.total, 1e3 * found.whole.spread, bytes / 1e6, found.whole.bytes.size(),
      1e3 * found.whole.ready.front());
  const Json known = read_json(options.training);
  const JsonReader figures(known, options.training);
  const double rate = figures.at("figures").at("gpu.images_per_second").get<double>("value");
  print_table(found.whole, scaled(found.whole, options.batch / rate), link);
  if (options.record.empty()) return;
  const auto figure = [&](double value, const char* unit) {
    return Figure{.value = value, .unit = unit, .interval = std::nullopt, .n = options.rounds};
  };
  record_figures(
      options.record, command,
      {{"ddp.speedup_on_two_cores", figure(speedup, "x")},
       {"ddp.same_bits", {.value = found.same ? 1.0 : 0.0, .unit = ""}},
       {"ddp.efficiency_64", {.value = 100 * at_64, .unit = "%"}},
       {"ddp.simulation_error_percent", {.value = 100 * std::abs(found.predicted / found.found - 1), .unit = "%"}}});
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Training on two processes, and on 64 that are simulated"};
  app.add_option("--arch", options.arch, "Widths of the net")->capture_default_str();
  app.add_option("--batch", options.batch, "Images per step, of all processes; simulated: of each")
      ->capture_default_str();
  app.add_option("--warmup", options.warmup, "Steps before timing")->capture_default_str();
  app.add_option("--steps", options.steps, "Timed steps; the fastest counts")->capture_default_str();
  app.add_option("--rounds", options.rounds, "Of one process and two in turns; their median counts")
      ->capture_default_str();
  app.add_option("--gigabits", options.gigabits, "Of the simulated link, per second")->capture_default_str();
  app.add_option("--latency-us", options.latency_us, "Of a message on it")->capture_default_str();
  app.add_option("--training", options.training, "File of record with the GPU's images per second")
      ->capture_default_str();
  app.add_option("--record", options.record, "File of record that gets the figures");
  return bench::bench_main(app, "distributed_bench", argc, argv, [&](const std::string& command) {
    train::Place place = *train::find_place(2, [](const char* name) { return std::getenv(name); });
    place.here = true;
    std::optional<train::Listener> listener;
    std::optional<train::Copies> copies;
    train::MemberOptions members;
    if (place.rank == 0) {
      listener.emplace("127.0.0.1", 0);
      place.port = listener->port();
      copies.emplace(2, place.port);
      members.end_of = [&copies](int rank) { return copies->end_of(rank); };
    }
    train::Group group(place, Json::object(), members, std::move(listener));
    const Found found = measure(group, options);
    group.barrier();
    group.members().leave();
    if (copies) copies->wait();
    if (group.first()) report(found, options, command);
  });
}
