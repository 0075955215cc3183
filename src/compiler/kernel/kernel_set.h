// KernelSet: the kernels of a plan, gathered while its stages are put together, and made into one shared library.
//
// The library is made by the program triage-kernels in a process of its own: it links Halide and with it LLVM, which
// LibTorch brings another copy of that a process cannot have beside it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "compiler/kernel/edge_key.h"
#include "compiler/kernel/schedule.h"
#include "core/context.h"
#include "core/json.h"

namespace triage::compiler {

struct LibraryKernel {  // a convolution, or what stands around them
  std::optional<EdgeKey> edge;
  KernelKey key;
  Schedule schedule;
};

class KernelSet {
 public:
  explicit KernelSet(Target target) : target_(std::move(target)) {}

  // Both return the kernel's symbol; the same kernel is compiled once, for any number of threads.
  std::string add(const KernelKey& key, const Schedule& schedule);
  std::string add(const EdgeKey& key);

  // Runs `program` (triage-kernels). Throws Error with its message; nothing half-written stays.
  void write(const fs::path& file, const fs::path& program, StopToken stop = {}) const;

  const Target& target() const { return target_; }
  const std::map<std::string, LibraryKernel>& kernels() const { return kernels_; }  // by symbol

 private:
  Target target_;
  std::map<std::string, LibraryKernel> kernels_;
};

// What triage-kernels reads: {"target", "kernels": [{"symbol", "edge"} or {"symbol", "kernel", "schedule"}]}.
Json to_json(const KernelSet& library);
KernelSet kernel_set_from_json(const Json& json, const std::string& origin);  // throws Error

}  // namespace triage::compiler
