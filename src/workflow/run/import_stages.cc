// The stages of a run that are somebody's nets. without_onnx.cc stands in its place where nets cannot be read.
#include "workflow/run/imported_stages.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

void check_imports(const Workspace& w) {
  for (const StageConfig& stage : w.config.stages)
    if (stage.onnx) check_imported(stage, w.dataset, w.config.origin);
}

std::vector<ImportedStage> import_stages(const Workspace& w) {
  const ImportImages images{w.dataset, w.splits.validation, w.config.seed};
  std::vector<ImportedStage> stages;
  for (const StageConfig& stage : w.config.stages)
    if (stage.onnx) stages.push_back(import_stage(stage, images, w.run, w.context));
  return stages;
}

void make_imports(const Workspace& workspace) { import_stages(workspace); }

}  // namespace triage::workflow
