// triage costs: the tables that predict, on this machine or a device, the latency of any stage of a search space, and,
// here, the peak memory of any plan.
#include <algorithm>
#include <cstdio>
#include <format>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/remote_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/system/machine.h"
#include "engine/names.h"
#include "workflow/build/kernels_program.h"
#include "workflow/config/run_config.h"
#include "workflow/search/cost_tables.h"

namespace triage::cli {
namespace {

void print_error(const char* what, const cost::PredictionError& error) {
  if (error.stages == 0) return;
  std::printf("prediction of %d %s: error %.1f %% on average, %.1f %% at most; Kendall's tau %.3f\n", error.stages,
              what, error.mean_percent, error.max_percent, error.kendall_tau);
}

void print_table(const cost::LayerCostTable& table, const workflow::LayerTableSubject& subject,
                 const costing::LayerCostOptions& options, const fs::path& file, const Context& context) {
  const auto subjects = costing::layer_cost_subjects(subject.space, subject.input, options);
  std::printf(
      "%s%s: %zu layers in %td nets, %zu stages measured whole, %d passes\n", cost::setting_text(table.key).c_str(),
      table.device == cost::kThisMachine ? "" : (" on " + table.device).c_str(), table.layers.size(),
      std::ranges::count(subjects, true, &costing::LayerCostSubject::profiled), table.stages.size(), options.passes);
  print_error("whole nets", table.whole_error);
  print_error("stages inside a net", table.cut_error);
  std::printf("%s\n", file.c_str());
  for (const std::string& text : workflow::device_remarks(table)) context.message(text);
}

Json table_json(const cost::LayerCostTable& table, const fs::path& file) {
  const Json written = to_json(table);
  return {{"file", file.string()},          {"device", table.device},
          {"provider", table.key.provider}, {"precision", plan::to_string(table.key.precision)},
          {"threads", table.key.threads},   {"layers", table.layers.size()},
          {"stages", table.stages.size()},  {"fit", written["fit"]},
          {"error", written["error"]}};
}

void print_memory(const cost::MemoryCosts& costs, const fs::path& file) {
  for (const auto& [precision, of] : costs.of) {
    std::printf(
        "%s: peak KB = %.0f + %.0f a stage + %.2f x weights + %.2f x the largest stage's + %.2f x activations; error "
        "on %d other plans %.1f %% "
        "on average, %.1f %% at most\n",
        plan::to_string(precision).c_str(), of.fit.fixed_kb, of.fit.per_stage_kb, of.fit.per_weight,
        of.fit.per_largest_weight, of.fit.per_activation, of.error.plans, of.error.mean_percent, of.error.max_percent);
  }
  std::printf("%s\n", file.c_str());
}

}  // namespace

int costs_command(int argc, char** argv) {
  CLI::App app{"Measures the layers of a search space, so that the latency of any of its stages can be predicted",
               "triage costs"};
  std::string directory, space_text, data, out, figures;
  std::vector<std::string> precisions{"fp32"}, providers{engine::kCpu};
  std::vector<int> threads{1};
  workflow::RemoteProfile remote;
  std::string store = workflow::TuningOptions().store;
  bool memory = false;
  int side = 0;
  costing::LayerCostOptions options;
  bool json = false;
  auto* const dir = app.add_option("DIR", directory, "run or zoo directory whose config.toml has a [supernet]");
  app.add_option("--space", space_text, "a search space instead")->excludes(dir);
  auto* const data_option = app.add_option("--data", data,
                                           "data set file with the input's shape and the classes; default: that of "
                                           "config.toml, with --space 3x32x32 and 10 classes");
  app.add_option("--side", side, "with --space: images of so many pixels a side")
      ->check(CLI::Range(1, plan::kMaxSide))
      ->excludes(dir)
      ->excludes(data_option);
  app.add_option("--exits", options.exits,
                 "sections (of plain nets: blocks) behind which stages end, separated by commas; default: the "
                 "supernet's, with --space all but the first and the last")
      ->delimiter(',');
  app.add_option("--precision", precisions, "fp32, int8 or both, separated by commas: a table each")
      ->delimiter(',')
      ->check(CLI::IsMember({"fp32", "int8"}))
      ->capture_default_str();
  app.add_option("--threads", threads, "engine threads, several separated by commas: a table each")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option(
         "--provider", providers,
         std::format("what runs the layers, several separated by commas, a table each: {} and {} of ONNX Runtime, "
                     "{} (kernels with the schedules of --store), {}",
                     engine::kCpu, engine::kXnnpack, engine::kTuned, engine::kUntuned))
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>(engine::kLayerProviders.begin(), engine::kLayerProviders.end())))
      ->capture_default_str();
  app.add_option("--store", store, "of measured schedules, which 'triage tune' fills")
      ->capture_default_str()
      ->check(output_file);
  add_remote_options(app, remote);
  app.add_option("--whole-nets", options.whole_nets, "measured whole, of all sizes; half of them tell the error")
      ->check(CLI::Range(2, 10000))
      ->capture_default_str();
  app.add_flag("--memory", memory,
               "peak memory of plans instead: what weights, maps and stages come to in a fresh process; "
               "default file DIR/memory_costs.json");
  app.add_option("--figures", figures, "record the errors of prediction in this results/*.json")->check(figures_file);
  app.add_option("--seconds", options.seconds, "timed runs in all; opening the nets comes on top")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
  app.add_option("--out", out,
                 "the table; an unfinished one is taken up. Default: DIR/layer_costs.json, and what is not fp32, cpu, "
                 "1 thread, "
                 "this machine in the name: DIR/layer_costs_int8_2_threads_on_pi5.json")
      ->check(output_file);
  app.add_flag("--json", json, "JSON on stdout, no progress");
  app.footer(
      std::format("Example:\n  triage costs zoo/cifar10-supernet --threads 1,2 --precision fp32,int8\n"
                  "  triage costs zoo/cifar10-supernet --device pi5 --provider {},{}\n"
                  "  triage costs --space residual:16-16:32:8x1,x2?-32:64:16x1,x2?/2 --side 64 --out costs.json",
                  engine::kCpu, engine::kXnnpack));
  if (!parse_arguments(app, argc, argv)) return 0;
  if (directory.empty() == space_text.empty()) throw UsageError("expected DIR or --space TEXT");
  if (directory.empty() && out.empty()) throw UsageError("--space: expected --out FILE as well");
  if (memory && !remote.device.empty()) throw UsageError("--memory: expected this machine, found --device");
  if (precisions.size() * providers.size() * threads.size() > 1 && !memory && !out.empty())
    throw UsageError("--out: expected one precision, provider and number of threads, found more");
  const std::string command = command_line(argc, argv);
  const Context context = stoppable(json);

  std::vector<plan::Precision> wanted;
  for (const std::string& precision : precisions)
    wanted.push_back(plan::precision_from_string(precision, "--precision"));
  workflow::LayerTableSubject subject;
  if (directory.empty()) {
    subject.space = family::AnySpace::parse(space_text);
    if (!data.empty()) workflow::use_data(data, subject);
    if (side > 0) subject.input.height = subject.input.width = side;
  } else {
    subject = workflow::supernet_subject(directory, data, options.exits);
  }
  if (memory) {
    const fs::path file = out.empty() ? fs::path(directory) / "memory_costs.json" : fs::path(out);
    require_output_file(file);
    const cost::MemoryCosts costs = workflow::measured_memory(subject, wanted, options.seed, context);
    write_sealed_json(file, to_json(costs));
    if (!figures.empty()) record_figures(figures, command, workflow::memory_figures(costs));
    if (json) std::cout << dump_json(to_json(costs), 2) << '\n';
    if (!json) print_memory(costs, file);
    return 0;
  }
  std::vector<cost::LayerCostTable> tables;
  Json results = Json::array();
  for (const costing::LayerCostOptions& one : workflow::combinations(options, providers, threads, wanted)) {
    const std::string name =
        cost::layer_costs_name(costing::key_of(one), remote.device.empty() ? cost::kThisMachine : remote.device);
    const fs::path file = out.empty() ? fs::path(directory) / name : fs::path(out);
    require_output_file(file);
    tables.push_back(workflow::measured_layers(subject, one, file, store, remote, context));
    results.push_back(table_json(tables.back(), file));
    if (!json) print_table(tables.back(), subject, one, file, context);
  }
  if (!figures.empty()) record_figures(figures, command, workflow::error_figures(tables, subject.space));
  if (json) std::cout << dump_json(results.size() == 1 ? results[0] : results, 2) << '\n';
  return 0;
}

}  // namespace triage::cli
