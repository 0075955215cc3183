#include "workflow/run/pipeline.h"

#include <map>
#include <optional>

#include "core/warning.h"

namespace triage::workflow {
namespace {

// `text` with the precision in front: a key of the root stands before the first table.
std::string with_precision(const std::string& text, train::ComputeType precision) {
  return std::format("precision = \"{}\"  # auto, on the machine where this run began\n{}", train::to_string(precision),
                     text);
}

// The network that a network's weights start from.
fs::path start_file(const Workspace& workspace, const StageConfig& stage) {
  if (stage.from.ends_with(".pt")) return stage.from;
  return (stage.from == "supernet" ? workspace.run : fs::path(stage.from)) / "supernet.pt";
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

train::TrainResult train_stage(const Workspace& workspace, const StageConfig& stage, const Trainer& trainer,
                               Teachers& teachers) {
  train::TrainJob job = workspace.job(stage);
  job.start = start_of(workspace, stage);
  if (!stage.teacher.empty()) {
    if (stage.teacher == "supernet") teachers.load_supernet(workspace, stage);
    job.teacher = &teachers.networks.at(stage.teacher);
    job.teacher_identity = teachers.identities.at(stage.teacher);
  }
  const train::TrainResult result = trainer.train(job);
  for (const StageConfig& other : workspace.config.stages) {
    if (other.teacher != stage.name || teachers.networks.contains(stage.name)) continue;
    supernet::Network network = trainer.load(job, job.precision);
    network->to(workspace.device);
    teachers.networks.emplace(stage.name, network);
    teachers.identities.emplace(stage.name, train::identity_of(job));
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
    const std::string resolved = with_precision(text, precision);
    if (kept != resolved && !(kept == text && precision == train::ComputeType::bf16)) continue;
    config.precision = precision;
    config.text = kept;
    break;
  }
  return config;
}

std::shared_ptr<const train::NetworkFile> start_of(const Workspace& workspace, const StageConfig& stage) {
  if (stage.from.empty()) return nullptr;
  return std::make_shared<train::NetworkFile>(
      train::load_network(start_file(workspace, stage), train::ComputeType::fp32));
}

namespace {

data::Dataset open_pixels(const fs::path& file) {
  data::Dataset dataset = data::Dataset::open(file);
  dataset.require_raw();
  return dataset;
}

}  // namespace

Workspace::Workspace(RunConfig run_config, fs::path run_directory, const Context& of)
    : config(std::move(run_config)),
      run(std::move(run_directory)),
      dataset(open_pixels(config.data)),
      splits(data::make_splits(
          dataset, config.splits = data::resolve_splits(dataset.info(), config.route, config.validation, config.seed))),
      normalization(data::measure_normalization(dataset, splits.train)),
      device(train::device_from_string(config.device)),
      threads(train::set_threads(config.threads)),
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
  job.checkpoint_seconds = config.checkpoint_seconds;
  job.run = run;
  job.context = context;
  return job;
}

plan::ArchCost Workspace::cost(const StageConfig& stage) const {
  const data::DatasetInfo& info = dataset.info();
  return plan::arch_cost(stage.space.largest(), {info.channels, info.height, info.width},
                         static_cast<int>(info.classes.size()));
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
  train::TrainJob job = workspace.job(*workspace.config.supernet);
  job.start = start_of(workspace, *workspace.config.supernet);
  const train::TrainResult result = trainer.train(job);
  record_step(workspace.run, "train supernet", result.seconds);
  return result;
}

std::vector<train::TrainResult> train_stages(const Workspace& workspace, const Trainer& trainer) {
  const std::vector<StageConfig>& stages = workspace.config.stages;
  std::vector<train::TrainResult> results(stages.size());
  Teachers teachers;
  for (const std::size_t i : training_order(stages)) {
    results[i] = train_stage(workspace, stages[i], trainer, teachers);
    record_step(workspace.run, "train " + stages[i].name, results[i].seconds);
  }
  return results;
}

}  // namespace triage::workflow
