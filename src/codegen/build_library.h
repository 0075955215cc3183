// From kernel code to machine code: ahead of time into a shared library, or at once to be timed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/kernel/kernel_set.h"

namespace triage::codegen {

// Compiles the kernels and links them into `file`, which needs neither Halide nor LLVM, with the system's C compiler
// (or the cross compiler of the target's architecture). Throws Error with the compiler's message; nothing half-written
// stays.
void build_library(const compiler::KernelSet& library, const fs::path& file);

// One of its kernels as an object file's bytes. Throws Error.
std::string kernel_object(const compiler::KernelSet& library, const std::string& symbol);

// Compiles convolutions for this CPU and times them on data of their own. Keeps the last few it compiled. Not
// thread-safe.
class KernelTimer {
 public:
  explicit KernelTimer(compiler::Target target);
  ~KernelTimer();

  // Means over windows of calls, us. Throws Error.
  std::vector<double> samples(const compiler::KernelKey& key, const compiler::Schedule& schedule);

 private:
  struct Timed;
  compiler::Target target_;
  std::vector<std::unique_ptr<Timed>> kept_;
};

}  // namespace triage::codegen
