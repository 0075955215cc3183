// The kernels around the convolutions: small, with a fixed schedule each.
#include <algorithm>

#include "codegen/kernel_code.h"
#include "core/error.h"

namespace triage::codegen {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

namespace {

constexpr int kEdgeLanes = 8;

struct EdgeParts {  // what several of the kernels share
  const EdgeKey& key;
  DotTypes types;
  Halide::Type map_type, sum_type;
  bool int8;
  int stored;  // channels of the map
  ImageParam grid{Halide::Float(32), 1, "grid"};
  Var c{"c"}, x{"x"}, y{"y"};

  EdgeParts(const EdgeKey& edge, const Target& target)
      : key(edge),
        types(dot_types(edge.precision, target)),
        map_type(halide_type(types.map)),
        sum_type(halide_type(types.sum)),
        int8(edge.precision == plan::Precision::int8),
        stored(edge.stored) {
    grid.dim(0).set_bounds(0, 2);
  }

  // A map with its border as a view (channel, x, y) that starts at the border, or at its inside.
  ImageParam map(Halide::Type type, const char* name, bool inside) const {
    ImageParam view(type, 3, name);
    view.dim(0).set_bounds(0, stored);
    view.dim(1).set_bounds(0, key.width + (inside ? 0 : 2)).set_stride(stored);
    view.dim(2).set_bounds(0, key.height + (inside ? 0 : 2)).set_stride((key.width + 2) * stored);
    return view;
  }
  void write_map(Func& output) const {
    output.output_buffer().dim(0).set_bounds(0, stored);
    output.output_buffer().dim(1).set_bounds(0, key.width).set_stride(stored);
    output.output_buffer().dim(2).set_stride((key.width + 2) * stored);
  }

