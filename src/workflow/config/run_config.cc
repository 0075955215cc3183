#include "workflow/config/run_config.h"

#include <set>

#include "core/files/new_directory.h"

namespace triage::workflow {
namespace {

void read_network(ConfigSection& section, StageConfig& stage) {
  section.read("features_block", stage.features_block, 0, static_cast<int>(stage.space.blocks.size()) - 1);
  section.read("from", stage.from);
  train::read_train_options(section, stage.train);
  if (stage.train.epochs == 0 && stage.from.empty()) section.fail_at("epochs", "at least 1, or 'from'");
  section.finish();
}

StageConfig read_supernet(ConfigSection section) {
  StageConfig supernet;
  supernet.name = "supernet";
  section.require("space");
  std::string space;
  section.read("space", space);
  supernet.space = plan::SearchSpace::parse(space);
  train::read_supernet_options(section, supernet.supernet);
  read_network(section, supernet);
  if (supernet.from == "supernet") section.fail_at("from", "a directory");
  return supernet;
}

void check_layer_names(ConfigSection& section, const StageConfig& stage) {
  for (const std::string& name : stage.fp32_layers) {
    bool known = false;
    for (const plan::ConvLayer& layer : plan::conv_layers(stage.space.largest(), {3, 1 << 12, 1 << 12}))
      known = known || layer.name() == name;
    if (!known)
      section.fail_at("fp32_layers", std::format("layers of the stage, such as \"block0.conv0\", not \"{}\"", name));
  }
}

StageConfig read_stage(ConfigSection section) {
  StageConfig stage;
  section.require("name");
  section.require("arch");
  section.read("name", stage.name);
  if (stage.name == "supernet") section.fail_at("name", "another name than that of the [supernet]");
  if (stage.name == "plan") section.fail_at("name", "another name than that of the whole plan");
  if (stage.name.empty() ||
      stage.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
    section.fail_at("name", "lower-case letters, digits and underscores");
  }
  std::string arch;
  section.read("arch", arch);
  stage.space = plan::SearchSpace::only(plan::ArchSpec::parse(arch));
  section.read("teacher", stage.teacher);
  train::read_exit_options(section, stage.supernet);
  std::string precision = plan::to_string(stage.inference_precision);
  section.read("inference_precision", precision);
  if (precision != "fp32" && precision != "int8") section.fail_at("inference_precision", "fp32 or int8");
  stage.inference_precision = plan::precision_from_string(precision, "inference_precision");
  section.read("fp32_layers", stage.fp32_layers);
  check_layer_names(section, stage);
  stage.features_block = std::min(stage.features_block, static_cast<int>(stage.space.blocks.size()) - 1);
  read_network(section, stage);
  if (stage.teacher == "supernet" && (stage.from.empty() || stage.from.ends_with(".pt")))
    section.fail_at("teacher", "a stage, or a supernet in 'from' beside it");
  return stage;
}

std::optional<data::SplitSize> read_split_size(ConfigSection& section, const char* key) {
  if (!section.has(key)) return std::nullopt;
  std::string text;
  if (section.is_string(key)) {
    section.read(key, text);
  } else {
    double number = 0;
    section.read(key, number, 1e-6, 1 << 30);
    text = std::format("{}", number);
  }
  const std::optional<data::SplitSize> size = data::parse_split_size(text);
  if (!size) section.fail_at(key, "a number of images, or a share of the training images such as \"10%\" or 0.1");
  return size;
}

void read_int8(ConfigSection section, RunConfig& config) {
  std::string range = "best";
  section.read("range", range);
  config.int8.range.reset();
  for (const auto method :
       {exporting::RangeMethod::minmax, exporting::RangeMethod::percentile, exporting::RangeMethod::entropy}) {
    if (range == exporting::to_string(method)) config.int8.range = method;
  }
  if (!config.int8.range && range != "best") section.fail_at("range", "best, minmax, percentile or entropy");
  section.read("percentile", config.int8.percentile, 50, 100);
  section.read("bias_correction", config.int8.bias_correction);
  section.read("images", config.int8_images, 1, 1'000'000);
  section.finish();
}

// Every teacher exists and no chain of teachers comes back to where it began.
void check_teachers(const RunConfig& config) {
  for (const StageConfig& first : config.stages) {
    std::set<std::string> seen;
    for (const StageConfig* stage = &first; stage->learns_from_stage(); stage = &config.stage(stage->teacher)) {
      if (!seen.insert(stage->name).second) fail("{}: stage '{}': teachers form a circle", config.origin, first.name);
    }
  }
}

}  // namespace

void read_budgets(ConfigSection section, cost::Budgets& budgets) {
  const auto read = [&](const char* key, std::optional<double>& value, double scale = 1) {
    if (!section.has(key)) return;
    double number = 0;
    section.read(key, number, 1e-9, 1e15);
    value = number * scale;
  };
  read("mean_latency_us", budgets.mean_latency_us);
  read("p90_latency_us", budgets.p90_latency_us);
  read("worst_latency_us", budgets.worst_latency_us);
  read("mean_energy_uj", budgets.mean_energy_uj);
  read("mean_mmac", budgets.mean_macs, 1e6);
  read("memory_kb", budgets.memory_kb);
  read("model_kb", budgets.model_kb);
  section.finish();
}

const StageConfig& RunConfig::stage(const std::string& stage_name) const {
  for (const StageConfig& candidate : stages) {
    if (candidate.name == stage_name) return candidate;
  }
  fail("{}: expected a [[stage]] named '{}', found none", origin, stage_name);
}

void RunConfig::require_stages() const {
  if (stages.empty()) fail("{}: expected at least one [[stage]] to build a plan of, found none", origin);
}

RunConfig load_run_config(const fs::path& file, std::span<const std::string> settings) {
  const Config parsed = Config::load(file, settings);
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
  std::string precision = "auto";
  root.read("precision", precision);
  config.auto_precision = precision == "auto";
  if (!config.auto_precision && precision != "bf16" && precision != "fp32")
    root.fail_at("precision", "auto, bf16 or fp32");
  if (!config.auto_precision) config.precision = train::precision_from_string(precision);
  root.read("threads", config.threads, 0, 1024);
  root.read("checkpoint_seconds", config.checkpoint_seconds, 0, 1e6);

  root.require("data");
  ConfigSection data = root.section("data");
  data.require("file");
  data.read("file", config.data);
  data.read("shift", config.shift);
  config.route = read_split_size(data, "route");
  config.validation = read_split_size(data, "validation");
  data.finish();
  config.router.seed = config.seed;

  if (root.has("supernet")) config.supernet = read_supernet(root.section("supernet"));
  for (ConfigSection& section : root.sections("stage")) config.stages.push_back(read_stage(std::move(section)));
  if (config.stages.empty() && !config.supernet) {
    fail("{}: expected a [supernet] or at least one [[stage]], found neither", config.origin);
  }
  std::set<std::string> names;
  for (const StageConfig& stage : config.stages) {
    if (!names.insert(stage.name).second) fail("{}: two stages are named '{}'", config.origin, stage.name);
  }
  check_teachers(config);
  for (const StageConfig& stage : config.stages) {
    if (stage.from == "supernet" && !config.supernet) {
      fail("{}: stage '{}': from: expected a [supernet] in this file, found none", config.origin, stage.name);
    }
  }

  read_int8(root.section("int8"), config);
  ConfigSection router = root.section("router");
  route::read_router_options(router, config.router);

  ConfigSection build = root.section("build");
  std::string policy = plan::to_string(config.policy);
  build.read("policy", policy);
  config.policy = plan::policy_from_string(policy, config.origin + ": build.policy");
  if (build.has("latency_us")) build.read("latency_us", config.target.latency_us.emplace(), 0, 1e9);
  if (build.has("accuracy")) build.read("accuracy", config.target.accuracy.emplace(), 0, 1);
  if (build.has("max_drop")) build.read("max_drop", config.target.max_drop.emplace(), 0, 1);
  if (config.target.latency_us.has_value() + config.target.accuracy.has_value() + config.target.max_drop.has_value() >
      1)
    build.fail_at(config.target.max_drop ? "max_drop" : "accuracy", "only one of latency_us, accuracy and max_drop");
  std::string metric = plan::to_string(config.metric);
  build.read("metric", metric);
  config.metric = plan::metric_from_string(metric, config.origin + ": build.metric");
  build.read("profile_seconds", config.profile_seconds, 0.01, 3600);
  read_budgets(build.section("budget"), config.budgets);
  build.finish();
  root.finish();
  return config;
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

void keep_config(const fs::path& run, const std::string& text, const std::string& origin) {
  const fs::path file = run / "config.toml";
  fs::create_directories(run / "checkpoint");
  remove_dead_temporaries(run);
  if (fs::exists(file)) {
    if (read_file(file) == text) return;
    if (has_begun(run))
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
