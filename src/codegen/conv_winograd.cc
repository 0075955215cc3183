// Winograd convolution F(m x m, 3 x 3) in fp32 (A. Lavin, S. Gray, CVPR 2016), m 2 or 4: each tile of m x m outputs is
// (m + 2)^2 products instead of 9 m^2. Tiles of a few rows at a time are transformed, multiplied with the transformed
// weights (pack.h) as (m + 2)^2 matrix products, and transformed back; bias, ReLU and pool happen on the way out. With
// the channels outside, a block of output channels goes all the way before the next; else each step does them all.
#include <algorithm>

#include "codegen/kernel_code.h"
#include "compiler/kernel/winograd.h"

namespace triage::codegen {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;
using Halide::RDom;
using Halide::Var;

namespace {

// Sum of coefficient * value(k) over the coefficients that are not 0.
template <class Value>
Expr combined(std::span<const float> coefficients, const Value& value) {
  Expr sum;
  for (std::size_t k = 0; k < coefficients.size(); ++k) {
    const float factor = coefficients[k];
    if (factor == 0) continue;
    Expr term = value(static_cast<int>(k));
    if (std::abs(factor) != 1) term = term * std::abs(factor);
    sum = !sum.defined() ? (factor < 0 ? -term : term) : factor < 0 ? sum - term : sum + term;
  }
  return sum;
}

// Row `index` (known once its loop is unrolled) of a matrix, applied to values.
template <class Value>
Expr transformed(const WinogradMatrix& matrix, const Expr& index, const Value& value) {
  std::vector<Expr> rows;
  for (int row = 0; row < matrix.rows; ++row) rows.push_back(combined(matrix.row(row), value));
  return Halide::mux(index, rows);
}

}  // namespace

KernelCode winograd_code(const KernelKey& key, const Schedule& schedule) {
  const int m = schedule.algorithm == Algorithm::winograd4 ? 4 : 2, side = m + 2;
  const Winograd& matrices = winograd(m);
  const int in = key.in_channels, stored_in = stored_channels(in);
  const int channels = written_channels(key.out_channels);
  const bool by_block = schedule.order == LoopOrder::channels_outside;
  const int block = kLanes * schedule.vectors, across = key.width / m;
  const int step = key.pool ? 2 : 1, width = key.width / step;

  ImageParam map(Halide::Float(32), 3, "map"), weights(Halide::Float(32), 4, "weights"),
      bias(Halide::Float(32), 1, "bias");
  map.dim(0).set_bounds(0, stored_in);
  map.dim(1).set_bounds(0, key.width + 2).set_stride(stored_in);
  map.dim(2).set_min(0).set_stride((key.width + 2) * stored_in);
  weights.dim(0).set_bounds(0, block);
  weights.dim(1).set_bounds(0, in).set_stride(block);
  weights.dim(2).set_bounds(0, side * side).set_stride(block * in);
  weights.dim(3).set_min(0).set_stride(block * in * side * side);
  bias.dim(0).set_min(0);
  for (ImageParam* argument : {&map, &weights, &bias}) argument->set_host_alignment(64);

  Var c("c"), x("x"), y("y"), i("i"), j("j"), t("t"), xi("xi"), yi("yi"), vector("vector"), c_block("c_block"),
      c_outer("c_outer"), strip("strip"), t_outer("t_outer");
  Func half("half"), in_tiles("in_tiles"), products("products"), out_half("out_half"), out_tiles("out_tiles"),
      output("output");
  half(c, i, j, t) =
      transformed(matrices.input, i, [&](int k) { return map(c, m * (t % across) + k, m * (t / across) + j); });
  in_tiles(c, i, j, t) = transformed(matrices.input, j, [&](int k) { return half(c, i, k, t); });
  const RDom r(0, in, "r");
  products(c, i, j, t) = 0.0f;
  products(c, i, j, t) += weights(c % block, r, i + side * j, c / block) * in_tiles(r, i, j, t);
  out_half(c, i, j, t) = transformed(matrices.output, i, [&](int k) { return products(c, k, j, t); });
  out_tiles(c, i, j, t) = transformed(matrices.output, j, [&](int k) { return out_half(c, i, k, t); });

  const auto at = [&](const Expr& px, const Expr& py) {
    return out_tiles(c, px % m, py % m, px / m + across * (py / m));
  };
  Expr value = at(x, y);
  if (key.pool)
    value = Halide::max(Halide::max(at(2 * x, 2 * y), at(2 * x + 1, 2 * y)),
                        Halide::max(at(2 * x, 2 * y + 1), at(2 * x + 1, 2 * y + 1)));
  output(c, x, y) = Halide::max(value + bias(c), 0.0f);

  const int tile = m / step;  // outputs of a tile, to a side
  auto buffer = output.output_buffer();
  bound_channels(buffer, channels, block, schedule.share);
  buffer.dim(1).set_bounds(0, width).set_stride(channels);
  buffer.dim(2).set_stride(channels * (width + 2));
  buffer.dim(2).set_min(buffer.dim(2).min() / tile * tile).set_extent(buffer.dim(2).extent() / tile * tile);

  const Halide::Func& out = output;
  Var y_tile("y_tile"), x_tile("x_tile");
  Func(out)
      .split(y, strip, y, tile * schedule.rows, Halide::TailStrategy::RoundUp)
      .split(y, y_tile, yi, tile)
      .split(x, x_tile, xi, tile)
      .split(c, c_outer, c, block, Halide::TailStrategy::RoundUp)
      .split(c, vector, c, kLanes)
      .vectorize(c);
  if (by_block)
    Func(out).reorder(c, xi, yi, vector, x_tile, y_tile, c_outer, strip);
  else
    Func(out).reorder(c, xi, yi, vector, c_outer, x_tile, y_tile, strip);
  output.unroll(xi).unroll(yi);
  out_tiles.compute_at(output, vector).vectorize(c, kLanes).unroll(i).unroll(j).reorder(c, i, j, t);
  out_half.compute_at(output, vector).vectorize(c, kLanes).unroll(i).unroll(j).reorder(c, i, j, t);
  products.compute_at(output, by_block ? c_outer : strip)
      .split(t, t_outer, t, schedule.columns)
      .split(c, c_block, c, block)
      .split(c, vector, c, kLanes)
      .reorder(c, vector, t, t_outer, c_block, i, j)
      .vectorize(c)
      .unroll(vector)
      .unroll(t);
  auto update = products.update();
  update.split(t, t_outer, t, schedule.columns)
      .split(c, c_block, c, block)
      .split(c, vector, c, kLanes)
      .reorder(c, vector, t, r, t_outer, c_block, i, j)
      .vectorize(c)
      .unroll(vector)
      .unroll(t);
  if (schedule.unroll > 1) update.unroll(r, schedule.unroll);
  in_tiles.compute_at(output, strip)
      .split(c, c_block, c, kLanes)
      .reorder(c, i, j, c_block, t)
      .vectorize(c)
      .unroll(i)
      .unroll(j);
  half.compute_at(in_tiles, c_block).vectorize(c, kLanes).unroll(i).unroll(j);
  const int tiles = across * schedule.rows;
  for (Func* whole : {&in_tiles, &products}) whole->bound_extent(i, side).bound_extent(j, side).bound_extent(t, tiles);
  in_tiles.bound_extent(c, stored_in);
  products.bound_extent(c, by_block ? block : channels);
  half.bound_extent(i, side).bound_extent(j, side).bound_extent(t, 1).bound_extent(c, kLanes);
  out_half.bound_extent(i, m).bound_extent(j, side).bound_extent(t, 1).bound_extent(c, kLanes);
  out_tiles.bound_extent(i, m).bound_extent(j, m).bound_extent(t, 1).bound_extent(c, kLanes);
  for (Func* scratch : {&half, &in_tiles, &products, &out_half, &out_tiles})
    scratch->store_in(Halide::MemoryType::Stack);
  return {.output = output, .inputs = {map, weights, bias}};
}

}  // namespace triage::codegen
