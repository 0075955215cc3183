// KernelCode: a kernel as a Halide pipeline with its schedule applied, ready to be compiled ahead of time or at once.
//
// Maps are views (channel, x, y), channels innermost; a map that is read starts at its border, so that (c, x, y) of the
// output lies under the middle of the 3x3 taps at (c, x .. x + 2, y .. y + 2). Element types: dot_types.h. A kernel
// writes as many rows as its output view has, and where its schedule says so as many blocks of channels: one kernel
// serves any number of threads that share a map.
//
// Nothing but this module and the program triage-kernels includes Halide's headers.
#pragma once

#include <Halide.h>

#include <string>
#include <vector>

#include "compiler/kernel/dot_types.h"
#include "compiler/kernel/edge_key.h"
#include "compiler/kernel/schedule.h"

namespace triage::codegen {

struct KernelCode {
  Halide::Func output;
  std::vector<Halide::Argument> inputs;  // in the order of the compiled function; the output comes last
  bool exact = false;                    // floating-point operations as written: neither contracted nor reordered
};

// Channels of an output: all of them, or where threads share them any number of whole blocks.
void bound_channels(const Halide::OutputImageParam& output, int channels, int block, compiler::Share share);

Halide::Type halide_type(engine::ElementType type);

// Arguments: map, weights (pack.h), bias [channel] (fp32) or bias (i32) and multiplier (fp32), output map.
KernelCode conv_code(const compiler::KernelKey& key, const compiler::Schedule& schedule,
                     const compiler::Target& target);
KernelCode direct_code(const compiler::KernelKey& key, const compiler::Schedule& schedule,
                       const compiler::Target& target);
KernelCode winograd_code(const compiler::KernelKey& key, const compiler::Schedule& schedule);
KernelCode automatic_code(const compiler::KernelKey& key, const compiler::Target& target);

KernelCode edge_code(const compiler::EdgeKey& key, const compiler::Target& target);  // arguments: edge_key.h

}  // namespace triage::codegen
