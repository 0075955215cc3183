// What the tests of codegen share.
#pragma once

#include "compiler/target.h"

namespace triage::codegen {

// A target that this CPU runs, with another's way to sum products.
inline compiler::Target with_dots(compiler::DotProduct dot) {
  compiler::Target target = compiler::this_cpu();
  target.dot = dot;
  return target;
}

}  // namespace triage::codegen
