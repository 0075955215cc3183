#include "workflow/run/dry_run.h"

#include <map>

#include "core/text.h"

namespace triage::workflow {
namespace {

constexpr double kSeconds = 0.7;  // of steps of each network

// Networks stand in for teachers that are not trained yet: their answers take as long.
class Trainings {
 public:
  Trainings(const Workspace& workspace, const EstimateTraining& estimate) : w_(workspace), estimate_(estimate) {}

  Json of(const StageConfig& stage) {
    if (stage.onnx) return {{"name", stage.name}, {"onnx", printable_line(stage.onnx->file.string())}, {"seconds", 0}};
    train::TrainJob job = w_.job(stage);
    if (stage.from != "supernet") job.start = start_of(w_, stage);
    if (!stage.teacher.empty() && !imported(stage)) job.teacher = teacher(stage);
    const family::NetSize size = w_.size(stage);
    Json out = {{"name", stage.name},
                {"arch", stage.space->text()},
                {"mmac", static_cast<double>(size.macs) / 1e6},
                {"parameters", size.parameters},
                {"epochs", stage.train.epochs},
                {"batch", stage.train.batch}};
    if (stage.train.epochs == 0) {
      out["seconds"] = 0;
      return out;
    }
    const train::TrainEstimate estimate = estimate_(job, kSeconds);
    out["images_per_second"] = estimate.images_per_second;
    out["seconds"] = estimate.seconds;
    return out;
  }

 private:
  // Whether an imported net teaches the stage: how long it takes to answer is not estimated.
  bool imported(const StageConfig& stage) const {
    return stage.teacher.ends_with(".onnx") || (stage.learns_from_stage() && w_.config.stage(stage.teacher).onnx);
  }
  const supernet::AnyNetwork& teacher(const StageConfig& stage) {
    if (stage.learns_from_file()) {
      const supernet::AnyNetwork network = train::load_any_network(stage.teacher, w_.config.precision).network;
      network->to(w_.device);
      return teachers_.insert_or_assign(stage.teacher, network).first->second;
    }
    const StageConfig& asked = stage.teacher != "supernet" ? w_.config.stage(stage.teacher)
                               : stage.from == "supernet"  ? *w_.config.supernet
                                                           : stage;
    const auto known = teachers_.find(asked.name);
    if (known != teachers_.end()) return known->second;
    const supernet::AnyNetwork network = stage.teacher == "supernet" && stage.from != "supernet"
                                             ? start_of(w_, stage)->network
                                             : train::make_network(w_.job(asked));
    network->to(w_.device);
    network->eval();
    return teachers_.emplace(asked.name, network).first->second;
  }

  const Workspace& w_;
  const EstimateTraining& estimate_;
  std::map<std::string, supernet::AnyNetwork> teachers_;
};

}  // namespace

Json dry_run(const Workspace& w, const EstimateTraining& estimate) {
  const data::DatasetInfo& info = w.dataset.info();
  Json out = {{"run", w.run.string()},
              {"data",
               {{"file", w.config.data},
                {"name", info.name},
                {"classes", info.classes.size()},
                {"input", {{"channels", info.channels}, {"height", info.height}, {"width", info.width}}}}},
              {"splits",
               {{"train", w.splits.train.size()},
                {"route", w.splits.route.size()},
                {"validation", w.splits.validation.size()},
                {"test", w.splits.test.size()}}},
              {"precision", train::to_string(w.config.precision)},
              {"threads", w.threads},
              {"device", w.device.str()},
              {"networks", Json::array()}};
  Trainings trainings(w, estimate);
  double seconds = 0;
  const auto add = [&](const StageConfig& stage) {
    out["networks"].push_back(trainings.of(stage));
    seconds += out["networks"].back()["seconds"].get<double>();
  };
  if (w.config.supernet) add(*w.config.supernet);
  for (const StageConfig& stage : w.config.stages) add(stage);
  out["training_minutes"] = seconds / 60;
  return out;
}

}  // namespace triage::workflow
