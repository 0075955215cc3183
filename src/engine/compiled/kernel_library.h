// A shared library of kernels, loaded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "engine/compiled/kernel_abi.h"
#include "engine/compiled/stage_program.h"

namespace triage::engine {

// Throws Failure (unsupported) that names both sides when this process or its CPU cannot run what was compiled so.
void check_cpu(const StageProgram& program, const std::string& origin);

class KernelLibrary {
 public:
  // Reads the file, checks its SHA-256 and runs the code of the very bytes that were checked, from a copy that nobody
  // else can write. Throws Failure.
  KernelLibrary(const fs::path& file, const std::string& sha256);
  ~KernelLibrary();  // its kernels are gone
  KernelLibrary(const KernelLibrary&) = delete;
  KernelLibrary& operator=(const KernelLibrary&) = delete;

  Kernel kernel(const std::string& symbol) const;  // throws Failure when there is none
  const fs::path& file() const { return file_; }   // absolute
  const std::string& sha256() const { return sha256_; }

  // A kernel's scratch memory belongs to a thread, which takes it with its first call: takes that of this thread now.
  void take_scratch() const;

 private:
  fs::path file_;
  std::string sha256_;
  void* handle_ = nullptr;
};

// The libraries that the stages of a plan have in common: each is loaded once. Not thread-safe.
class KernelLibraries {
 public:
  std::shared_ptr<const KernelLibrary> open(const fs::path& file, const std::string& sha256);

 private:
  std::vector<std::shared_ptr<const KernelLibrary>> open_;
};

}  // namespace triage::engine
