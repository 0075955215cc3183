// triage compile: a plan's stages as kernels of their own, which the runtime runs without ONNX Runtime.
#include <cstdio>

#include "apps/triage/options/tuning_options.h"
#include "apps/triage/program/command.h"
#include "core/text.h"
#include "workflow/build/kernels_program.h"
#include "workflow/config/plan_data.h"

namespace triage::cli {

int compile_command(int argc, char** argv) {
  CLI::App app{
      "Compiles a plan's stages for a CPU: one library of kernels and a program for each stage, in the plan's "
      "directory. Schedules come from the store that 'triage tune' fills, or are good guesses",
      "triage compile"};
  std::string plan;
  workflow::KernelsRequest request;
  bool json = false;
  app.add_option("PLAN", plan, "plan directory")->required();
  add_tuning_options(app, request.tuning);
  app.add_flag("--untuned", request.untuned, "schedules without a search, whatever the store has");
  app.add_flag("--json", json, "for machines");
  app.footer("Example: triage compile runs/cifar10-pair/plan --store tuning.sqlite");
  if (!parse_arguments(app, argc, argv)) return 0;

  const compiler::Target target = compiler::target_from_name(request.tuning.target);
  const compiler::CompiledPlan compiled = workflow::make_kernels(plan, request, StopToken());
  if (json) {
    const Json result{{"library", compiled.library.string()},
                      {"kernels", compiled.kernels},
                      {"target", target.text()},
                      {"left", compiled.left}};
    std::printf("%s\n", dump_json(result, 2).c_str());
  } else {
    std::printf("%s: %zu kernels for %s\n", compiled.library.c_str(), compiled.kernels, target.text().c_str());
    for (const std::string& why : compiled.left) std::printf("not compiled, ONNX Runtime runs it: %s\n", why.c_str());
    if (workflow::config_of_plan(plan))
      std::printf("next: triage eval %s --engine compiled\n", shell_word(plan).c_str());
  }
  return 0;
}

}  // namespace triage::cli
