// Direct convolution. A tile of the output is summed in registers: for each tap and group of input channels one load of
// weights per vector of output channels, one broadcast of a group per pixel, and a product of the two for each pair.
// Pools and requantisation happen on the registers; the pool comes first, as both are monotone.
#include <algorithm>

#include "codegen/kernel_code.h"

namespace triage::codegen {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Type;
using Halide::Var;

Halide::Type halide_type(runtime::ElementType type) {
  switch (type) {
    case runtime::ElementType::u8:
      return Halide::UInt(8);
    case runtime::ElementType::i8:
      return Halide::Int(8);
    case runtime::ElementType::i16:
      return Halide::Int(16);
    case runtime::ElementType::i32:
      return Halide::Int(32);
    case runtime::ElementType::f32:
      break;
  }
  return Halide::Float(32);
}

namespace {

// Rounds to even and clamps to [0, 255] without a conversion: adding 1.5 * 2^23 leaves the integer in the low bits.
Expr requantised(const Expr& sum, const Expr& multiplier, const DotTypes& types) {
  const Expr clamped = Halide::clamp(Halide::cast<float>(sum) * multiplier, 0.0f, 255.0f) + 12582912.0f;
  const Expr integer = Halide::reinterpret<std::int32_t>(clamped) - 0x4B400000;
  return Halide::cast(halide_type(types.map), integer + types.offset);
}

void set_layout(ImageParam& map, const KernelKey& key) {
  const int channels = stored_channels(key.in_channels);
  map.dim(0).set_bounds(0, channels);
  map.dim(1).set_bounds(0, key.width + 2).set_stride(channels);
  map.dim(2).set_min(0).set_stride((key.width + 2) * channels);
  map.set_host_alignment(4);
}

}  // namespace

KernelCode direct_code(const KernelKey& key, const Schedule& schedule, const Target& target) {
  const DotTypes types = dot_types(key.precision, target);
  const bool int8 = key.precision == plan::Precision::int8;
  const int groups = (key.in_channels + types.group - 1) / types.group;
  const int channels = std::max(stored_channels(key.out_channels), kLanes);
  const int block = kLanes * schedule.vectors;
  const int step = key.pool ? 2 : 1;

  const Halide::Type sum_type = halide_type(types.sum);
  ImageParam map(halide_type(types.map), 3, "map"), weights(halide_type(types.weight), 4, "weights"),
      bias(sum_type, 1, "bias"), multiplier(Halide::Float(32), 1, "multiplier");
  set_layout(map, key);
  weights.dim(0).set_bounds(0, types.group);
  weights.dim(1).set_bounds(0, block).set_stride(types.group);
  weights.dim(2).set_bounds(0, 9 * groups).set_stride(types.group * block);
  weights.dim(3).set_min(0).set_stride(types.group * block * 9 * groups);
  bias.dim(0).set_min(0);
  multiplier.dim(0).set_min(0);
  for (ImageParam* constant : {&weights, &bias, &multiplier}) constant->set_host_alignment(64);

  Var c("c"), x("x"), y("y"), c_block("c_block"), vector("vector"), x_tile("x_tile"), y_tile("y_tile");
  const RDom r(0, types.group, 0, groups, 0, 3, 0, 3, "r");
  Func sums("sums"), output("output");
  sums(c, x, y) = bias(c);
  sums(c, x, y) += Halide::cast(sum_type, weights(r[0], c % block, r[1] + groups * (r[2] + 3 * r[3]), c / block)) *
                   Halide::cast(sum_type, map(r[1] * types.group + r[0], x + r[2], y + r[3]));
  Expr value = sums(c, x, y);
  if (key.pool)
    value = Halide::max(Halide::max(sums(c, 2 * x, 2 * y), sums(c, 2 * x + 1, 2 * y)),
                        Halide::max(sums(c, 2 * x, 2 * y + 1), sums(c, 2 * x + 1, 2 * y + 1)));
  output(c, x, y) = int8 ? requantised(value, multiplier(c), types) : Halide::max(value, 0.0f);

  const int width = key.width / step;
  output.output_buffer().dim(0).set_bounds(0, channels);
  output.output_buffer().dim(1).set_bounds(0, width).set_stride(channels);
  output.output_buffer().dim(2).set_stride(channels * (width + 2));

  output.split(c, c_block, c, block)
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
  sums.bound_extent(c, block);
  sums.split(c, vector, c, kLanes).reorder(c, vector, x, y).vectorize(c).unroll(vector).unroll(x).unroll(y);
  Halide::Stage update = sums.update();
  update.split(c, vector, c, kLanes).reorder(r[0], c, vector, x, y, r[1], r[2], r[3]);
  update.unroll(vector).unroll(x).unroll(y);
  if (types.group > 1)
    update.atomic().vectorize(r[0]).vectorize(c);
  else
    update.unroll(r[0]).vectorize(c);
  if (schedule.unroll > 1) update.unroll(r[1], schedule.unroll);

  KernelCode code{.output = output, .inputs = {map, weights, bias}, .exact = int8};
  if (int8) code.inputs.push_back(multiplier);
  return code;
}

}  // namespace triage::codegen
