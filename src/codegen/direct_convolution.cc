#include "codegen/direct_convolution.h"

#include <algorithm>

namespace triage::codegen {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

namespace {

using Halide::Expr;

// Rounds to even and clamps to [0, 255] without a conversion: adding 1.5 * 2^23 leaves the integer in the low bits.
Expr requantised(const Expr& sum, const Expr& multiplier, const DotTypes& types) {
  const Expr clamped = Halide::clamp(Halide::cast<float>(sum) * multiplier, 0.0f, 255.0f) + 12582912.0f;
  const Expr integer = Halide::reinterpret<std::int32_t>(clamped) - 0x4B400000;
  return Halide::cast(halide_type(types.map), integer + types.offset);
}

}  // namespace

DirectConvolution::DirectConvolution(const KernelKey& key, int channels_of_block, const Target& target, Share share)
    : types(dot_types(key.precision, target)),
      int8(key.precision == plan::Precision::int8),
      groups((key.in_channels + types.group - 1) / types.group),
      block(channels_of_block),
      channels(written_channels(key.out_channels)),
      step(key.pool ? 2 : 1),
      map(halide_type(types.map), 3, "map"),
      weights(halide_type(types.weight), 4, "weights"),
      bias(halide_type(types.sum), 1, "bias"),
      multiplier(Halide::Float(32), 1, "multiplier"),
      r(0, types.group, 0, groups, 0, 3, 0, 3, "r") {
  const int stored = stored_channels(key.in_channels);
  map.dim(0).set_bounds(0, stored);
  map.dim(1).set_bounds(0, key.width + 2).set_stride(stored);
  map.dim(2).set_min(0).set_stride((key.width + 2) * stored);
  map.set_host_alignment(4);
  weights.dim(0).set_bounds(0, types.group);
  weights.dim(1).set_bounds(0, block).set_stride(types.group);
  weights.dim(2).set_bounds(0, 9 * groups).set_stride(types.group * block);
  weights.dim(3).set_min(0).set_stride(types.group * block * 9 * groups);
  bias.dim(0).set_min(0);
  multiplier.dim(0).set_min(0);
  for (Halide::ImageParam* constant : {&weights, &bias, &multiplier}) constant->set_host_alignment(64);

  const Halide::Type sum = halide_type(types.sum);
  sums(in_block, of_block, x, y) = bias(in_block + block * of_block);
  sums(in_block, of_block, x, y) +=
      Halide::cast(sum, weights(r[0], in_block, r[1] + groups * (r[2] + 3 * r[3]), of_block)) *
      Halide::cast(sum, map(r[1] * types.group + r[0], x + r[2], y + r[3]));
  const auto at = [&](const Expr& px, const Expr& py) { return sums(c % block, c / block, px, py); };
  Expr value = at(x, y);
  if (key.pool)
    value = Halide::max(Halide::max(at(2 * x, 2 * y), at(2 * x + 1, 2 * y)),
                        Halide::max(at(2 * x, 2 * y + 1), at(2 * x + 1, 2 * y + 1)));
  output(c, x, y) = int8 ? requantised(value, multiplier(c), types) : Halide::max(value, 0.0f);
  const int width = key.width / step;
  auto buffer = output.output_buffer();
  bound_channels(buffer, channels, block, share);
  buffer.dim(1).set_bounds(0, width).set_stride(channels);
  buffer.dim(2).set_stride(channels * (width + 2));
}

KernelCode DirectConvolution::code() const {
  KernelCode code{.output = output, .inputs = {map, weights, bias}, .exact = int8};
  if (int8) code.inputs.push_back(multiplier);
  return code;
}

}  // namespace triage::codegen
