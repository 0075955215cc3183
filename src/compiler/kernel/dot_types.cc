#include "compiler/kernel/dot_types.h"

namespace triage::compiler {

DotTypes dot_types(plan::Precision precision, const Target& target) {
  using enum engine::ElementType;
  if (precision == plan::Precision::fp32) return {f32, f32, f32, 1, 0};
  switch (target.dot) {
    case DotProduct::u8_s8:
      return {u8, i8, i32, 4, 0};
    case DotProduct::s8_s8:
      return {i8, i8, i32, 4, -128};
    case DotProduct::none:
      break;
  }
  return {i16, i16, i32, 2, 0};
}

}  // namespace triage::compiler
