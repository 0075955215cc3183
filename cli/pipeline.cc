#include "cli/pipeline.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "core/progress.h"

namespace triage::cli {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The supernet that a network's weights start from.
fs::path start_file(const Workspace& workspace, const StageConfig& stage) {
  return (stage.from == "supernet" ? workspace.run : fs::path(stage.from)) / "supernet.pt";
}

std::shared_ptr<const train::NetworkFile> start_of(const Workspace& workspace, const StageConfig& stage) {
  if (stage.from.empty()) return nullptr;
  return std::make_shared<train::NetworkFile>(
      train::load_network(start_file(workspace, stage), train::Precision::fp32));
}

// The network of each stage that others learn from stays loaded while they do.
struct Teachers {
  std::map<std::string, supernet::Network> networks;
  std::map<std::string, Json> identities;

  void load_supernet(const Workspace& workspace, const StageConfig& stage) {
    train::NetworkFile file = train::load_network(start_file(workspace, stage), workspace.config.precision);
    file.network->to(workspace.device);
    networks.insert_or_assign("supernet", file.network);
    identities.insert_or_assign("supernet", file.sha256);
  }
};

train::TrainResult train_stage(const Workspace& workspace, const StageConfig& stage, Teachers& teachers) {
  train::TrainJob job = workspace.job(stage);
  job.start = start_of(workspace, stage);
  if (!stage.teacher.empty()) {
    if (stage.teacher == "supernet") teachers.load_supernet(workspace, stage);
    job.teacher = &teachers.networks.at(stage.teacher);
    job.teacher_identity = teachers.identities.at(stage.teacher);
  }
  const train::TrainResult result = train::train(job);
  for (const StageConfig& other : workspace.config.stages) {
    if (other.teacher != stage.name || teachers.networks.contains(stage.name)) continue;
    supernet::Network network = train::load_trained(job, job.precision);
    network->to(workspace.device);
    teachers.networks.emplace(stage.name, network);
    teachers.identities.emplace(stage.name, train::identity_of(job));
  }
  return result;
}

}  // namespace

Workspace::Workspace(RunConfig run_config, fs::path run_directory)
    : config(std::move(run_config)),
      run(std::move(run_directory)),
      dataset(data::Dataset::open(config.data)),
      splits(data::make_splits(
          dataset, config.splits = data::resolve_splits(dataset.info(), config.route, config.validation, config.seed))),
      normalization(data::measure_normalization(dataset, splits.train)),
      device(train::device_from_string(config.device)),
      threads(train::set_threads(config.threads)) {}

void print_split_notes(const Workspace& workspace) {
  for (const std::string& note : workspace.splits.notes)
    std::fprintf(stderr, "%s: %s\n", workspace.config.data.c_str(), note.c_str());
}

train::TrainJob Workspace::job(const StageConfig& stage) const {
  train::TrainJob job;
  job.name = stage.name;
  job.space = stage.space;
  job.features_block = stage.features_block;
  job.options = stage.train;
  job.supernet = stage.supernet;
  job.seed = config.seed;
  job.precision = config.precision;
  job.device = device;
  job.data = &dataset;
  job.splits = &splits;
  job.normalization = normalization;
  job.checkpoint_seconds = config.checkpoint_seconds;
  job.run = run;
  return job;
}

std::optional<train::TrainResult> train_supernet(const Workspace& workspace) {
  if (!workspace.config.supernet) return std::nullopt;
  train::TrainJob job = workspace.job(*workspace.config.supernet);
  job.start = start_of(workspace, *workspace.config.supernet);
  const train::TrainResult result = train::train(job);
  record_step(workspace.run, "train supernet", result.seconds);
  return result;
}

std::vector<train::TrainResult> train_stages(const Workspace& workspace) {
  const std::vector<StageConfig>& stages = workspace.config.stages;
  std::vector<std::optional<train::TrainResult>> results(stages.size());
  Teachers teachers;
  for (std::size_t done = 0; done < stages.size();) {  // the configuration has no circles, so every pass finds one
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const std::string& teacher = stages[i].teacher;
      if (results[i] || (stages[i].learns_from_stage() && !teachers.networks.contains(teacher))) continue;
      results[i] = train_stage(workspace, stages[i], teachers);
      record_step(workspace.run, "train " + stages[i].name, results[i]->seconds);
      ++done;
    }
  }
  std::vector<train::TrainResult> all;
  for (auto& result : results) all.push_back(*result);
  return all;
}

void record_step(const fs::path& run, const std::string& step, double seconds) {
  const fs::path file = run / "timing.json";
  Json timing = fs::exists(file) ? read_json(file) : Json{{"unit", "s"}, {"steps", Json::object()}};
  Json& longest = timing["steps"][step];
  longest = std::max(longest.is_number() ? longest.get<double>() : 0.0, seconds);
  write_json(file, timing);
}

StepTimer::StepTimer(fs::path run, std::string step)
    : run_(std::move(run)), step_(std::move(step)), start_(now_seconds()) {}

StepTimer::~StepTimer() {
  try {
    record_step(run_, step_, now_seconds() - start_);
  } catch (const std::exception& error) {  // a lost timing must not lose the work that was timed
    std::fprintf(stderr, "warning: %s\n", error.what());
  }
}

double total_minutes(const fs::path& run) {
  double seconds = 0;
  const Json timing = read_json(run / "timing.json");
  for (const auto& [step, value] : timing.at("steps").items()) seconds += value.get<double>();
  return seconds / 60;
}

std::optional<double> step_minutes(const fs::path& run, const std::string& step) {
  const fs::path file = run / "timing.json";
  const Json timing = fs::exists(file) ? read_json(file) : Json{{"steps", Json::object()}};
  const Json& steps = timing.at("steps");
  return steps.contains(step) ? std::optional(steps[step].get<double>() / 60) : std::nullopt;
}

}  // namespace triage::cli
