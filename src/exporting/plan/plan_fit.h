// Whether the files of a plan's stages fit it, and what the plan's model takes.
#pragma once

#include <span>

#include "exporting/graph_builder.h"
#include "plan/plan.h"

namespace triage::exporting {

inline bool is_imported(const plan::Stage& stage) { return stage.arch.blocks.empty(); }

bool takes_pixels(const plan::Plan& plan);   // a stage has preprocessing of its own
int image_channels(const plan::Plan& plan);  // of these pixels: 1 or 3
onnx::ValueInfoProto pixel_input(const plan::Plan& plan, const std::string& name);  // uint8 [H, W, C]

std::int64_t fixed_batch(const onnx::GraphProto& stage);  // 0: any

// Throws Error naming the stage, what was found and what was expected. batch: PlanModelOptions::batch.
void check_stage_files(const plan::Plan& plan, std::span<const onnx::ModelProto> stages, int batch);

}  // namespace triage::exporting
