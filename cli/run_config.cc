#include "cli/run_config.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

namespace triage::cli {
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
  if (stage.teacher == "supernet" && stage.from.empty()) section.fail_at("teacher", "a stage, or 'from' beside it");
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

void read_router(ConfigSection& section, route::RouterTrainingOptions& options) {
  section.read("hidden", options.hidden, 1, 4096);
  section.read("members", options.members, 1, 100);
  section.read("folds", options.folds, 2, 100);
  section.read("repeats", options.repeats, 1, 100);
  section.read("steps", options.steps, 1, 100000);
  section.read("learning_rate", options.learning_rate, 1e-6, 10);
  section.read("evidence", options.evidence, 0, 100);
  section.finish();
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

void read_budgets(ConfigSection section, search::Budgets& budgets) {
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

RunConfig load_run_config(const fs::path& file) {
  const Config parsed = Config::load(file);
  ConfigSection root = parsed.root();
  RunConfig config;
  config.origin = parsed.origin();
  config.text = parsed.text();
  root.require("name");
  root.read("name", config.name);
  root.read("seed", config.seed);
  root.read("device", config.device);
  if (config.device != "auto" && config.device != "cpu" && config.device != "cuda")
    root.fail_at("device", "auto, cpu or cuda");
  std::string precision = "auto";
  root.read("precision", precision);
  config.auto_precision = precision == "auto";
  if (!config.auto_precision && precision != "bf16" && precision != "fp32")
    root.fail_at("precision", "auto, bf16 or fp32");
  config.precision = config.auto_precision ? train::fastest_precision(train::device_from_string(config.device))
                                           : train::precision_from_string(precision);
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
  read_router(router, config.router);

  ConfigSection build = root.section("build");
  std::string policy = plan::to_string(config.policy);
  build.read("policy", policy);
  config.policy = plan::policy_from_string(policy, config.origin + ": build.policy");
  if (build.has("latency_us")) build.read("latency_us", config.target.latency_us.emplace(), 0, 1e9);
  if (build.has("accuracy")) build.read("accuracy", config.target.accuracy.emplace(), 0, 1);
  if (config.target.latency_us && config.target.accuracy)
    build.fail_at("accuracy", "only one of latency_us and accuracy");
  build.read("profile_seconds", config.profile_seconds, 0.01, 3600);
  read_budgets(build.section("budget"), config.budgets);
  build.finish();
  root.finish();
  return config;
}

namespace {

// `text` with the precision in front: a key of the root stands before the first table.
std::string with_precision(const std::string& text, train::Precision precision) {
  return std::format("precision = \"{}\"  # auto, on the machine where this run began\n{}", train::to_string(precision),
                     text);
}

}  // namespace

RunConfig resolve_precision(RunConfig config, const fs::path& run) {
  if (!config.auto_precision) return config;
  const fs::path file = run / "config.toml";
  const std::string text = std::exchange(config.text, with_precision(config.text, config.precision));
  if (!fs::exists(file)) return config;
  const std::string kept = read_file(file);
  for (const train::Precision precision : {train::Precision::bf16, train::Precision::fp32}) {
    const std::string resolved = with_precision(text, precision);
    if (kept != resolved && !(kept == text && precision == train::Precision::bf16)) continue;
    config.precision = precision;
    config.text = kept;
    break;
  }
  return config;
}

RunConfig run_config_of(const fs::path& run) {
  const fs::path file = run / "config.toml";
  if (!fs::exists(file)) fail("{}: expected a run directory with config.toml, found none", run.string());
  return load_run_config(file);
}

RunLock::RunLock(const fs::path& run) {
  const fs::path file = run / "checkpoint" / "lock";
  fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("{}: {}", file.string(), std::strerror(errno));
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd_);
    fail("{}: expected a run that nobody works on, found another process at it", run.string());
  }
}

RunLock::~RunLock() {
  if (fd_ >= 0) ::close(fd_);
}

void keep_config(const fs::path& run, const std::string& text, const std::string& origin) {
  const fs::path file = run / "config.toml";
  if (!fs::exists(file)) {
    fs::create_directories(run / "checkpoint");
    write_file_atomic(file, text);
  } else if (read_file(file) != text) {
    fail("{}: this run began with another configuration than {}. Use another --run directory, or delete this one.",
         file.string(), origin);
  }
}

RunLock open_run(const fs::path& run, const RunConfig& config) {
  keep_config(run, config.text, config.origin);
  RunLock lock(run);
  for (const fs::path& directory : {run, run / "checkpoint", run / "plan", run / "scores"}) {
    if (!fs::exists(directory)) continue;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
      const std::string name = entry.path().filename();
      if (name.starts_with('.') && name.ends_with(".tmp")) fs::remove(entry.path());
    }
  }
  return lock;
}

}  // namespace triage::cli
