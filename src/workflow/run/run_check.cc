// What can be known of a run before its training begins.
#include <set>

#include "core/warning.h"
#include "workflow/run/teachers.h"

namespace triage::workflow {
namespace {

void check_data(const Workspace& w) {
  const data::DatasetInfo& info = w.dataset.info();
  if (info.classes.size() < 2)
    fail("{}: expected at least two classes to tell apart, found {}", w.config.data, info.classes.size());
  if (w.config.shift.empty() || !fs::exists(w.config.shift)) return;
  const data::DatasetInfo shift = data::Dataset::open(w.config.shift, /*verify=*/false).info();
  if (shift.classes != info.classes || shift.channels != info.channels || shift.height != info.height ||
      shift.width != info.width)
    fail("{}: data.shift: expected images and classes as in {}, found others", w.config.shift, w.config.data);
}

// A stage that goes on from this file's supernet, which is not there yet.
void check_slice(const RunConfig& config, const StageConfig& stage) {
  const StageConfig& supernet = *config.supernet;
  if (supernet.space != stage.space) supernet.space->check(stage.space->largest());
  if (supernet.train.residual != stage.train.residual || supernet.train.head_scale != stage.train.head_scale) {
    fail("{}: stage '{}': expected residual = {} and head_scale = {} as in the [supernet] it starts from",
         config.origin, stage.name, supernet.train.residual, supernet.train.head_scale);
  }
}

void check_training(const Workspace& w, const StageConfig& stage) {
  train::TrainJob job = w.job(stage);
  const bool from_here = stage.from == "supernet";
  if (from_here) check_slice(w.config, stage);
  if (!from_here) job.start = start_of(w, stage);
  train::check_job(job);
}

// The stages of the plan: a network's exits are stages, too.
void check_stages(const Workspace& w) {
  std::set<std::string> names;
  std::size_t count = 0;
  for (const StageConfig& stage : w.config.stages) {
    for (const std::string& name : plan_stage_names(stage.name, stage.supernet.exits)) {
      ++count;
      if (!names.insert(name).second)
        fail("{}: stage '{}': expected names of its own for its stages of the plan, found a second '{}'",
             w.config.origin, stage.name, name);
    }
  }
  if (count > plan::kMaxStages)
    fail("{}: expected at most {} stages of the plan, found {}", w.config.origin, plan::kMaxStages, count);
  if (count > 1 && w.splits.route.size() < route::min_images(w.config.router)) {
    fail("{}: data.route: expected at least {} images for {} folds of [router], found {}", w.config.origin,
         route::min_images(w.config.router), w.config.router.folds, w.splits.route.size());
  }
}

// A plan asks its networks in the order of the configuration, and each should cost more than the one before.
void warn_of_order(const Workspace& w) {
  const auto mmac = [&](const StageConfig& stage) { return static_cast<double>(w.size(stage).macs) / 1e6; };
  for (std::size_t i = 1; i < w.config.stages.size(); ++i) {
    const StageConfig &before = w.config.stages[i - 1], &stage = w.config.stages[i];
    if (before.onnx || stage.onnx) continue;  // what those cost is measured
    if (mmac(stage) <= mmac(before)) {
      warn(
          std::format("{}: stage '{}' is no larger than '{}' before it: {:.2f} against {:.2f} MMAC; a plan asks the "
                      "cheapest first",
                      w.config.origin, stage.name, before.name, mmac(stage), mmac(before)));
    }
  }
}

}  // namespace

std::vector<std::string> plan_stage_names(const std::string& name, const std::vector<int>& exits) {
  std::vector<std::string> names;
  for (const int exit : exits) names.push_back(std::format("{}_exit{}", name, exit));
  names.push_back(name);
  return names;
}

void check_run(const Workspace& w) {
  check_data(w);
  check_stages(w);
  warn_of_order(w);
  if (w.config.supernet) check_training(w, *w.config.supernet);
  check_imports(w);
  for (const StageConfig& stage : w.config.stages) {
    if (!stage.onnx) check_training(w, stage);
    check_teacher_file(w, stage);
  }
}

}  // namespace triage::workflow
