// The direct convolution before it is scheduled: what the hand-written schedule and the autoscheduler start from.
#pragma once

#include "codegen/kernel_code.h"

namespace triage::codegen {

struct DirectConvolution {
  DirectConvolution(const compiler::KernelKey& key, int block, const compiler::Target& target,
                    compiler::Share share = compiler::Share::rows);
  KernelCode code() const;

  compiler::DotTypes types;
  bool int8;
  int groups;    // of input channels
  int block;     // output channels whose weights lie together
  int channels;  // of the output, in memory
  int step;      // 2 with a pool, else 1
  Halide::ImageParam map, weights, bias, multiplier;
  Halide::Var c{"c"}, x{"x"}, y{"y"}, in_block{"in_block"}, of_block{"of_block"};
  Halide::RDom r;                 // channel of a group, group, column, row
  Halide::Func sums{"sums"};      // (in_block, of_block, x, y): channel c is c % block of block c / block
  Halide::Func output{"output"};  // (c, x, y)
};

}  // namespace triage::codegen
