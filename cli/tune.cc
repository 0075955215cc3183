// triage tune: measured schedules for the kernels of a plan or of an architecture.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "cli/command.h"
#include "cli/kernels_program.h"
#include "compiler/tune_job.h"
#include "core/progress.h"

namespace triage::cli {
namespace {

using compiler::KernelKey;

std::vector<KernelKey> kernels_of_plan(const fs::path& directory, int threads) {
  std::vector<KernelKey> keys;
  for (const plan::Stage& stage : plan::load_plan(directory).stages)
    for (const KernelKey& key : kernels_of(compiler::stage_of_plan(directory, stage), threads)) keys.push_back(key);
  return keys;
}

std::vector<KernelKey> kernels_of_arch(const std::string& arch, const std::string& precision, int threads) {
  std::vector<KernelKey> keys;
  for (const plan::ConvLayer& layer : plan::conv_layers(plan::ArchSpec::parse(arch), {}))
    keys.push_back(compiler::kernel_key(layer, plan::precision_from_string(precision, "--precision"), threads));
  return keys;
}

void print(const std::vector<compiler::TunedKernel>& tuned, double seconds) {
  std::printf("%-34s %9s %9s %8s %6s  %s\n", "kernel", "default", "tuned us", "GOP/s", "tried", "schedule");
  for (const compiler::TunedKernel& kernel : tuned) {
    std::printf("%-34s %9.2f %9.2f %8.0f %6d  %s\n", kernel.key.text().c_str(), kernel.default_us, kernel.us,
                2e-3 * kernel.key.macs() / kernel.us, kernel.known, kernel.schedule.text().c_str());
  }
  std::printf("%zu kernels, %.1f s\n", tuned.size(), seconds);
}

Json to_json(const std::vector<compiler::TunedKernel>& tuned, double seconds) {
  Json kernels = Json::array();
  for (const compiler::TunedKernel& kernel : tuned)
    kernels.push_back({{"kernel", kernel.key.text()},
                       {"schedule", kernel.schedule.text()},
                       {"us", kernel.us},
                       {"default_us", kernel.default_us},
                       {"measured", kernel.measured},
                       {"known", kernel.known},
                       {"why", kernel.why}});
  return {{"kernels", kernels}, {"seconds", seconds}};
}

}  // namespace

int tune_command(int argc, char** argv) {
  CLI::App app{
      "Finds fast schedules for the kernels of a plan's stages, or of an architecture, by measuring; what it "
      "found is kept and shared by all networks. Resumable: the same command goes on",
      "triage tune"};
  std::string plan, arch, precision = "int8";
  double minutes = 0;
  bool json = false;
  TuningOptions tuning;
  compiler::TuneJob job;
  auto* of_plan = app.add_option("PLAN", plan, "plan directory");
  app.add_option("--arch", arch, "instead of a plan: widths, as in 'triage arch'; input 3x32x32")->excludes(of_plan);
  app.add_option("--precision", precision, "of the architecture")
      ->capture_default_str()
      ->check(CLI::IsMember({"fp32", "int8"}));
  tuning.add_options(app);
  app.add_option("--candidates", job.options.candidates, "measured for a kernel, at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  app.add_option("--minutes", minutes, "for all kernels; 0: no limit")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", job.options.seed, "of the proposals")->capture_default_str();
  app.add_flag("--json", json, "for machines");
  app.footer("Example: triage tune zoo/cifar10-fast --store tuning.sqlite");
  if (!parse_arguments(app, argc, argv)) return 0;
  if (plan.empty() == arch.empty()) throw UsageError("expected a plan directory or --arch");

  const auto start = std::chrono::steady_clock::now();
  install_stop_handler();
  Progress::set_quiet(json);
  job.target = compiler::target_from_name(tuning.target);
  check_runs_here(job.target);
  job.store = tuning.store;
  if (minutes > 0) job.options.seconds = 60 * minutes;
  job.keys = plan.empty() ? kernels_of_arch(arch, precision, tuning.threads) : kernels_of_plan(plan, tuning.threads);
  std::ranges::sort(job.keys);
  job.keys.erase(std::ranges::unique(job.keys).begin(), job.keys.end());
  Progress progress("tune", 0, "candidates");
  std::uint64_t measured = 0;
  const auto tuned = run_tune_job(job, kernels_program(), [&](const compiler::TuneProgress& at) {
    progress.update(++measured,
                    std::format("{}: {} of {}, best {:.2f} us", at.key.text(), at.measured, at.wanted, at.best_us));
  });
  progress.finish();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (json)
    std::printf("%s\n", to_json(tuned, seconds).dump(2).c_str());
  else
    print(tuned, seconds);
  return 0;
}

}  // namespace triage::cli
