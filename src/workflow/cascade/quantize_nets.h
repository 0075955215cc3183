// Nets that somebody has, in int8: one ONNX file by itself, or a plan of imported nets.
#pragma once

#include "workflow/cascade/imported_net.h"
#include "workflow/cascade/int8_form.h"

namespace triage::workflow {

struct QuantizeNets {
  fs::path data;  // imported data set: ranges from its training images, right and wrong asked on its validation images
  std::uint64_t seed = 1;
  double profile_seconds = 2;  // of a plan's stages, per stage
  Int8Choice choice;
};

struct QuantizedNet {
  ImportedNet net;  // as it was found, in fp32
  exporting::QuantizeReport report;
  std::uintmax_t fp32_bytes = 0, bytes = 0;  // of the files
};

// The net with the inputs and outputs that it has, in int8 as `out`. Throws Error where it is no classifier of these
// classes, or where all of it stays in fp32 (then nothing is written); Interrupted.
QuantizedNet quantize_net(const NetSource& source, const fs::path& out, const QuantizeNets& request);

// Whether every stage of the plan in this directory is an imported net, and no configuration says how its data was
// split.
bool is_plan_of_nets(const fs::path& plan);

// The stages of plan `from` in int8 into directory `to`, which is there; routers, temperatures and thresholds as they
// were, costs measured here, and a curve of its own. Stages that are not faster or lose too much stay as they are: both
// are said in `notes`. Throws Error where the classes are others, or no stage is in int8; Interrupted.
plan::Plan quantize_plan_of_nets(const fs::path& from, const fs::path& to, const QuantizeNets& request,
                                 std::vector<std::string>& notes);

}  // namespace triage::workflow
