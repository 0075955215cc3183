// train --dry-run, run --dry-run: what would be done.
#include <cstdio>
#include <map>

#include "apps/triage/options/run_options.h"
#include "core/text.h"
#include "train/estimate.h"

namespace triage::cli {
namespace {

constexpr double kSeconds = 0.7;  // of steps of each network

// Networks stand in for teachers that are not trained yet: their answers take as long.
class Trainings {
 public:
  explicit Trainings(const workflow::Workspace& workspace) : w_(workspace) {}

  Json of(const workflow::StageConfig& stage) {
    train::TrainJob job = w_.job(stage);
    if (stage.from != "supernet") job.start = workflow::start_of(w_, stage);
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
    const train::TrainEstimate estimate = train::estimate_training(job, kSeconds);
    out["images_per_second"] = estimate.images_per_second;
    out["seconds"] = estimate.seconds;
    return out;
  }

 private:
  supernet::Network& teacher(const workflow::StageConfig& stage) {
    const workflow::StageConfig& asked = stage.teacher != "supernet" ? w_.config.stage(stage.teacher)
                                         : stage.from == "supernet"  ? *w_.config.supernet
                                                                     : stage;
    const auto known = teachers_.find(asked.name);
    if (known != teachers_.end()) return known->second;
    supernet::Network network = stage.teacher == "supernet" && stage.from != "supernet"
                                    ? workflow::start_of(w_, stage)->network
                                    : train::make_network(w_.job(asked));
    network->to(w_.device);
    network->eval();
    return teachers_.emplace(asked.name, network).first->second;
  }

  const workflow::Workspace& w_;
  std::map<std::string, supernet::Network> teachers_;
};

Json dry_run(const workflow::Workspace& w) {
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
  Trainings trainings(w);
  double seconds = 0;
  const auto add = [&](const workflow::StageConfig& stage) {
    out["networks"].push_back(trainings.of(stage));
    seconds += out["networks"].back()["seconds"].get<double>();
  };
  if (w.config.supernet) add(*w.config.supernet);
  for (const workflow::StageConfig& stage : w.config.stages) add(stage);
  out["training_minutes"] = seconds / 60;
  return out;
}

std::string readable_dry_run(const Json& answer) {
  const Json &data = answer["data"], &input = data["input"], &splits = answer["splits"];
  std::string text = std::format(
      "data: {}: '{}', {} classes, {} x {} x {}\nimages: {} train, {} route, {} validation, {} test\n"
      "training: {} on {}, {} threads\n{:<12} {:>9} {:>11} {:>7} {:>6} {:>9} {:>9}  {}\n",
      data["file"].get<std::string>(), data["name"].get<std::string>(), data["classes"].get<int>(),
      input["channels"].get<int>(), input["height"].get<int>(), input["width"].get<int>(), splits["train"].get<int>(),
      splits["route"].get<int>(), splits["validation"].get<int>(), splits["test"].get<int>(),
      answer["precision"].get<std::string>(), answer["device"].get<std::string>(), answer["threads"].get<int>(),
      "network", "MMAC", "parameters", "epochs", "batch", "images/s", "minutes", "architecture");
  for (const Json& network : answer["networks"]) {
    text +=
        std::format("{:<12} {:>9.2f} {:>11} {:>7} {:>6} {:>9.0f} {:>9.1f}  {}\n", network["name"].get<std::string>(),
                    network["mmac"].get<double>(), network["parameters"].get<std::uint64_t>(),
                    network["epochs"].get<int>(), network["batch"].get<int>(), network.value("images_per_second", 0.0),
                    network["seconds"].get<double>() / 60, network["arch"].get<std::string>());
  }
  return text + std::format(
                    "training: about {:.1f} min as this machine is now; building, evaluation and report come on top\n"
                    "dry run: nothing was written to {}\n",
                    answer["training_minutes"].get<double>(), answer["run"].get<std::string>());
}

}  // namespace

int tell_dry_run(const workflow::Workspace& workspace, bool json) {
  const Json answer = dry_run(workspace);
  std::fputs((json ? dump_json(answer, 2) + "\n" : printable(readable_dry_run(answer))).c_str(), stdout);
  return 0;
}

}  // namespace triage::cli
