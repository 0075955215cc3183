#include "workflow/run/pipeline.h"

#include <optional>

#include "core/warning.h"
#include "workflow/run/processes.h"
#include "workflow/run/teachers.h"

namespace triage::workflow {
namespace {

constexpr const char* kText = "the configuration";

// `text` with the precision in front: a key of the root stands before the first table.
std::string with_precision(const std::string& text, train::ComputeType precision) {
  if (Config::parse(text, kText).root().has("precision"))  // it says auto
    return Config::parse(text, kText, std::vector{std::format("precision={}", train::to_string(precision))}).text();
  return std::format("precision = \"{}\"  # auto, on the machine where this run began\n{}", train::to_string(precision),
                     text);
}

train::TrainResult train_stage(const Workspace& workspace, const StageConfig& stage, const Trainer& trainer,
                               Teachers& teachers) {
  train::TrainJob job = workspace.job(stage);
  job.start = start_of(workspace, stage);
  teachers.add_to(job, stage);
  const train::TrainResult result = trainer.train(job);
  for (const StageConfig& other : workspace.config.stages) {
    if (other.teacher == stage.name && !teachers.has(stage.name))
      teachers.keep(stage.name, trainer.load(job, job.precision), train::identity_of(job));
  }
  return result;
}

}  // namespace

RunConfig resolve_precision(RunConfig config, const fs::path& run) {
  if (!config.auto_precision) return config;
  config.precision = train::fastest_precision(train::device_from_string(config.device));
  config.auto_precision = false;
  const fs::path file = run / "config.toml";
  const std::string text = std::exchange(config.text, with_precision(config.text, config.precision));
  if (!fs::exists(file)) return config;
  const std::string kept = read_file(file);
  for (const train::ComputeType precision : {train::ComputeType::bf16, train::ComputeType::fp32}) {
    for (const std::string& resolved : {with_precision(text, precision), text}) {
      if (resolved == text && precision != train::ComputeType::bf16) continue;
      if (!same_but_device(kept, resolved)) continue;
      config.precision = precision;
      config.text = resolved;
      return config;
    }
  }
  return config;
}

std::shared_ptr<const train::AnyNetworkFile> start_of(const Workspace& workspace, const StageConfig& stage) {
  if (stage.from.empty()) return nullptr;
  return std::make_shared<train::AnyNetworkFile>(
      train::load_any_network(start_file(workspace, stage), train::ComputeType::fp32));
}

namespace {

// Networks are trained on pixels of one size.
data::Dataset open_images(const RunConfig& config) {
  data::Dataset dataset = data::Dataset::open(config.data);
  if (config.trains()) dataset.require_raw();
  return dataset;
}

}  // namespace

Workspace::Workspace(RunConfig run_config, fs::path run_directory, const Context& of)
    : config(std::move(run_config)),
      run(std::move(run_directory)),
      dataset(open_images(config)),
      splits(data::make_splits(
          dataset, config.splits = data::resolve_splits(dataset.info(), config.route, config.validation, config.seed))),
      normalization(config.trains() ? data::measure_normalization(dataset, splits.train) : data::Normalization{}),
      device(train::device_from_string(config.device)),
      threads(train::set_up_cpu(config.threads)),
      context(of) {
  if (config.auto_precision) config.precision = train::fastest_precision(device);
}

void say_split_notes(const Workspace& workspace) {
  for (const std::string& note : workspace.splits.notes)
    workspace.context.message(std::format("{}: {}", workspace.config.data, note));
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
  job.deterministic = config.deterministic;
  job.data = &dataset;
  job.splits = &splits;
  job.normalization = normalization;
  job.parallel = config.parallel;
  job.group = group;
  job.checkpoint_seconds = config.checkpoint_seconds;
  job.metrics = config.metrics;
  job.run = run;
  job.context = context;
  return job;
}

family::NetSize Workspace::size(const StageConfig& stage) const {
  const data::DatasetInfo& info = dataset.info();
  return family::size_of(family::blueprint(stage.space->largest(), {info.channels, info.height, info.width},
                                           static_cast<int>(info.classes.size())));
}

void require_images_of(const Workspace& w, const plan::Plan& plan, const fs::path& file) {
  const Json* made = &plan.provenance;  // of a plan that was made from another plan: of that one
  while (!made->contains("data") && made->contains("from") && (*made)["from"].is_object()) made = &(*made)["from"];
  const Json expected = {{"/data/sha256", w.dataset.info().sha256},
                         {"/seed", w.config.seed},
                         {"/splits/route", w.splits.route.size()},
                         {"/splits/validation", w.splits.validation.size()}};
  if (!made->contains("data")) {
    warn(file.string() + ": does not say what images its nets were trained on");
    return;
  }
  for (const auto& [place, here] : expected.items()) {
    const Json::json_pointer pointer(place);
    const Json found = made->contains(pointer) ? made->at(pointer) : Json(nullptr);
    if (found != here) {
      fail("{}: its nets were trained on other images than those of {}: provenance{}: expected {}, found {}",
           file.string(), w.config.data, place, found.dump(), here.dump());
    }
  }
}

std::optional<train::TrainResult> train_supernet(const Workspace& workspace, const Trainer& trainer) {
  if (!workspace.config.supernet) return std::nullopt;
  const TrainingThreads threads(workspace);
  train::TrainJob job = workspace.job(*workspace.config.supernet);
  job.start = start_of(workspace, *workspace.config.supernet);
  const train::TrainResult result = trainer.train(job);
  if (writes(workspace)) record_step(workspace.run, "train supernet", result.seconds);
  return result;
}

std::vector<train::TrainResult> train_stages(const Workspace& workspace, const Trainer& trainer) {
  const std::vector<StageConfig>& stages = workspace.config.stages;
  const TrainingThreads threads(workspace);
  std::vector<train::TrainResult> results(stages.size());
  Teachers teachers(workspace);
  for (const std::size_t i : training_order(stages)) {
    if (stages[i].onnx) continue;
    results[i] = train_stage(workspace, stages[i], trainer, teachers);
    if (writes(workspace)) record_step(workspace.run, "train " + stages[i].name, results[i].seconds);
  }
  return results;
}

}  // namespace triage::workflow
