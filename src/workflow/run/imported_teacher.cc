// An imported net that teaches: asked by the engine on the host, about the pixels of training views.
#include <ATen/Parallel.h>

#include "engine/registry.h"
#include "preprocess/preprocessor.h"
#include "workflow/cascade/ask_net.h"
#include "workflow/run/imported_stages.h"
#include "workflow/run/processes.h"
#include "workflow/run/teachers.h"

namespace triage::workflow {
namespace {

// What a normalised view shows: [n, C, H, W] -> [n, H, W, C] bytes.
at::Tensor bytes_of(const at::Tensor& images, const data::Normalization& normalization) {
  const auto values = [](const std::vector<float>& of) { return at::tensor(of).view({1, -1, 1, 1}); };
  const at::Tensor pixels = images.to(at::kCPU, at::kFloat) * values(normalization.stddev) + values(normalization.mean);
  return (pixels * 255).round().clamp(0, 255).permute({0, 2, 3, 1}).to(at::kByte).contiguous();
}

std::shared_ptr<const engine::Session> open_teacher(const fs::path& file, int threads) {
  const engine::EngineSpec spec{.threads = threads};
  auto opened = engine::open_session(engine::engine_for(spec), {.engine = spec, .file = file.filename().string()},
                                     file.parent_path(), spec);
  if (!opened) fail("{}: {}", file.string(), opened.error().message);
  return std::move(*opened);
}

// Imported by rank 0, where it was not before; the others find it.
ImportedStage shared_stage(const Workspace& w, const StageConfig& imported) {
  std::optional<ImportedStage> stage;
  const auto import = [&] {
    stage = import_stage(imported, {w.dataset, w.splits.validation, w.config.seed}, w.run, w.context);
  };
  first_does(w, import);
  if (!stage && !is_imported(imported, w.run))
    fail("{}: expected '{}' in it, as rank 0 imported it, found none: all ranks must see one run directory",
         (w.run / "imported").string(), imported.name);
  if (!stage) import();
  return *std::move(stage);
}

}  // namespace

void check_imported_teacher(const Workspace& workspace, const StageConfig& imported) {
  check_imported(imported, workspace.dataset, workspace.config.origin);
}

ImportedTeacher imported_teacher(const Workspace& workspace, const StageConfig& imported) {
  const ImportedStage stage = shared_stage(workspace, imported);
  const std::shared_ptr<const engine::Session> session = open_teacher(stage.file, at::get_num_threads());
  const data::Normalization normalization = workspace.normalization;
  const preprocess::Preprocess preprocess = *stage.net.stage.preprocess;
  auto ask = [session, normalization, preprocess](const at::Tensor& images) {
    const at::NoGradGuard no_grad;
    const at::Tensor bytes = bytes_of(images, normalization);
    const int height = static_cast<int>(bytes.size(1)), width = static_cast<int>(bytes.size(2)),
              channels = static_cast<int>(bytes.size(3));
    const std::size_t size = static_cast<std::size_t>(height) * width * channels;
    const std::uint8_t* const pixels = bytes.const_data_ptr<std::uint8_t>();
    std::vector<float> answers =
        ask_net(*session, preprocess, static_cast<std::size_t>(bytes.size(0)),
                [&](std::size_t i) { return ImageView{pixels + i * size, height, width, channels}; });
    return at::tensor(answers).view({bytes.size(0), -1}).to(images.device());
  };
  return {std::move(ask), stage.net.stage.sha256};
}

}  // namespace triage::workflow
