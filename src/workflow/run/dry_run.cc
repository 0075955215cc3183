#include "workflow/run/dry_run.h"

#include <map>

namespace triage::workflow {
namespace {

constexpr double kSeconds = 0.7;  // of steps of each network

// Networks stand in for teachers that are not trained yet: their answers take as long.
class Trainings {
 public:
  Trainings(const Workspace& workspace, const EstimateTraining& estimate) : w_(workspace), estimate_(estimate) {}

  Json of(const StageConfig& stage) {
    train::TrainJob job = w_.job(stage);
    if (stage.from != "supernet") job.start = start_of(w_, stage);
    if (!stage.teacher.empty()) job.teacher = &teacher(stage);
    const plan::ArchCost cost = w_.cost(stage);
    Json out = {{"name", stage.name},
                {"arch", stage.space.text()},
                {"mmac", static_cast<double>(cost.macs) / 1e6},
                {"parameters", cost.parameters},
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
  supernet::Network& teacher(const StageConfig& stage) {
    const StageConfig& asked = stage.teacher != "supernet" ? w_.config.stage(stage.teacher)
                               : stage.from == "supernet"  ? *w_.config.supernet
                                                           : stage;
    const auto known = teachers_.find(asked.name);
    if (known != teachers_.end()) return known->second;
    supernet::Network network = stage.teacher == "supernet" && stage.from != "supernet"
                                    ? start_of(w_, stage)->network
                                    : train::make_network(w_.job(asked));
    network->to(w_.device);
    network->eval();
    return teachers_.emplace(asked.name, network).first->second;
  }

  const Workspace& w_;
  const EstimateTraining& estimate_;
  std::map<std::string, supernet::Network> teachers_;
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
