// triage tune: measured schedules for the kernels of a plan or of an architecture.
#include <cstdio>

#include "apps/triage/options/tuning_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "compiler/tuning/tune_job.h"
#include "core/clock.h"
#include "core/progress.h"
#include "workflow/build/kernels_program.h"
#include "workflow/build/kernels_to_tune.h"

namespace triage::cli {
namespace {

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
  for (const compiler::TunedKernel& kernel : tuned) kernels.push_back(to_json(kernel));
  return {{"kernels", kernels}, {"seconds", seconds}};
}

}  // namespace

int tune_command(int argc, char** argv) {
  CLI::App app{
      "Finds fast schedules for the kernels of a plan's stages, of an architecture or of a whole search space, by "
      "measuring; what it found is kept and shared by all networks. Resumable: the same command goes on",
      "triage tune"};
  std::string directory, arch;
  std::vector<std::string> precisions{"int8"};
  double minutes = 0;
  bool json = false;
  workflow::TuningOptions tuning;
  compiler::TuneJob job;
  auto* of_directory = app.add_option("DIR", directory, "plan directory, or run or zoo directory of a supernet");
  app.add_option("--arch", arch, "instead: widths, as in 'triage arch'; input 3x32x32")->excludes(of_directory);
  app.add_option("--precision", precisions,
                 "fp32, int8 or both, separated by commas; not for a plan, which has its own")
      ->delimiter(',')
      ->check(CLI::IsMember({"fp32", "int8"}))
      ->capture_default_str();
  add_tuning_options(app, tuning);
  app.add_option("--candidates", job.options.candidates, "measured for a kernel, at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  app.add_option("--minutes", minutes, "for all kernels; 0: no limit")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", job.options.seed, "of the proposals")->capture_default_str();
  app.add_flag("--json", json, "for machines");
  app.footer("Example: triage tune runs/cifar10-pair/plan --store tuning.sqlite");
  if (!parse_arguments(app, argc, argv)) return 0;
  if (directory.empty() == arch.empty()) throw UsageError("expected a directory or --arch");

  const double start = steady_seconds();
  const Context context = stoppable(json);
  job.options.stop = context.stop;
  job.target = compiler::target_from_name(tuning.target);
  check_runs_here(job.target);
  job.store = tuning.store;
  if (minutes > 0) job.options.seconds = 60 * minutes;
  std::vector<plan::Precision> wanted;
  for (const std::string& precision : precisions)
    wanted.push_back(plan::precision_from_string(precision, "--precision"));
  job.keys = directory.empty() ? workflow::kernels_of_arch(plan::ArchSpec::parse(arch), wanted, tuning.threads)
                               : workflow::kernels_of_directory(directory, wanted, tuning.threads);
  Progress progress(context, "tune", 0, "candidates");
  std::uint64_t measured = 0;
  const auto tuned = run_tune_job(job, workflow::kernels_program(), [&](const compiler::TuneProgress& at) {
    progress.update(++measured,
                    std::format("{}: {} of {}, best {:.2f} us", at.key.text(), at.measured, at.wanted, at.best_us));
  });
  progress.finish();
  const double seconds = seconds_since(start);
  if (json)
    std::printf("%s\n", dump_json(to_json(tuned, seconds), 2).c_str());
  else
    print(tuned, seconds);
  return 0;
}

}  // namespace triage::cli
