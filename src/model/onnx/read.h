// A Graph from an ONNX file, by what its nodes do and never by what anything is called.
//
// Taken: operator sets 7 to the newest that libonnx knows, in ONNX's own domain; com.microsoft's operators on integers
// and FusedConv; functions of the model, put in where they are called; constants as initialisers or nodes, also those
// beside the file. Operators that are not known, those with subgraphs (If, Loop) and those with attributes that are not
// known become opaque nodes, which are written back as they were. Dropout is the identity.
// Refused with an Error that names file, node, attribute, what was found and what was expected: other operator sets,
// inputs that are no tensors, sparse constants, names that nothing gives or two nodes give, nodes in an order that
// cannot be run, shapes that contradict each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/files/file.h"
#include "model/graph.h"

namespace triage::model {

inline constexpr int kMinOpset = 7;

struct ReadOptions {
  std::optional<std::int64_t> batch;  // set for each input whose first dimension is free; none: it stays free
};

// Shapes and types are inferred (shapes.h), quantization is noted (quantized.h).
Graph read_onnx(const fs::path& file, const ReadOptions& options = {});
// directory: where its external data lies; none: such data is refused. origin: for messages.
Graph from_onnx(onnx::ModelProto model, const std::string& origin, const std::optional<fs::path>& directory,
                const ReadOptions& options = {});
// A file's content, all of it: external data is refused.
Graph parse_onnx(const std::string& bytes, const std::string& origin, const ReadOptions& options = {});

}  // namespace triage::model
