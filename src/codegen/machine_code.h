// From a kernel's pipeline to machine code with no instruction outside its target's features: as an object file, or in
// memory, ready to be called.
//
// Halide names a CPU model to LLVM, which may then use all that this model has: more than the target's features, and
// more than another maker's CPU of the same class. So Halide makes LLVM's code, and what LLVM may use for it is set
// anew from the target before it becomes machine code. instructions_test.cc holds this for every target.
#pragma once

#include <memory>
#include <string>

#include "codegen/kernel_code.h"
#include "engine/compiled/kernel_abi.h"

namespace triage::codegen {

// The bytes of an object file with the kernel as `symbol`_argv (engine/compiled/kernel_abi.h), which needs what
// build_library.cc gives it. Throws Error.
std::string object_code(const KernelCode& code, const std::string& symbol, const compiler::Target& target);

// The machine code of object_code(), loaded into this process. For a target that this CPU runs. Parallel loops, which
// the autoscheduler may make, run on the caller's thread.
class LoadedKernel {
 public:
  LoadedKernel(const KernelCode& code, const std::string& what, const compiler::Target& target);  // throws Error
  ~LoadedKernel();
  LoadedKernel(LoadedKernel&&) noexcept;
  LoadedKernel& operator=(LoadedKernel&&) noexcept;

  // Of Halide::Buffer, in the order of KernelCode::inputs, then the output; 0: done.
  template <class... Buffers>
  int operator()(Buffers&&... buffers) const {
    void* arguments[] = {buffers.raw_buffer()...};
    return kernel_(arguments);
  }

 private:
  struct Memory;
  std::unique_ptr<Memory> memory_;
  engine::Kernel kernel_ = nullptr;
};

}  // namespace triage::codegen
