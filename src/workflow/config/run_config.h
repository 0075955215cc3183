// A run's configuration: which data, which stages, how they are trained, routed and chosen. docs/configuration.md
// explains every key; configs/ holds examples.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/files/file_lock.h"
#include "cost/plan_cost.h"
#include "data/splits.h"
#include "exporting/int8/quantize.h"
#include "plan/plan.h"
#include "plan/space.h"
#include "route/router/router_options.h"
#include "train/options.h"

namespace triage::workflow {

struct StageConfig {
  std::string name;         // also the name of its files: NAME.pt, NAME.onnx
  plan::SearchSpace space;  // of one subnet for the stages of a plan
  std::string from;         // the weights start from: "supernet" (of this run), a directory with supernet.pt, a NAME.pt
  std::string teacher;     // another stage, or "supernet" (the one of `from`), it is distilled from; empty: labels only
  int features_block = 1;  // its pooled output feeds the router
  plan::Precision inference_precision = plan::Precision::fp32;  // of its stages in the plan
  std::vector<std::string> fp32_layers;                         // "block0.conv0": stay as they are in int8
  train::TrainOptions train;
  train::SupernetOptions supernet;  // of a stage the exits alone: behind each ends a stage of the plan

  bool learns_from_stage() const { return !teacher.empty() && teacher != "supernet"; }
};

struct BuildTarget {  // which point of the policy's curve becomes the plan: at most one of these; none: the knee
  std::optional<double> latency_us, accuracy;
  std::optional<double> max_drop;  // cheapest that loses no more accuracy than this against the last net alone
};

struct RunConfig {
  std::string name;
  std::uint64_t seed = 1;
  std::string device = "auto";  // auto, cpu, cuda
  train::Precision precision = train::Precision::bf16;
  bool auto_precision = false;  // nothing was asked for: it is to be what the machine trains fastest in (pipeline.h)
  int threads = 0;              // of the training; 0: all cores
  std::string data, shift;      // imported data set files; shift: the same classes under distribution shift, optional
  std::optional<data::SplitSize> route, validation;  // as wanted; absent: by the size of the data
  data::SplitOptions splits;                         // what they are in images, once the data is open
  std::optional<StageConfig> supernet;
  std::vector<StageConfig> stages;  // cheapest first: the order in which a plan asks them
  route::RouterTrainingOptions router;
  plan::PolicyKind policy = plan::PolicyKind::learned;
  BuildTarget target;
  plan::Metric metric = plan::Metric::accuracy;  // that the point is chosen by
  cost::Budgets budgets;                         // hard limits of the plan, as measured
  exporting::Int8Options int8;
  int int8_images = 1024;  // of the route split, to find ranges with
  double checkpoint_seconds = 30;
  double profile_seconds = 2;  // per stage
  std::string origin;          // the file it was read from
  std::string text;            // its content, kept in the run directory as config.toml

  const StageConfig& stage(const std::string& stage_name) const;
  void require_stages() const;  // throws Error when there is a supernet alone, of which no plan can be built
};

// settings: as of Config::load.
RunConfig load_run_config(const fs::path& file, std::span<const std::string> settings = {});

// The keys of a table of budgets.
void read_budgets(ConfigSection section, cost::Budgets& budgets);

// The configuration that was copied into a run directory when it began.
RunConfig run_config_of(const fs::path& run);

// Holds a run directory for this process alone. Throws Error when another one does.
FileLock lock_run(const fs::path& run);

// Makes the run directory with `text` as its config.toml; an existing one must hold the same, unless there is nothing
// else in the directory yet. origin: the file it is from.
void keep_config(const fs::path& run, const std::string& text, const std::string& origin);

// The same for a run that one process at a time works on; temporary files of one that was killed are removed.
FileLock open_run(const fs::path& run, const RunConfig& config);

}  // namespace triage::workflow
