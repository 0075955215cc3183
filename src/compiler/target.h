// Target: the CPU that kernels are compiled for, from its own flags. Neither Halide's "host" nor the CPU models that it
// names to LLVM are used: both made code with instructions that a CPU with the target's features need not have.
#pragma once

#include <string>

#include "core/system/cpu.h"

namespace triage::compiler {

// How int8 products are summed, and with it the element type of a map and the channels in one step.
enum class DotProduct {
  none,   // AVX2, SSE, any other: products of two 16-bit pairs (maps are i16; exact)
  u8_s8,  // x86 VNNI: four products of a u8 and an i8 (maps are u8)
  s8_s8,  // arm64 dot product: four products of two i8 (maps are i8: the grid's values minus 128)
};

struct Target {
  std::string architecture;  // "x86_64", "aarch64"
  CpuFeatures features;      // of which instructions may stand in kernels beside the architecture's base
  DotProduct dot = DotProduct::none;
  int registers = 16, register_bits = 256;  // of vectors

  std::string text() const;  // "x86_64 avx avx2 f16c fma ...": part of a tuning store's key
  bool operator==(const Target&) const = default;
};

// The best target that such a CPU can run.
Target target_for(const std::string& architecture, CpuFeatures features);
Target this_cpu();
void check_runs_here(const Target& target);        // throws Error naming what this CPU lacks
Target target_from_name(const std::string& name);  // "avx2", "avx512", "vnni", "arm64", "this"; throws UsageError
Target target_from_text(const std::string& text);  // Target::text(); throws Error

// Halide's text for it: which patterns of instructions Halide may use; kernels without assertions.
std::string halide_target(const Target& target);

// What LLVM is told: a CPU that has the architecture's base alone, exactly the target's features, and the CPU model
// whose order of instructions is good.
struct LlvmTarget {
  std::string cpu, features, tuning;  // "x86-64", "+avx,+avx2", "haswell"
};
LlvmTarget llvm_target(const Target& target);

}  // namespace triage::compiler
