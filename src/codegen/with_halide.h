// What compiling ahead of time and compiling at once share.
#pragma once

#include <string>

#include "codegen/kernel_code.h"
#include "core/error.h"

namespace triage::codegen {

// Halide's complaints become the program's one exception type.
template <class Action>
auto with_halide(const std::string& what, const Action& action) {
  try {
    return action();
  } catch (const Halide::Error& error) {
    fail("kernel {}: Halide: {}", what, error.what());
  }
}

inline Halide::Target machine_of(const compiler::Target& target, const KernelCode& code) {
  const Halide::Target machine(halide_target(target));
  return code.exact ? machine.with_feature(Halide::Target::StrictFloat) : machine;
}

}  // namespace triage::codegen
