#include "exporting/plan/plan_fit.h"

#include <algorithm>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "exporting/plan/operator_sets.h"
#include "preprocess/network_input.h"

namespace triage::exporting {
namespace {

using preprocess::Layout;

constexpr std::size_t kMaxBytes = 2'147'483'647;  // of a protobuf file

const onnx::TensorShapeProto& shape_of(const onnx::ValueInfoProto& value) { return value.type().tensor_type().shape(); }

std::string text(const onnx::TensorShapeProto& shape) {
  return "[" +
         joined(
             shape.dim(),
             [](const auto& dim) { return dim.has_dim_value() ? std::to_string(dim.dim_value()) : std::string("?"); }) +
         "]";
}

// Behind the batch.
bool has_sizes(const onnx::TensorShapeProto& shape, const std::vector<std::int64_t>& sizes) {
  if (shape.dim_size() != static_cast<int>(sizes.size()) + 1) return false;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (shape.dim(static_cast<int>(i) + 1).dim_value() != sizes[i]) return false;
  return true;
}

void check_imported(const plan::Plan& plan, const plan::Stage& stage, const onnx::GraphProto& file) {
  const bool image = stage.input == plan::StageInput::image;
  const char* const name = image ? "image" : "carry_in";
  if (file.input_size() != 1 || file.input(0).name() != name)
    fail("plan model: stage {}: found {} inputs, expected one, \"{}\"", stage.name, file.input_size(), name);
  const int type = file.input(0).type().tensor_type().elem_type();
  if (type != kFloat)
    fail("plan model: stage {}: input \"{}\": found element type {}, expected {} (float32)", stage.name, name, type,
         static_cast<int>(kFloat));
  preprocess::Preprocess spec = preprocess::plain_preprocess(
      {.height = plan.input.height, .width = plan.input.width, .channels = plan.input.channels});
  if (stage.preprocess) spec = *stage.preprocess;
  const std::vector<std::int64_t> sizes = spec.layout == Layout::nchw
                                              ? std::vector<std::int64_t>{spec.channels, spec.height, spec.width}
                                              : std::vector<std::int64_t>{spec.height, spec.width, spec.channels};
  if (image && !has_sizes(shape_of(file.input(0)), sizes))
    fail("plan model: stage {}: input \"image\": found {}, expected [N, {}] as its preprocessing makes it", stage.name,
         text(shape_of(file.input(0))), joined(sizes, [](auto size) { return std::to_string(size); }));
  const auto logits = std::ranges::find(file.output(), std::string("logits"), [](const auto& o) { return o.name(); });
  if (logits == file.output().end()) fail("plan model: stage {}: its file has no output \"logits\"", stage.name);
  if (!has_sizes(shape_of(*logits), {static_cast<std::int64_t>(plan.classes.size())}))
    fail("plan model: stage {}: output \"logits\": found {}, expected [N, {}], a value for each class", stage.name,
         text(shape_of(*logits)), plan.classes.size());
}

// Metadata of our own networks; of an imported one they are its maker's.
void check_ours(const plan::Plan& plan, const plan::Stage& stage, const onnx::ModelProto& file) {
  const auto arch = metadata(file, "triage.arch");
  if (!arch.empty() && arch != stage.arch.text())
    fail("plan model: stage {}: its file is for the net {}, the plan names {}", stage.name, arch, stage.arch.text());
  const auto classes = metadata(file, "triage.classes");
  if (!classes.empty() && classes != Json(plan.classes).dump())
    fail("plan model: stage {}: its file has the classes {}, the plan {}", stage.name, classes,
         Json(plan.classes).dump());
}

}  // namespace

bool takes_pixels(const plan::Plan& plan) {
  return std::ranges::any_of(plan.stages, [](const plan::Stage& stage) { return stage.preprocess.has_value(); });
}

int image_channels(const plan::Plan& plan) { return plan.input.channels == 1 ? 1 : 3; }

onnx::ValueInfoProto pixel_input(const plan::Plan& plan, const std::string& name) {
  const bool any = std::ranges::all_of(plan.stages, [](const plan::Stage& stage) {
    return stage.input != plan::StageInput::image || stage.preprocess.has_value();
  });
  const auto side = [&](int size, const char* free) {
    return any ? TensorDimension{0, free} : TensorDimension{size, {}};
  };
  return value_info(name, onnx::TensorProto::UINT8,
                    {side(plan.input.height, "H"), side(plan.input.width, "W"), {image_channels(plan), {}}});
}

std::int64_t fixed_batch(const onnx::GraphProto& stage) {
  return stage.input_size() == 0 || shape_of(stage.input(0)).dim_size() == 0
             ? 0
             : shape_of(stage.input(0)).dim(0).dim_value();
}

void check_stage_files(const plan::Plan& plan, std::span<const onnx::ModelProto> stages, int batch) {
  if (plan.stages.empty()) fail("plan model: plan {} has no stages", plan.name);
  if (stages.size() != plan.stages.size())
    fail("plan model: found {} stage models, expected {}", stages.size(), plan.stages.size());
  if (batch != 1 && takes_pixels(plan))
    fail("plan model: batch: found {}, expected 1: the model takes the pixels of one image of any size",
         batch == 0 ? "free" : std::to_string(batch));
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const plan::Stage& stage = plan.stages[i];
    const onnx::ModelProto& file = stages[i];
    bytes += file.ByteSizeLong();
    if (bytes > kMaxBytes)
      fail(
          "plan model: stage {}: found {} bytes with the stages before it, expected at most {}: one ONNX file holds 2 "
          "GB",
          stage.name, bytes, kMaxBytes);
    if (opset_of(file) == 0)
      fail("plan model: stage {}: found no operator set, expected one of ONNX's own", stage.name);
    if (batch != 1 && fixed_batch(file.graph()) > 0)
      fail("plan model: stage {}: found a batch of {}, expected a free one where the model takes more than one image",
           stage.name, fixed_batch(file.graph()));
    if (is_imported(stage)) {
      check_imported(plan, stage, file.graph());
    } else {
      check_ours(plan, stage, file);
    }
  }
}

}  // namespace triage::exporting
