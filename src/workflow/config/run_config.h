// A run's configuration: which data, which stages, how they are trained, routed and chosen. docs/configuration.md
// explains every key; configs/ holds examples.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/files/file_lock.h"
#include "data/splits.h"
#include "exporting/int8/int8_config.h"
#include "results/metric_files.h"
#include "route/router/router_options.h"
#include "train/parallel/options.h"
#include "workflow/config/build_config.h"
#include "workflow/config/stage_config.h"

namespace triage::workflow {

struct RunConfig : BuildConfig {
  std::string name;
  std::uint64_t seed = 1;
  std::string device = "auto";  // auto, cpu, cuda
  bool deterministic = false;   // TrainJob::deterministic
  train::ComputeType precision = train::ComputeType::bf16;
  bool auto_precision = false;  // nothing was asked for: it is to be what the machine trains fastest in (pipeline.h)
  int threads = 0;              // of the training, of each process; 0: all cores, divided among those of a machine
  train::ParallelOptions parallel;
  std::string data, shift;  // imported data set files; shift: the same classes under distribution shift, optional
  std::optional<data::SplitSize> route, validation;  // as wanted; absent: by the size of the data
  data::SplitOptions splits;                         // what they are in images, once the data is open
  std::optional<StageConfig> supernet;
  std::vector<StageConfig> stages;  // cheapest first: the order in which a plan asks them
  route::RouterTrainingOptions router;
  exporting::Int8Options int8;
  int int8_images = 1024;  // of the route split, to find ranges with
  double checkpoint_seconds = 30;
  results::MetricFormats metrics;
  std::string origin;  // the file it was read from
  std::string text;    // its content, kept in the run directory as config.toml

  const StageConfig& stage(const std::string& stage_name) const;
  bool trains() const;          // some network; else all stages are imported
  void require_stages() const;  // throws Error when there is a supernet alone, of which no plan can be built
};

// settings: as of Config::load. Where stages are ONNX files by relative places, those are absolute in what is returned
// and in its text.
RunConfig load_run_config(const fs::path& file, std::span<const std::string> settings = {});

// The configuration that was copied into a run directory when it began.
RunConfig run_config_of(const fs::path& run);

// Holds a run directory for this process alone. Throws Error when another one does.
FileLock lock_run(const fs::path& run);

// Whether two configurations say the same but for `device`, which a run may change.
bool same_but_device(const std::string& text, const std::string& other);

// Makes the run directory with `text` as its config.toml; an existing one must hold the same but for `device`, unless
// there is nothing else in the directory yet. origin: the file it is from.
void keep_config(const fs::path& run, const std::string& text, const std::string& origin);

// The same for a run that one process at a time works on; temporary files of one that was killed are removed.
FileLock open_run(const fs::path& run, const RunConfig& config);

}  // namespace triage::workflow
