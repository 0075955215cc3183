#include "workflow/run/processes.h"

#include "core/system/limits.h"
#include "core/system/machine.h"
#include "train/parallel/shares.h"

namespace triage::workflow {
namespace {

void require_rank_for_each_image(const Workspace& workspace, int processes) {
  const auto check = [&](const StageConfig& stage) {
    if (!stage.onnx) train::shares_of(stage.train.batch, workspace.config.parallel, 0, processes, stage.name);
  };
  if (workspace.config.supernet) check(*workspace.config.supernet);
  for (const StageConfig& stage : workspace.config.stages) check(stage);
}

}  // namespace

Json claims_of(const Workspace& workspace) {
  Json networks = Json::array();
  if (workspace.config.supernet) networks.push_back("supernet");
  for (const StageConfig& stage : workspace.config.stages) networks.push_back(stage.name);
  return {{"revision", git_revision()},
          {"libtorch", train::libtorch_version()},
          {"data", workspace.dataset.info().sha256},
          {"precision", train::to_string(workspace.config.precision)},
          {"networks", networks}};
}

bool work_together(Workspace& workspace, const train::Place& place, const std::function<void()>& work) {
  require_rank_for_each_image(workspace, place.processes);
  train::MemberOptions options;
  options.join_seconds = workspace.config.parallel.join_seconds;
  std::optional<train::Listener> listener;
  std::optional<train::Copies> copies;
  train::Place at = place;
  if (place.here && place.rank == 0) {
    listener.emplace("127.0.0.1", 0);
    at.port = listener->port();
    copies.emplace(place.processes, at.port);
    options.end_of = [&copies](int rank) { return copies->end_of(rank); };
  }
  const bool copy = place.here && place.rank > 0;
  try {
    train::Group group(at, claims_of(workspace), options, std::move(listener));
    workspace.group = &group;
    try {
      work();
    } catch (const train::PeerLost&) {
      throw;
    } catch (const Interrupted&) {  // all of them are, or know it
      if (copy) return false;
      throw;
    } catch (const std::exception& error) {
      group.members().give_up(error.what());
      if (copy) return false;
      throw;
    }
    workspace.group = nullptr;
    group.members().leave();
    if (copies) copies->wait();
  } catch (const train::PeerLost& lost) {
    if (copy && lost.rank != 0) return false;
    throw;
  }
  return true;
}

void first_does(const Workspace& workspace, const std::function<void()>& work) {
  if (workspace.group == nullptr) return work();
  if (workspace.group->first()) {
    try {
      work();
    } catch (const Interrupted& stopped) {  // it alone: the others wait
      workspace.group->members().give_up(stopped.what());
      throw;
    }
  }
  workspace.group->barrier();
}

TrainingThreads::TrainingThreads(const Workspace& workspace) : workspace_(workspace) {
  if (workspace.group == nullptr || workspace.config.threads > 0) return;
  const int beside = train::processes_beside(workspace.group->members().all(), workspace.group->rank());
  train::set_up_cpu(std::max(1, usable_cpus() / beside));
}

TrainingThreads::~TrainingThreads() {
  if (workspace_.group != nullptr) train::set_up_cpu(workspace_.threads);
}

}  // namespace triage::workflow
