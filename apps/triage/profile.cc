// triage profile: what a plan costs on this machine or another device, stage by stage and as a whole.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "apps/triage/options/energy_options.h"
#include "apps/triage/options/outputs.h"
#include "apps/triage/options/remote_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "data/dataset.h"
#include "engine/names.h"
#include "workflow/config/plan_data.h"
#include "workflow/device/profile_run.h"

namespace triage::cli {
namespace {

void print_table(const cost::CostTable& table, const Context& context) {
  std::printf("%-12s %5s %7s %9s %9s %9s %9s %9s %9s %9s %8s %8s  %-6s%s\n", "stage", "batch", "threads", "min", "mean",
              "median", "p90", "p95", "p99", "max", "first", "load", "stable", energy_title(table).c_str());
  std::printf("%-12s %5s %7s %9s %9s %9s %9s %9s %9s %9s %8s %8s  %-6s%s\n", "", "", "", "us/run", "us/run", "us/run",
              "us/run", "us/run", "us/run", "us/run", "us", "ms", "", energy_unit(table).c_str());
  for (const cost::CostSample& entry : table.entries) {
    const Summary& s = entry.latency_us;
    std::printf("%-12s %5d %7d %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f %8.0f %8.1f  %-6s%s\n",
                entry.key.stage.c_str(), entry.key.batch, entry.key.threads, s.min, s.mean, s.median, s.p90, s.p95,
                s.p99, s.max, entry.first_inference_us, entry.load_ms, entry.stable ? "yes" : "no",
                energy_cell(table, entry).c_str());
  }
  for (const std::string& text : workflow::device_remarks(table)) context.message(text);
  if (std::ranges::any_of(table.entries, [](const cost::CostSample& entry) {
        return !entry.stable && entry.unstable_because.empty();
      })) {
    std::fprintf(stderr,
                 "profile: some rows never settled to 10 %% over three windows; a quieter machine or a longer "
                 "--seconds helps\n");
  }
  print_energy_note(table);
  if (table.memory.empty()) return;
  std::printf("\npeak memory of a fresh process, KB   weights  activations   loading   running\n");
  for (const cost::PathMemory& path : table.memory) {
    std::printf("leaves at %-22s %10.0f %12.1f %9.0f %9.0f\n", path.stage.c_str(), path.weights_kb, path.activations_kb,
                path.loaded_kb, path.peak_kb);
  }
}

}  // namespace

int profile_command(int argc, char** argv) {
  CLI::App app{"Measures the latency (and energy) of a plan: every stage alone and the whole plan, on real images"};
  std::string plan_directory, data_file, out, csv;
  workflow::ProfileRequest request;
  measure::ProfileOptions& options = request.options;
  bool json = false;
  app.add_option("plan", plan_directory, "Plan directory")->required()->type_name("PLAN");
  app.add_option("--data", data_file,
                 "Data set file (triage data import) whose images are used; default: that of the run's config.toml");
  app.add_option("--images", request.images, "Which of its images (labels are not read)")
      ->check(CLI::IsMember({"test", "train"}))
      ->capture_default_str();
  app.add_option("--batch", options.batches, "Images per run, several separated by commas")
      ->delimiter(',')
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Engine threads, several separated by commas")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option(
         "--provider", options.provider,
         "Execution provider of ONNX Runtime, or compiled: the plan's own kernels; the whole plan is measured with "
         "cpu and compiled only")
      ->check(CLI::IsMember(engine::kStageProviders))
      ->capture_default_str();
  app.add_option("--pin", options.cores, "Cores to run on, separated by commas; at least one for each thread")
      ->delimiter(',');
  app.add_option("--seconds", options.measure.max_seconds, "Longest time for one row; stable rows end earlier")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_flag("--memory", request.memory, "Peak memory of every path, too, each in a fresh process");
  add_energy_flag(app, request.energy);
  add_energy_options(app, request.energy);
  add_remote_options(app, request.remote);
  app.add_option("--out", out, "Write the cost table here (JSON)")->check(output_file);
  app.add_option("--csv", csv, "Write the cost table here (CSV)")->check(output_file);
  app.add_flag("--json", json, "Print the cost table as JSON");
  app.footer(
      "Example:\n  triage profile runs/cifar10-pair/plan --data data/cifar10.tds --batch 1,8 --threads 1,2 --out "
      "costs.json\n  triage profile runs/cifar10-pair/plan --data data/cifar10.tds --device pi5 --out pi5.json");
  if (!parse_arguments(app, argc, argv)) return 0;
  if (request.memory && !request.remote.device.empty())
    throw UsageError("--memory: expected this machine, found --device");
  options.measure.min_seconds = std::min(options.measure.min_seconds, options.measure.max_seconds / 2);

  const Context context = stoppable(json);
  const data::Dataset dataset = data::Dataset::open(workflow::data_of_plan(plan_directory, data_file));
  const cost::CostTable table = workflow::profile_run(plan_directory, dataset, request, context);
  if (!out.empty()) cost::save_cost_table(out, table);
  if (!csv.empty()) write_file_atomic(csv, cost::to_csv(table));
  if (json) {
    std::cout << dump_json(to_json(table), 2) << '\n';
  } else {
    print_table(table, context);
  }
  return 0;
}

}  // namespace triage::cli
