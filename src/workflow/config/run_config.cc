#include "workflow/config/run_config.h"

#include <algorithm>

#include "core/files/new_directory.h"
#include "data/split_config.h"

namespace triage::workflow {

const StageConfig& RunConfig::stage(const std::string& stage_name) const {
  return stage_of(stages, stage_name, origin);
}

bool RunConfig::trains() const {
  return supernet || !std::ranges::all_of(stages, [](const StageConfig& stage) { return stage.onnx.has_value(); });
}

void RunConfig::require_stages() const {
  if (stages.empty()) fail("{}: expected at least one [[stage]] to build a plan of, found none", origin);
}

namespace {

RunConfig read_run_config(const Config& parsed) {
  ConfigSection root = parsed.root();
  RunConfig config;
  config.origin = parsed.origin();
  config.text = parsed.text();
  root.require("name");
  root.read("name", config.name);
  if (!plan::is_name(config.name)) root.fail_at("name", "a name without control characters");
  root.read("seed", config.seed);
  root.read("device", config.device);
  if (config.device != "auto" && config.device != "cpu" && config.device != "cuda")
    root.fail_at("device", "auto, cpu or cuda");
  root.read("deterministic", config.deterministic);
  std::string precision = "auto";
  root.read("precision", precision);
  config.auto_precision = precision == "auto";
  if (!config.auto_precision && precision != "bf16" && precision != "fp32")
    root.fail_at("precision", "auto, bf16 or fp32");
  if (!config.auto_precision) config.precision = train::compute_type_from_string(precision);
  root.read("threads", config.threads, 0, 1024);
  root.read("checkpoint_seconds", config.checkpoint_seconds, 0, 1e6);
  train::read_parallel_options(root.section("parallel"), config.parallel);
  std::vector<std::string> metrics{"csv"};
  root.read("metrics", metrics);
  config.metrics = results::metric_formats(metrics, config.origin + ": 'metrics'");

  root.require("data");
  ConfigSection data_section = root.section("data");
  data_section.require("file");
  data_section.read("file", config.data);
  data_section.read("shift", config.shift);
  const data::SplitSizes sizes = data::read_split_sizes(data_section);
  config.route = sizes.route;
  config.validation = sizes.validation;
  data_section.finish();
  config.router.seed = config.seed;

  if (root.has("supernet")) config.supernet = read_supernet(root.section("supernet"));
  for (ConfigSection& section : root.sections("stage")) config.stages.push_back(read_stage(std::move(section)));
  if (config.stages.empty() && !config.supernet) {
    fail("{}: expected a [supernet] or at least one [[stage]], found neither", config.origin);
  }
  check_stages(config.stages, config.supernet.has_value(), config.origin);

  exporting::read_int8_options(root.section("int8"), config.int8, config.int8_images);
  ConfigSection router = root.section("router");
  route::read_router_options(router, config.router);

  read_build_config(root.section("build"), config, config.origin);
  root.finish();
  return config;
}

}  // namespace

RunConfig load_run_config(const fs::path& file, std::span<const std::string> settings) {
  RunConfig config = read_run_config(Config::load(file, settings));
  const std::vector<std::string> places = absolute_paths(config.stages, file.parent_path());
  if (places.empty()) return config;
  std::vector<std::string> all(settings.begin(), settings.end());
  all.insert(all.end(), places.begin(), places.end());
  return read_run_config(Config::load(file, all));
}

RunConfig run_config_of(const fs::path& run) {
  const fs::path file = run / "config.toml";
  if (!fs::exists(file)) {
    fail("{}: expected a run directory with config.toml, found none", run.empty() ? "''" : run.string());
  }
  return load_run_config(file);
}

FileLock lock_run(const fs::path& run) {
  FileLock lock(run / "checkpoint" / "lock");
  if (!lock.try_lock()) fail("{}: expected a run that nobody works on, found another process at it", run.string());
  return lock;
}

namespace {

// Whether a run directory holds more than its configuration: a start that was refused by a check leaves no more.
bool has_begun(const fs::path& run) {
  for (fs::recursive_directory_iterator entry(run), end; entry != end; ++entry) {
    const fs::path name = entry->path().lexically_relative(run);
    if (is_temporary(name))
      entry.disable_recursion_pending();
    else if (!entry->is_directory() && name != "config.toml" && name != "checkpoint/lock")
      return true;
  }
  return false;
}

}  // namespace

bool same_but_device(const std::string& text, const std::string& other) {
  const std::vector<std::string> any{"device=auto"};
  return text == other ||
         Config::parse(text, "config.toml", any).text() == Config::parse(other, "config.toml", any).text();
}

void keep_config(const fs::path& run, const std::string& text, const std::string& origin) {
  const fs::path file = run / "config.toml";
  fs::create_directories(run / "checkpoint");
  remove_dead_temporaries(run);
  if (fs::exists(file)) {
    const std::string kept = read_file(file);
    if (kept == text) return;
    if (has_begun(run) && !same_but_device(kept, text))
      fail("{}: this run began with another configuration than {}. Use another --run directory{}, or delete this one.",
           file.string(), origin,
           fs::exists(run / "metrics.jsonl") ? std::format(" (--from {} goes on from these networks)", run.string())
                                             : "");
  }
  write_file_atomic(file, text);
}

FileLock open_run(const fs::path& run, const RunConfig& config) {
  fs::create_directories(run / "checkpoint");
  FileLock lock = lock_run(run);
  keep_config(run, config.text, config.origin);
  recover_directory(run / "plan");
  for (const fs::path& directory : {run, run / "checkpoint", run / "plan", run / "scores"})
    remove_dead_temporaries(directory);
  return lock;
}

}  // namespace triage::workflow
