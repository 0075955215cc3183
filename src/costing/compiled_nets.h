// The nets of a layer table as compiled kernels on this machine: one library with the kernels of all of them, and each
// net's program when it is opened.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "compiler/compile_stage.h"
#include "core/files/temporary.h"
#include "costing/layer_costs.h"
#include "engine/session.h"

namespace triage::costing {

struct NetsToCompile {
  family::AnySpace space;  // of plain nets
  plan::InputShape input;
  int classes = 10;
  LayerCostOptions options;  // which nets
};

// Not thread-safe.
class CompiledNets {
 public:
  // schedule_of decides between tuned and untuned kernels. Nothing is compiled before the first open(), which takes
  // minutes where a space is large.
  CompiledNets(NetsToCompile nets, compiler::CompileOptions compile, compiler::ScheduleOf schedule_of);

  // onnx: a net's file, as random_stage_onnx() made it; its kernels must be those of one of the nets. profile: as
  // engine::CompiledOptions::profile. Throws Error.
  std::unique_ptr<engine::Session> open(const std::string& onnx, const std::string& profile);

 private:
  void compile_all();
  engine::StageProgram program_of(const std::string& onnx, compiler::KernelSet& library) const;

  NetsToCompile nets_;
  compiler::CompileOptions compile_;
  compiler::ScheduleOf schedule_of_;
  TemporaryDirectory directory_{"compiled_nets"};
  std::optional<std::string> library_sha256_;  // none: nothing is compiled yet
};

}  // namespace triage::costing
