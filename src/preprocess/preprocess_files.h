// The preprocessing that other tools write beside a network:
//   timm           config.json (its object pretrained_cfg), or such an object alone. Missing fields are timm's defaults
//                  (crop_pct 0.875, interpolation bicubic, crop_mode center).
//   Hugging Face   preprocessor_config.json of the transformers library, of now and of before 4.23 (size is a number).
//   Triage         the field preprocess of plan.json, alone.
// Errors name the file, the field, what was expected and what was found; what a Preprocess cannot say (other filters,
// borders, padding) is refused by name.
#pragma once

#include <optional>

#include "preprocess/network_input.h"

namespace triage::preprocess {

// Throws Error where the file does not fit the input. timm's crop_pct is a share, so the size of the network counts and
// not the file's input_size; Hugging Face's sizes are pixels and must lead to the network's.
Preprocess read_preprocess_file(const fs::path& file, const NetworkInput& input);
Preprocess preprocess_of(const JsonReader& file, const NetworkInput& input);  // the same of its content

// Which file says how to preprocess for an ONNX file: NAME.preprocess.json beside it; else preprocessor_config.json,
// else a config.json of timm's, in its folder or, where that is called onnx, in the one above. None: nobody says it.
std::optional<fs::path> preprocess_file_of(const fs::path& onnx);

}  // namespace triage::preprocess
