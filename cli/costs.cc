// triage costs: the table that predicts the latency of any stage of a search space on this machine.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>

#include "cli/command.h"
#include "cli/run_config.h"
#include "core/progress.h"
#include "profile/layer_costs.h"

namespace triage::cli {
namespace {

struct Subject {
  plan::SearchSpace space;
  plan::InputShape input;
  int classes = 10;
};

void use_data(const fs::path& file, Subject& subject) {
  const data::Dataset dataset = data::Dataset::open(file, false);
  const data::DatasetInfo& info = dataset.info();
  subject.input = {info.channels, info.height, info.width};
  subject.classes = static_cast<int>(info.classes.size());
}

// The supernet of a run or zoo directory; it need not be trained yet. Takes its exits where none were asked for.
Subject supernet_of(const fs::path& directory, const std::string& data, std::vector<int>& exits) {
  const RunConfig config = run_config_of(directory);
  if (!config.supernet) fail("{}: expected a [supernet], found none", config.origin);
  Subject subject{.space = config.supernet->space};
  use_data(data.empty() ? config.data : data, subject);
  if (exits.empty()) exits = config.supernet->supernet.exits;
  return subject;
}

void print_error(const char* what, const plan::PredictionError& error) {
  if (error.stages == 0) return;
  std::printf("prediction of %d %s: error %.1f %% on average, %.1f %% at most; Kendall's tau %.3f\n", error.stages,
              what, error.mean_percent, error.max_percent, error.kendall_tau);
}

}  // namespace

int costs_command(int argc, char** argv) {
  CLI::App app{"Measures the layers of a search space, so that the latency of any of its stages can be predicted",
               "triage costs"};
  std::string directory, space_text, data, out, precision = "fp32";
  profile::LayerCostOptions options;
  bool json = false;
  auto* const dir = app.add_option("DIR", directory, "run or zoo directory whose config.toml has a [supernet]");
  app.add_option("--space", space_text, "a search space instead")->excludes(dir);
  app.add_option("--data", data,
                 "data set file with the input's shape and the classes; default: that of config.toml, "
                 "with --space 3x32x32 and 10 classes");
  app.add_option("--exits", options.exits,
                 "blocks behind which stages end, separated by commas; default: the "
                 "supernet's, with --space all but the first and the last")
      ->delimiter(',');
  app.add_option("--precision", precision, "of the stages")
      ->check(CLI::IsMember({"fp32", "int8"}))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "engine threads")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--seconds", options.seconds, "timed runs in all; opening the nets comes on top")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
  app.add_option(
      "--out", out,
      "the table; an unfinished one is taken up. Default: DIR/layer_costs.json, in int8 DIR/layer_costs_int8.json");
  app.add_flag("--json", json, "JSON on stdout, no progress");
  app.footer("Example: triage costs zoo/cifar10-supernet");
  if (!parse_arguments(app, argc, argv)) return 0;
  if (directory.empty() == space_text.empty()) throw UsageError("expected DIR or --space TEXT");
  if (directory.empty() && out.empty()) throw UsageError("--space: expected --out FILE as well");
  options.precision = plan::precision_from_string(precision, "--precision");
  install_stop_handler();
  Progress::set_quiet(json);

  Subject subject;
  if (directory.empty()) {
    subject.space = plan::SearchSpace::parse(space_text);
    if (!data.empty()) use_data(data, subject);
  } else {
    subject = supernet_of(directory, data, options.exits);
  }
  const fs::path file = out.empty() ? fs::path(directory) / plan::layer_costs_name(options.precision) : fs::path(out);
  std::optional<Progress> progress;
  const plan::LayerCostTable table = profile::measure_layer_costs(
      subject.space, subject.input, subject.classes, options, file, [&](std::uint64_t done, std::uint64_t total) {
        if (!progress) progress.emplace("costs", total, "visits", done);
        progress->update(done);
      });
  if (progress) progress->finish();

  if (json) {
    const Json written = plan::to_json(table);
    const Json result = {{"file", file.string()},
                         {"layers", table.layers.size()},
                         {"stages", table.stages.size()},
                         {"fit", written["fit"]},
                         {"error", written["error"]}};
    std::cout << result.dump(2) << '\n';
    return 0;
  }
  const auto subjects = profile::layer_cost_subjects(subject.space, options);
  std::printf("%zu layers in %td nets, %zu stages measured whole, %d passes\n", table.layers.size(),
              std::ranges::count(subjects, true, &profile::LayerCostSubject::profiled), table.stages.size(),
              options.passes);
  print_error("whole nets", table.whole_error);
  print_error("stages inside a net", table.cut_error);
  std::printf("%s\n", file.c_str());
  return 0;
}

}  // namespace triage::cli
