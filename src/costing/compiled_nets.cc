#include "costing/compiled_nets.h"

#include "core/error.h"
#include "costing/random_model.h"
#include "engine/compiled/compiled_session.h"
#include "model/onnx/read.h"

namespace triage::costing {
namespace {

constexpr const char* kLibrary = "kernels.so";

}  // namespace

CompiledNets::CompiledNets(NetsToCompile nets, compiler::CompileOptions compile, compiler::ScheduleOf schedule_of)
    : nets_(std::move(nets)), compile_(std::move(compile)), schedule_of_(std::move(schedule_of)) {}

engine::StageProgram CompiledNets::program_of(const std::string& onnx, compiler::KernelSet& library) const {
  return compile_stage(model::parse_onnx(onnx, "net.onnx"), compile_.threads, schedule_of_, library);
}

void CompiledNets::compile_all() {
  compiler::KernelSet library(compile_.target);
  for (const LayerCostSubject& subject : layer_cost_subjects(nets_.space, nets_.input, nets_.options)) {
    if (nets_.options.stop.requested())
      throw Interrupted("stopped while kernels were compiled; the same command begins with that");
    program_of(random_stage_onnx(subject.segment, nets_.input, nets_.classes, nets_.options.seed), library);
  }
  library.write(directory_.path() / kLibrary, compile_.program, nets_.options.stop);
  library_sha256_ = sha256_file(directory_.path() / kLibrary);
}

std::unique_ptr<engine::Session> CompiledNets::open(const std::string& onnx, const std::string& profile) {
  if (!library_sha256_) compile_all();
  compiler::KernelSet library(compile_.target);  // its kernels are in the one that was compiled
  engine::StageProgram program = program_of(onnx, library);
  program.library = kLibrary;
  program.library_sha256 = *library_sha256_;
  const fs::path file = directory_.path() / "net.program";
  engine::save_program(file, program);
  auto session = engine::open_compiled(file.string(), {.threads = compile_.threads, .profile = profile});
  if (!session) fail("{}", session.error().message);
  return std::move(*session);
}

}  // namespace triage::costing
