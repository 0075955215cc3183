// A shared library of kernels, loaded.
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "runtime/kernel_abi.h"
#include "runtime/stage_program.h"

namespace triage::runtime {

// Throws Failure (unsupported) that names both sides when this process or its CPU cannot run what was compiled so.
void check_cpu(const StageProgram& program, const std::string& origin);

class KernelLibrary {
 public:
  // Checks the file's SHA-256, then runs its code. Nobody may write the file in between. Throws Failure.
  KernelLibrary(const fs::path& file, const std::string& sha256);
  ~KernelLibrary();  // its kernels are gone
  KernelLibrary(const KernelLibrary&) = delete;
  KernelLibrary& operator=(const KernelLibrary&) = delete;

  Kernel kernel(const std::string& symbol) const;  // throws Failure when there is none

 private:
  std::string file_;
  void* handle_ = nullptr;
};

}  // namespace triage::runtime
