// Direct convolution. A tile of the output is summed in registers: for each tap and group of input channels one load of
// weights per vector of output channels, one broadcast of a group per pixel, and a product of the two for each pair.
// Pools and requantisation happen on the registers; the pool comes first, as both are monotone.
#include "codegen/direct_convolution.h"

namespace triage::codegen {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

using Halide::Func;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

Halide::Type halide_type(engine::ElementType type) {
  switch (type) {
    case engine::ElementType::u8:
      return Halide::UInt(8);
    case engine::ElementType::i8:
      return Halide::Int(8);
    case engine::ElementType::i16:
      return Halide::Int(16);
    case engine::ElementType::i32:
      return Halide::Int(32);
    case engine::ElementType::f32:
      break;
  }
  return Halide::Float(32);
}

void bound_channels(const Halide::OutputImageParam& output, int channels, int block, Share share) {
  auto dimension = output.dim(0);
  if (share == Share::channels) {
    dimension.set_min(dimension.min() / block * block).set_extent(dimension.extent() / block * block);
  } else {
    dimension.set_bounds(0, channels);
  }
}

KernelCode direct_code(const KernelKey& key, const Schedule& schedule, const Target& target) {
  DirectConvolution convolution(key, kLanes * schedule.vectors, target, schedule.share);
  Func &sums = convolution.sums, &output = convolution.output;
  const RDom& r = convolution.r;
  const int block = convolution.block, step = convolution.step;
  Var c = convolution.c, x = convolution.x, y = convolution.y, in_block = convolution.in_block;
  const Var c_block("c_block"), vector("vector"), x_tile("x_tile"), y_tile("y_tile");
  output.split(c, c_block, c, block, TailStrategy::RoundUp)
      .split(x, x_tile, x, schedule.columns / step, TailStrategy::ShiftInwards)
      .split(y, y_tile, y, schedule.rows / step, TailStrategy::ShiftInwards)
      .split(c, vector, c, kLanes)
      .vectorize(c)
      .unroll(vector)
      .unroll(x)
      .unroll(y);
  if (schedule.order == LoopOrder::channels_outside) {
    output.reorder(c, vector, x, y, x_tile, y_tile, c_block);
    sums.compute_at(output, x_tile);
  } else {
    output.reorder(c, vector, x, y, c_block, x_tile, y_tile);
    sums.compute_at(output, c_block);
  }
  sums.bound_extent(in_block, block).bound_extent(convolution.of_block, 1);
  sums.split(in_block, vector, in_block, kLanes)
      .reorder(in_block, vector, x, y)
      .vectorize(in_block)
      .unroll(vector)
      .unroll(x)
      .unroll(y);
  Halide::Stage update = sums.update();
  update.split(in_block, vector, in_block, kLanes).reorder(r[0], in_block, vector, x, y, r[1], r[2], r[3]);
  update.unroll(vector).unroll(x).unroll(y);
  if (convolution.types.group > 1)
    update.atomic().vectorize(r[0]).vectorize(in_block);
  else
    update.unroll(r[0]).vectorize(in_block);
  if (schedule.unroll > 1) update.unroll(r[1], schedule.unroll);

  return convolution.code();
}

}  // namespace triage::codegen
