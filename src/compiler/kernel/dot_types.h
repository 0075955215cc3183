// DotTypes: the element types of a convolution's maps, weights and sums, as its target wants them.
#pragma once

#include "compiler/target.h"
#include "engine/compiled/stage_program.h"
#include "plan/precision.h"

namespace triage::compiler {

struct DotTypes {
  engine::ElementType map, weight, sum;
  int group = 1;   // input channels that one step sums
  int offset = 0;  // what is added to a grid's value where it is stored: -128 for signed maps
};
DotTypes dot_types(plan::Precision precision, const Target& target);

}  // namespace triage::compiler