  // round(value / scale) + zero, the zero point as stored, clamped to what 8 bits hold.
  Expr rounded(const Expr& value) const {
    if (!int8) return value;
    const Expr q = Halide::round(value / grid(0)) + grid(1);
    const auto low = static_cast<float>(types.offset), high = static_cast<float>(255 + types.offset);
    return Halide::cast(map_type, Halide::cast<std::int32_t>(Halide::clamp(q, low, high)));
  }
  Expr real(const Expr& stored_value) const {
    if (!int8) return stored_value;
    return (Halide::cast<float>(stored_value) - grid(1)) * grid(0);
  }
};

KernelCode prepare_code(const EdgeParts& parts) {
  const EdgeKey& key = parts.key;
  ImageParam image(Halide::Float(32), 3, "image"),
      subtract(Halide::Float(32), 1, "subtract");  // image: (x, y, channel)
  image.dim(0).set_bounds(0, key.width);
  image.dim(1).set_bounds(0, key.height).set_stride(key.width);
  image.dim(2).set_bounds(0, key.channels).set_stride(key.width * key.height);
  subtract.dim(0).set_bounds(0, key.channels);
  Func planes("planes"), output("output");
  const Var &c = parts.c, &x = parts.x, &y = parts.y;
  const Expr channel = Halide::min(c, key.channels - 1);
  const Expr value = image(x, y, channel) - subtract(channel);
  planes(x, c, y) = parts.rounded(Halide::select(c < key.channels, value, 0.0f));
  output(c, x, y) = planes(x, c, y);
  parts.write_map(output);
  Var c_block("c_block"), x_block("x_block");
  const int lanes = std::min(kEdgeLanes, key.width), channels = std::min(parts.stored, 4);
  planes.compute_at(output, c_block).vectorize(x, lanes, TailStrategy::ShiftInwards).unroll(c);
  planes.bound_extent(c, channels);
  output.split(c, c_block, c, channels)
      .split(x, x_block, x, lanes, TailStrategy::ShiftInwards)
      .reorder(c, x, x_block, c_block, y)
      .vectorize(x)
      .unroll(c);
  planes.store_in(Halide::MemoryType::Stack);
  return {.output = output, .inputs = {image, subtract, parts.grid}, .exact = true};
}

KernelCode head_code(const EdgeParts& parts) {
  const EdgeKey& key = parts.key;
  const ImageParam map = parts.map(parts.map_type, "map", true);
  ImageParam weight(Halide::Float(32), 2, "weight"), bias(Halide::Float(32), 1, "bias");
  weight.dim(0).set_bounds(0, parts.stored);
  weight.dim(1).set_bounds(0, key.classes).set_stride(parts.stored);
  bias.dim(0).set_bounds(0, key.classes);
  Var k("k"), lane("lane"), block("block");
  const Var& c = parts.c;
  Func largest("largest"), pooled("pooled"), lanes("lanes"), output("output");
  const RDom area(0, key.width, 0, key.height, "area");
  largest(c) = parts.map_type.min();
  largest(c) = Halide::max(largest(c), map(c, area.x, area.y));
  pooled(c) = parts.real(largest(c));
  const int width = std::min(parts.stored, kLanes);
  const RDom blocks(0, parts.stored / width, "blocks"), across(0, width, "across");
  lanes(lane, k) = 0.0f;
  lanes(lane, k) += weight(blocks * width + lane, k) * pooled(blocks * width + lane);
  output(k) = bias(k);
  output(k) += lanes(across, k);
  output.output_buffer().dim(0).set_bounds(0, key.classes);
  largest.compute_root().vectorize(c, width);
  largest.update().reorder(c, area.x, area.y).vectorize(c, width);
  largest.update().split(c, block, c, width).reorder(c, area.x, area.y, block);
  pooled.compute_root().vectorize(c, width);
  lanes.compute_at(output, k).vectorize(lane, width);
  lanes.update().vectorize(lane, width);
  output.update().atomic(true).vectorize(across);
  return {.output = output, .inputs = {map, parts.grid, weight, bias}};
}

KernelCode mean_code(const EdgeParts& parts) {
  const EdgeKey& key = parts.key;
  const ImageParam map = parts.map(parts.map_type, "map", true);
  const Var& c = parts.c;
  Func sum("sum"), output("output");
  const RDom area(0, key.width, 0, key.height, "area");
  const Halide::Type type = parts.sum_type;
  sum(c) = Halide::cast(type, 0);
  sum(c) += Halide::cast(type, map(c, area.x, area.y));
  const float share = 1.0f / static_cast<float>(key.width * key.height);
  const Expr mean = Halide::cast<float>(sum(c)) * share;
  output(c) = parts.int8 ? (mean - parts.grid(1)) * parts.grid(0) : mean;
  output.output_buffer().dim(0).set_bounds(0, key.channels);
  const int width = std::min(parts.stored, kLanes);
  Var block("block");
  sum.compute_root().bound(c, 0, parts.stored).vectorize(c, width);
  sum.update().split(c, block, c, width).reorder(c, area.x, area.y, block).vectorize(c);
  output.vectorize(c, kEdgeLanes, TailStrategy::GuardWithIf);
  return {.output = output, .inputs = {map, parts.grid}};
}

KernelCode carry_out_code(const EdgeParts& parts) {
  const EdgeKey& key = parts.key;
  const ImageParam map = parts.map(parts.map_type, "map", true);
  const Var &c = parts.c, &x = parts.x, &y = parts.y;
  Func output("output");
  output(x, y, c) = parts.real(map(c, x, y));
  output.output_buffer().dim(0).set_bounds(0, key.width);
  output.output_buffer().dim(1).set_bounds(0, key.height).set_stride(key.width);
  output.output_buffer().dim(2).set_bounds(0, key.channels).set_stride(key.width * key.height);
  output.reorder(x, c, y).vectorize(x, std::min(kEdgeLanes, key.width), TailStrategy::ShiftInwards);
  return {.output = output, .inputs = {map, parts.grid}, .exact = true};
}

// Between the two precisions of a map.
KernelCode convert_code(const EdgeParts& parts) {
  const bool to_int8 = parts.key.kind == EdgeKind::round;
  const ImageParam map = parts.map(to_int8 ? Halide::Float(32) : parts.map_type, "map", true);
  const Var &c = parts.c, &x = parts.x, &y = parts.y;
  Func output("output");
  output(c, x, y) = to_int8 ? parts.rounded(map(c, x, y)) : parts.real(map(c, x, y));
  parts.write_map(output);
  output.vectorize(c, std::min(kEdgeLanes, parts.stored));
  return {.output = output, .inputs = {map, parts.grid}, .exact = true};
}

}  // namespace

KernelCode edge_code(const EdgeKey& key, const Target& target) {
  const EdgeParts parts(key, target);
  switch (key.kind) {
    case EdgeKind::prepare:
      return prepare_code(parts);
    case EdgeKind::head:
      return head_code(parts);
    case EdgeKind::mean:
      return mean_code(parts);
    case EdgeKind::carry_out:
      return carry_out_code(parts);
    case EdgeKind::round:
    case EdgeKind::real:
      return convert_code(parts);
  }
  fail("edge kernel: found kind {}, expected a known one", static_cast<int>(key.kind));
}

KernelCode conv_code(const KernelKey& key, const Schedule& schedule, const Target& target) {
  if (!allowed(key, schedule))
    fail("kernel {}: schedule '{}': not possible for this shape", key.text(), schedule.text());
  if (schedule.algorithm == Algorithm::winograd2 || schedule.algorithm == Algorithm::winograd4)
    return winograd_code(key, schedule);
  if (schedule.algorithm == Algorithm::automatic) return automatic_code(key, target);
  return direct_code(key, schedule, target);
}

}  // namespace triage::codegen
