#include "plan/precision.h"

#include "core/error.h"

namespace triage::plan {

std::string to_string(Precision precision) { return precision == Precision::int8 ? "int8" : "fp32"; }

Precision precision_from_string(const std::string& text, const std::string& where) {
  for (const auto precision : {Precision::fp32, Precision::int8}) {
    if (text == to_string(precision)) return precision;
  }
  fail("{}: expected fp32 or int8, found '{}'", where, text);
}

}  // namespace triage::plan
