// Precision: the numbers a stage computes with.
#pragma once

#include <string>

namespace triage::plan {

enum class Precision { fp32, int8 };  // int8: convolutions in 8 bits (model/int8.h), heads in fp32

std::string to_string(Precision precision);
Precision precision_from_string(const std::string& text, const std::string& where);  // throws Error naming `where`

}  // namespace triage::plan
