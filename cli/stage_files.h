// ONNX files of trained networks, and the proof that they compute what the networks do.
#pragma once

#include <string>

#include "cli/pipeline.h"
#include "export/stage_model.h"

namespace triage::cli {

// The bytes of a stage's file, which the ONNX checker has accepted.
std::string stage_file(const exporting::StageModel& stage);

// LibTorch in fp32 against ONNX Runtime on validation images: logits and, if asked for, features within 1e-4. Throws
// Error with the worst element.
void check_stage_parity(const Workspace& workspace, const supernet::NetworkImpl& network, const fs::path& file,
                        bool features);

}  // namespace triage::cli
