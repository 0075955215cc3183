// triage quantize: a finished plan in int8, without the networks it was made of.
#include <cstdio>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/files/new_directory.h"
#include "core/text.h"
#include "workflow/build/quantize_plan.h"
#include "workflow/config/plan_data.h"

namespace triage::cli {

int quantize_command(int argc, char** argv) {
  CLI::App app{
      "A plan of fp32 stages in int8: ranges from the route split's images, the same routers, temperatures and "
      "thresholds, costs measured here",
      "triage quantize"};
  std::string plan, out, data;
  bool any_data = false, json = false;
  app.add_option("PLAN", plan, "plan directory with the config.toml it was made by, or a run's plan/")->required();
  app.add_option("--out", out, "directory of the new plan")->required()->check(output_directory);
  app.add_option("--data", data, "imported data set; default: that of config.toml");
  app.add_flag("--any-data", any_data, "take ranges from other images than those that the plan was made with");
  app.add_flag("--json", json, "for machines");
  app.footer("Example: triage quantize zoo/cifar10-accurate --data data/cifar10.tds --out runs/accurate-int8");
  if (!parse_arguments(app, argc, argv)) return 0;
  if (fs::exists(fs::path(out) / "plan.json")) throw UsageError("--out: expected no plan in " + out + ", found one");
  const Context context = show_progress(json);

  const fs::path from(plan);
  workflow::RunConfig config = workflow::run_config_of(workflow::directory_of_config(from));
  if (!data.empty()) config.data = data;
  const workflow::Workspace workspace(config, out, context);
  NewDirectory directory(out);
  const plan::Plan made = workflow::quantize_plan(workspace, from, directory.path(), any_data);
  directory.take_over({});
  directory.commit();
  if (json) {
    std::printf("%s\n", dump_json(to_json(made), 2).c_str());
  } else {
    for (const plan::Stage& stage : made.stages)
      std::printf("%-16s %8.1f us  %6.0f KB\n", stage.name.c_str(), stage.cost->latency_us.mean,
                  static_cast<double>(stage.weight_bytes) / 1024);
    std::printf("%s\nnext: triage eval %s%s\n", (fs::path(out) / "plan.json").c_str(), shell_word(out).c_str(),
                workflow::data_option(out, workspace.config.data).c_str());
  }
  return 0;
}

}  // namespace triage::cli
