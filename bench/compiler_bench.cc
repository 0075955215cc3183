// The compiled engine against ONNX Runtime at the same precision, batch 1, measured in turns; three nets with two 3x3
// convolutions at each of 32x32, 16x16 and 8x8 (20, 77 and 305 million operations).
//   compiler_bench --store tuning.sqlite                       tunes what the store lacks, then the table
//   ... --record results/compiler.json                        int8.*, fp32.*, threads.*
//   ... --record results/compiler.json --time-tuning           and tune.cold_minutes, tune.warm_seconds
// A stage's time is one run from pixels in fp32 to logits. ONNX Runtime is asked with its CPU provider and with
// XNNPACK; the faster one counts. Peak: the core's own, of products summed in registers with nothing loaded.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <thread>

#include "bench/bench_main.h"
#include "bench/product_peak.h"
#include "compiler/compile_stage.h"
#include "compiler/tuning/tune_job.h"
#include "compiler/tuning/tuning_store.h"
#include "core/files/temporary.h"
#include "core/statistics/statistics.h"
#include "core/system/cpu.h"
#include "core/system/machine.h"
#include "costing/random_model.h"
#include "engine/compiled/compiled_session.h"
#include "engine/onnxruntime/onnx_session.h"
#include "model/onnx/read.h"

namespace {

using namespace triage;
using SessionPtr = std::shared_ptr<const engine::Session>;

constexpr plan::InputShape kInput{3, 32, 32};
constexpr int kClasses = 10;
struct Net {
  const char *name, *arch;
};
// A block pools behind its first convolution, so the second of each size begins a block.
constexpr Net kNets[] = {{"20", "16-16,32-32,64-64"}, {"77", "32-32,64-64,128-128"}, {"305", "64-64,128-128,256-256"}};
constexpr const char* kNewNet = "24-40,56-88,104-120,136,136";  // 8 layers that none of the above has

struct Options {
  std::string store = "tuning.sqlite", record;
  int rounds = 40, candidates = 96;
  bool time_tuning = false;
};

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

fs::path program() { return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "triage-kernels"; }

std::vector<compiler::KernelKey> keys_of(const std::string& arch, plan::Precision precision, int threads) {
  std::vector<compiler::KernelKey> keys;
  for (const plan::ConvLayer& layer : plan::conv_layers(plan::ArchSpec::parse(arch), kInput))
    keys.push_back(compiler::kernel_key(layer, precision, threads));
  return keys;
}

double tune(const fs::path& store, const std::vector<compiler::KernelKey>& keys, int candidates) {
  compiler::TuneJob job{.target = compiler::this_cpu(), .store = store, .keys = keys, .options = {}};
  job.options.candidates = candidates;
  const double start = now_us();
  run_tune_job(job, program(), {});
  return (now_us() - start) / 1e6;
}

SessionPtr opened(Result<std::unique_ptr<engine::Session>> result) {
  if (!result) fail("{}", result.error().message);
  return {std::move(*result)};
}

// A stage of random weights in both engines.
class Contest {
 public:
  Contest(const Options& options, const std::string& arch, plan::Precision precision, int threads) : threads_(threads) {
    const fs::path file = directory_.path() / "stage.onnx";
    write_file_atomic(file, costing::random_stage_onnx({.arch = plan::ArchSpec::parse(arch), .precision = precision},
                                                       kInput, kClasses, /*seed=*/1));
    const compiler::Target target = compiler::this_cpu();
    const compiler::TuningStore store(options.store, compiler::tuning_machine(target, cpu_name()));
    compiler::KernelSet library(target);
    const auto best = [&](const compiler::KernelKey& key) { return store.best(key).value().schedule; };
    auto stage = compile_stage(model::read_onnx(file), threads, best, library);
    library.write(directory_.path() / "kernels.so", program());
    stage.library = "kernels.so";
    stage.library_sha256 = sha256_file(directory_.path() / "kernels.so");
    const std::string compiled = (directory_.path() / "stage.program").string();
    engine::save_program(compiled, stage);
    for (const char* provider : {"cpu", "xnnpack"})
      engines_.push_back(opened(engine::open_onnx(file.string(), {.threads = threads, .provider = provider})));
    engines_.push_back(opened(engine::open_compiled(compiled, {.threads = threads, .allow_spinning = true})));
    input_.assign(static_cast<std::size_t>(kInput.channels) * kInput.height * kInput.width, 0.5f);
    Rng rng(1);
    for (float& value : input_) value = static_cast<float>(rng.uniform());
    for (const SessionPtr& engine : engines_)
      calls_.push_back(std::max(1.0, 20e3 / (window(engine, 3), window(engine, 20))));
  }

