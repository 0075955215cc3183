// triage-kernels: makes compiled kernels and finds their schedules, for `triage compile` and `triage tune`, in a
// process that has Halide and not LibTorch. Jobs come as JSON on standard input; compiler/tune_job.h has the answers.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "codegen/build_library.h"
#include "compiler/tuning/tune_job.h"
#include "core/system/cpu.h"
#include "core/system/stop.h"

namespace {

using namespace triage;
using namespace triage::compiler;

Json read_job() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  return parse_json(text, "standard input");
}

void print_line(const Json& json) {
  std::printf("%s\n", json.dump().c_str());
  std::fflush(stdout);
}

void tune_job(const TuneJob& job, StopToken stop) {
  codegen::KernelTimer timer(job.target);
  CandidateRunner runner([&](const KernelKey& key, const Schedule& schedule) { return timer.samples(key, schedule); },
                         {.stop = stop});
  TuningStore store(job.store, tuning_machine(job.target, cpu_name()));
  TuneOptions options = job.options;
  options.stop = stop;
  options.progress = [](const TuneProgress& progress) { print_line(to_json(progress)); };
  const auto results = tune_all(
      job.keys, job.target, store,
      [&](const KernelKey& key, const Schedule& schedule) { return runner.run(key, schedule); }, options);
  for (const auto& [key, result] : results) print_line(to_json(tuned_kernel(key, result)));
}

int run(int argc, char** argv) {
  CLI::App app("Makes and times compiled kernels; called by triage compile and triage tune.");
  app.require_subcommand(1);
  std::string file;
  CLI::App* library = app.add_subcommand("library", "compile the kernels of a job into a shared library");
  library->add_option("FILE", file)->required();
  app.add_subcommand("tune", "find schedules for the kernels of a job; progress and results a line each");
  CLI11_PARSE(app, argc, argv);
  if (library->parsed()) {
    install_end_handler();
    codegen::build_library(kernel_set_from_json(read_job(), "job"), file);
  } else {
    const StopToken stop = install_stop_handler();
    tune_job(tune_job_from_json(read_job(), "job"), stop);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
