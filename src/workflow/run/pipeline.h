// The steps from a configuration to a plan, each resumable: what a step has finished is found again in the run
// directory and not repeated.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "cost/plan_cost.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "data/splits.h"
#include "train/trainer.h"
#include "workflow/config/run_config.h"
#include "workflow/device/energy_choice.h"
#include "workflow/run/timing.h"

namespace triage::workflow {

// What "auto" stands for in a run: what it began with (runs of before that was a choice: bf16), so that one that moves
// to another machine goes on as it was; in a new run, what this machine is fastest in. The text that is kept says
// which.
RunConfig resolve_precision(RunConfig config, const fs::path& run);

// An opened run: its configuration, data and splits. Stages are named by their index in RunConfig::stages.
struct Workspace {
  Workspace(RunConfig run_config, fs::path run_directory, const Context& context);

  RunConfig config;  // its splits in images
  fs::path run;
  data::Dataset dataset;
  data::Splits splits;
  data::Normalization normalization;  // of the train split; empty where nothing is trained
  at::Device device;
  int threads;                    // of training and scoring
  Context context;                // of all that works on this run
  train::Group* group = nullptr;  // the processes that train it together (processes.h); null: this one alone. Not owned

  train::TrainJob job(const StageConfig& stage) const;   // without its teacher
  family::NetSize size(const StageConfig& stage) const;  // of its largest subnet, on these images
};

// Messages: what the splits leave a person to know.
void say_split_notes(const Workspace& workspace);

// Of the plan's stages that a network makes which answers behind the blocks `exits` (rising), too: "NAME_exit0", ...,
// "NAME".
std::vector<std::string> plan_stage_names(const std::string& name, const std::vector<int>& exits);

// Throws Error for what training, building or evaluating would refuse hours later: too few classes or images, stages
// that do not fit the images or their start, names that two stages of the plan would have.
void check_run(const Workspace& workspace);
void check_budgets(const Workspace& workspace);  // the same for limits of the plan that nothing here can measure

// Throws Error unless the nets of a plan (its provenance says it) were trained and routed on these images, split so.
// file: plan.json, for the message.
void require_images_of(const Workspace& workspace, const plan::Plan& plan, const fs::path& file);

// What a stage's weights start from; null: nothing. A supernet of this run must have been trained.
std::shared_ptr<const train::AnyNetworkFile> start_of(const Workspace& workspace, const StageConfig& stage);

// What trains one network, and what reads one that was trained.
struct Trainer {
  std::function<train::TrainResult(const train::TrainJob&)> train = train::train;
  std::function<supernet::AnyNetwork(const train::TrainJob&, train::ComputeType)> load = train::load_trained;
};

// Trains the supernet where there is one.
std::optional<train::TrainResult> train_supernet(const Workspace& workspace, const Trainer& trainer = {});

// The stages that are somebody's nets: checked before anything is written, and imported or found imported
// (imported_stages.h).
void check_imports(const Workspace& workspace);
void make_imports(const Workspace& workspace);

// Trains every stage that is not imported, teachers first. Results, of imported ones empty, in the order of
// RunConfig::stages.
std::vector<train::TrainResult> train_stages(const Workspace& workspace, const Trainer& trainer = {});

struct BuildOptions {
  std::optional<plan::PolicyKind> policy;  // none: the one that wins on folds of the route split
  bool answers_together = true;            // where that wins
  bool single_net = false;                 // one net alone may become the plan
  BuildTarget target;
  plan::Metric metric = plan::Metric::accuracy;  // that the target and the choice of the point are in
  std::vector<double> reach;  // of a front's point: the target is its cost at the costs that were measured
  cost::Budgets budgets;      // hard limits on what was measured
  int threads = 1;            // of the engine, for the measured costs
  bool remeasure = false;     // measure costs again although costs.json is there
  EnergyChoice energy;        // one whose source is named measures again
};

}  // namespace triage::workflow