  void round() {
    for (std::size_t e = 0; e < engines_.size(); ++e) {
      if (threads_ > 1) {  // XNNPACK's threads spin for 50 ms after its window; then this engine's have to wake up
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        window(engines_[e], static_cast<int>(calls_[e] / 4) + 1);
      }
      times_[e].push_back(window(engines_[e], static_cast<int>(calls_[e])));
    }
  }

  const std::vector<double>& compiled() const { return times_[2]; }
  const std::vector<double>& onnx_runtime() const {
    return summarize(times_[0]).median < summarize(times_[1]).median ? times_[0] : times_[1];
  }

 private:
  double window(const SessionPtr& engine, int calls) const {  // us a call
    std::vector<float> logits(kClasses);
    const double start = now_us();
    for (int i = 0; i < calls; ++i)
      if (auto status = engine->run(1, {.input = input_.data(), .logits = logits.data()}); !status)
        fail("{}", status.error().message);
    return (now_us() - start) / calls;
  }

  TemporaryDirectory directory_{"compiler_bench"};
  int threads_;
  std::vector<SessionPtr> engines_;  // ONNX Runtime with two providers, the compiled kernels
  std::vector<float> input_;
  std::vector<double> calls_;
  std::array<std::vector<double>, 3> times_;
};

// Of two series measured in turns: ratio of medians, with its interval over rounds.
Figure ratio(const std::vector<double>& over, const std::vector<double>& under) {
  const auto median_of = [](const std::vector<double>& values, std::span<const std::uint32_t> rounds) {
    std::vector<double> drawn;
    for (const std::uint32_t round : rounds) drawn.push_back(values[round]);
    return summarize(drawn).median;
  };
  const auto statistic = [&](std::span<const std::uint32_t> rounds) {
    return median_of(over, rounds) / median_of(under, rounds);
  };
  std::vector<std::uint32_t> all(over.size());
  std::iota(all.begin(), all.end(), 0u);
  return {.value = statistic(all),
          .unit = "x",
          .interval = bootstrap_interval(all.size(), statistic, 1000, /*seed=*/1),
          .n = static_cast<int>(all.size())};
}

using Figures = std::map<std::string, Figure>;

void measure_nets(const Options& options, Figures& figures) {
  std::printf("%-8s %-5s %12s %12s %9s %10s\n", "net", "", "ONNX Runtime", "compiled us", "speed-up", "of peak");
  for (const Net& net : kNets) {
    Contest int8(options, net.arch, plan::Precision::int8, 1), fp32(options, net.arch, plan::Precision::fp32, 1);
    std::vector<double> peaks;
    for (int round = 0; round < options.rounds; ++round) {
      int8.round();
      fp32.round();
      peaks.push_back(bench::product_peak());
    }
    const double operations =
        2.0 * static_cast<double>(plan::arch_cost(plan::ArchSpec::parse(net.arch), kInput, kClasses).macs);
    std::vector<double> shares;
    for (int round = 0; round < options.rounds; ++round)
      shares.push_back(100 * operations / int8.compiled()[round] / 1e3 / peaks[round]);
    const Summary share = summarize(shares);
    std::ranges::sort(shares);
    figures[std::string("int8.peak_share_") + net.name] = {
        share.median, "%", Interval{percentile(shares, 2.5), percentile(shares, 97.5)}, options.rounds};
    for (const auto& [precision, contest] : {std::pair{"int8", &int8}, {"fp32", &fp32}}) {
      const Figure speedup = ratio(contest->onnx_runtime(), contest->compiled());
      figures[std::format("{}.speedup_{}", precision, net.name)] = speedup;
      std::printf("%-8s %-5s %12.1f %12.1f %8.2fx %9.1f%%\n", net.name, precision,
                  summarize(contest->onnx_runtime()).median, summarize(contest->compiled()).median, speedup.value,
                  std::string(precision) == "int8" ? share.median : 0.0);
    }
  }
}

// What the machine gives two threads that share nothing, over one: 2 unless they meet on one physical core.
double two_peaks() {
  double other = 0;
  std::thread thread([&] { other = bench::product_peak(); });
  const double own = bench::product_peak();
  thread.join();
  return (own + other) / bench::product_peak();
}

// Two threads against one, over the nets of 50 us and more on one: the least of their ratios.
void measure_threads(const Options& options, Figures& figures) {
  std::optional<Figure> least;
  std::vector<double> machine;
  for (const Net& net : kNets)
    for (const auto precision : {plan::Precision::int8, plan::Precision::fp32}) {
      Contest one(options, net.arch, precision, 1), two(options, net.arch, precision, 2);
      for (int round = 0; round < options.rounds; ++round) {
        one.round();
        two.round();
        machine.push_back(two_peaks());
      }
      const Figure speedup = ratio(one.compiled(), two.compiled());
      const double us = summarize(one.compiled()).median;
      std::printf("%-8s %-5s one thread %8.1f us, two %8.1f us: %.2fx (ONNX Runtime %.2fx, the machine %.2fx)\n",
                  net.name, plan::to_string(precision).c_str(), us, summarize(two.compiled()).median, speedup.value,
                  ratio(one.onnx_runtime(), two.onnx_runtime()).value,
                  summarize(std::span(machine).last(static_cast<std::size_t>(options.rounds))).median);
      if (us >= 50 && (!least || speedup.value < least->value)) least = speedup;
    }
  if (least) figures["threads.speedup"] = *least;
  figures["threads.machine"] = {.value = summarize(machine).median, .unit = "x", .n = static_cast<int>(machine.size())};
}

void time_tuning(const Options& options, Figures& figures) {
  const TemporaryDirectory directory("compiler_bench_tuning");
  const auto keys = keys_of(kNewNet, plan::Precision::int8, 1);
  const double cold = tune(directory.path() / "new.sqlite", keys, options.candidates) / 60;
  const double warm = tune(directory.path() / "new.sqlite", keys, options.candidates);
  figures["tune.cold_minutes"] = {.value = cold, .unit = "min", .n = 1};
  figures["tune.warm_seconds"] = {.value = warm, .unit = "s", .n = 1};
  std::printf("tuning %s: %.2f min from an empty store, %.2f s from a warm one\n", kNewNet, cold, warm);
}

void run(const Options& options, const std::string& command) {
  std::vector<compiler::KernelKey> keys;
  for (const Net& net : kNets)
    for (const auto precision : {plan::Precision::int8, plan::Precision::fp32})
      for (const int threads : {1, 2})
        for (const auto& key : keys_of(net.arch, precision, threads)) keys.push_back(key);
  std::printf("tuning: %.1f s\n", tune(options.store, keys, options.candidates));
  Figures figures;
  measure_nets(options, figures);
  measure_threads(options, figures);
  if (options.time_tuning) time_tuning(options, figures);
  for (const auto& [key, figure] : figures)
    std::printf("%-20s %.3f %s\n", key.c_str(), figure.value, figure.unit.c_str());
  if (!options.record.empty()) record_figures(options.record, command, figures);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"The compiled engine against ONNX Runtime"};
  app.add_option("--store", options.store, "tuning store; gets what it lacks")->capture_default_str();
  app.add_option("--rounds", options.rounds, "windows of each engine")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--candidates", options.candidates, "schedules measured for a kernel")->capture_default_str();
  app.add_flag("--time-tuning", options.time_tuning, "time the tuning of a new net, too: minutes");
  app.add_option("--record", options.record, "file of record that gets the figures");
  return bench::bench_main(app, "compiler_bench", argc, argv,
                           [&](const std::string& command) { run(options, command); });
}
