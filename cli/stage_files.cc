#include "cli/stage_files.h"

#include "export/from_network.h"

namespace triage::cli {
namespace {

constexpr std::size_t kParityImages = 256;

}  // namespace

std::string stage_file(const exporting::StageModel& stage) {
  const onnx::ModelProto model = exporting::stage_to_onnx(stage);
  exporting::check_model(model, stage.name + ".onnx");
  return model.SerializeAsString();
}

void check_stage_parity(const Workspace& w, const supernet::NetworkImpl& network, const fs::path& file, bool features) {
  auto opened = runtime::open_onnx(file.string(), {});
  if (!opened) fail("{}", opened.error().message);
  const std::shared_ptr<const runtime::Backend> backend = std::move(*opened);
  const std::size_t count = std::min(kParityImages, w.splits.validation.size()), pixels = w.dataset.image_bytes();
  const data::DatasetInfo& info = w.dataset.info();
  const std::size_t plane = static_cast<std::size_t>(info.height) * info.width;
  std::vector<float> images(count * pixels);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* from = w.dataset.image(w.splits.validation[i]);
    for (std::size_t p = 0; p < plane; ++p) {
      for (int c = 0; c < info.channels; ++c)
        images[i * pixels + c * plane + p] = static_cast<float>(from[p * info.channels + c]) / 255.0f;
    }
  }
  exporting::ParityOptions options;
  options.outputs = {"logits"};
  if (features) options.outputs.push_back("features");
  exporting::require_parity(exporting::check_parity(
      exporting::network_engine(network, w.normalization.mean, w.normalization.stddev),
      exporting::backend_engine("onnxruntime " + file.stem().string(), backend), images, count, options));
}

}  // namespace triage::cli
