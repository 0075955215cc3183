#include "workflow/study/cut_subnet.h"

#include "core/files/new_directory.h"
#include "core/files/new_files.h"
#include "workflow/build/plan_source.h"

namespace triage::workflow {

plan::ArchCost cut_subnet(const OpenSupernet& supernet, const plan::ArchSpec& subnet,
                          const train::RecalibrationOptions& recalibration, const fs::path& onnx,
                          const fs::path& weights) {
  supernet::Network network = supernet.cutter(recalibration).cut(subnet);

  // As if a stage followed: the file has features.
  const std::vector<StageSource> stages{{onnx.stem(), network}, {"next", network}};
  NewFiles files(onnx.parent_path(), onnx.stem());
  write_file_atomic(files.path() / onnx.filename(),
                    stage_file(supernet.workspace, stages, 0, std::nullopt, plan::PolicyKind::confidence));
  check_stage_parity(supernet.workspace, stages, 0, files.path());
  train::save_network(files.path() / weights.filename(), *network, network->state(),
                      {supernet.trained.classes, supernet.trained.normalization, supernet.trained.identity});
  files.commit();
  return plan::arch_cost(subnet, network->input(), network->classes());
}

void pack_supernet(const OpenSupernet& supernet, const fs::path& out) {
  NewDirectory made(out);
  train::save_network(made.path() / "supernet.pt", *supernet.trained.network, supernet.trained.network->state(),
                      {supernet.trained.classes, supernet.trained.normalization, supernet.trained.identity},
                      train::WeightStorage::bf16);
  write_file_atomic(made.path() / "config.toml", supernet.workspace.config.text);
  made.take_over({});
  made.commit();
}

}  // namespace triage::workflow
