// What the tests of codegen share.
#pragma once

#include <vector>

#include "compiler/compiler_test_support.h"

namespace triage::codegen {

// A target that this CPU runs, with another's way to sum products.
inline compiler::Target with_dots(compiler::DotProduct dot) {
  compiler::Target target = compiler::this_cpu();
  target.dot = dot;
  return target;
}

// All that this CPU runs, and its own with the others' ways.
inline std::vector<compiler::Target> targets_and_dots_here() {
  std::vector<compiler::Target> targets = compiler::targets_here();
  for (const auto dot : {compiler::DotProduct::none, compiler::DotProduct::u8_s8, compiler::DotProduct::s8_s8})
    if (dot != compiler::this_cpu().dot) targets.push_back(with_dots(dot));
  return targets;
}

}  // namespace triage::codegen
