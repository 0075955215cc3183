// The stages of a run that are nets somebody has ([[stage]] onnx): RUN/imported/ has each as a stage's file, and beside
// it what was found of the net, so that a run looks for a preprocessing once.
#pragma once

#include "workflow/cascade/imported_net.h"
#include "workflow/cascade/int8_form.h"
#include "workflow/config/run_config.h"

namespace triage::workflow {

struct Workspace;

// What a run's imported stages are asked about.
struct ImportImages {
  const data::Dataset& dataset;
  std::span<const std::uint32_t> validation;
  std::uint64_t seed = 1;  // of the order in which they are asked
};

// Throws Error, before anything is written, where a file of the stage is not there or not what it should be: a
// classifier of the data set's classes, names of them, a preprocessing.
void check_imported(const StageConfig& stage, const data::Dataset& dataset, const std::string& origin);

// The stage, imported into RUN/imported/ or found there as an earlier start has imported it; it is said how. Throws
// Error where its files or the data set have changed since, naming which; else as import_net(). known: it was there.
struct ImportedStage {
  ImportedNet net;
  fs::path file;  // RUN/imported/NAME.onnx
  bool known = false;
};
ImportedStage import_stage(const StageConfig& stage, const ImportImages& images, const fs::path& run,
                           const Context& context);
bool is_imported(const StageConfig& stage, const fs::path& run);  // it would be found

// The stage in int8: made as RUN/imported/NAME-int8.onnx by the rules of `triage quantize`, or found there. It is the
// stage as it was where nothing of it is worth being in int8, which is said. A start that was killed goes on where it
// was. source: what it reads. report: what was found (exporting::to_json).
// Throws as int8_form() does.
struct Int8Stage {
  ImportedStage stage;
  Json report;
};
Int8Stage int8_stage(const ImportedStage& stage, const FormSource& source, const Int8Images& images,
                     const fs::path& run, Int8Choice choice);
// Those of a run (pipeline.h), in the order of RunConfig::stages, the others left out.
std::vector<ImportedStage> import_stages(const Workspace& workspace);

}  // namespace triage::workflow
