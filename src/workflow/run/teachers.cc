#include "workflow/run/teachers.h"

namespace triage::workflow {
namespace {

// A classifier in a file as a stage that is imported for `stage` alone.
StageConfig file_as_stage(const StageConfig& stage) {
  StageConfig imported{.name = "teacher_of_" + stage.name};
  imported.onnx = OnnxConfig{.file = stage.teacher};
  return imported;
}

// A network of ours in a file, trained on the run's images.
train::AnyNetworkFile read_network(const Workspace& w, const fs::path& file) {
  train::AnyNetworkFile network = train::load_any_network(file, w.config.precision);
  train::require_images_of(network, w.dataset, w.splits, w.config.seed, file);
  const data::DatasetInfo& info = w.dataset.info();
  const plan::InputShape wanted{info.channels, info.height, info.width}, &found = network.network->input();
  if (found.channels != wanted.channels || found.height != wanted.height || found.width != wanted.width) {
    fail("{}: expected a teacher for images of {}x{}x{}, found one for {}x{}x{}", file.string(), wanted.channels,
         wanted.height, wanted.width, found.channels, found.height, found.width);
  }
  return network;
}

}  // namespace

fs::path start_file(const Workspace& workspace, const StageConfig& stage) {
  if (stage.from.ends_with(".pt")) return stage.from;
  return (stage.from == "supernet" ? workspace.run : fs::path(stage.from)) / "supernet.pt";
}

void check_teacher_file(const Workspace& workspace, const StageConfig& stage) {
  if (!stage.learns_from_file()) return;
  if (!fs::is_regular_file(stage.teacher))
    fail("{}: stage '{}': teacher: expected a file, found none at {}", workspace.config.origin, stage.name,
         stage.teacher);
  if (stage.teacher.ends_with(".pt"))
    read_network(workspace, stage.teacher);
  else
    check_imported_teacher(workspace, file_as_stage(stage));
}

void Teachers::keep(const std::string& name, const supernet::AnyNetwork& network, Json identity) {
  network->to(workspace_.device);
  network->eval();
  networks_.insert_or_assign(name, network);
  identities_.insert_or_assign(name, std::move(identity));
}

void Teachers::load(const std::string& name, const fs::path& file) {
  const train::AnyNetworkFile network = read_network(workspace_, file);
  keep(name, network.network, network.sha256);
}

void Teachers::add_imported(train::TrainJob& job, const StageConfig& stage) {
  ImportedTeacher teacher = imported_teacher(workspace_, stage);
  job.ask_teacher = std::move(teacher.ask);
  job.teacher_identity = teacher.sha256;
}

void Teachers::add_to(train::TrainJob& job, const StageConfig& stage) {
  const std::string& name = stage.teacher;
  if (name.empty()) return;
  if (name.ends_with(".onnx")) return add_imported(job, file_as_stage(stage));
  if (stage.learns_from_stage() && workspace_.config.stage(name).onnx)
    return add_imported(job, workspace_.config.stage(name));
  if (name == "supernet") load(name, start_file(workspace_, stage));  // each stage has one of its own
  if (name.ends_with(".pt") && !has(name)) load(name, name);
  job.teacher = networks_.at(name);
  job.teacher_identity = identities_.at(name);
}

}  // namespace triage::workflow
