#include "exporting/plan/axis_nodes.h"

#include <cstdint>

namespace triage::exporting {
namespace {

using preprocess::Interpolation;
using preprocess::Resampler;
using Type = onnx::TensorProto;

// What the formulas of one axis start from, in double precision: x [pixels, 1] of the image, i [1, count] of the kept
// ones.
struct Axis {
  Value in, resized, x, i;
};

Value box(const Value& x) {
  const Value inside = both(less(-0.5, x), less_or_equal(x, 0.5));
  return where(inside, x.of->number(Type::DOUBLE, 1), 0);
}

Value triangle(const Value& x) { return maximum(1 - abs(x), 0); }

Value cubic(const Value& distance, double a) {
  const Value x = abs(distance);
  const Value near = (x * (a + 2) - (a + 3)) * x * x + 1;
  const Value far = (((x - 5) * x + 8) * x - 4) * a;
  return where(less(x, 1), near, where(less(x, 2), far, 0));
}

double pillow_support(Interpolation interpolation) {
  return interpolation == Interpolation::area ? 0.5 : interpolation == Interpolation::bicubic ? 2 : 1;
}

Value pillow_weights(Interpolation interpolation, const Axis& axis) {
  const Value scale = axis.in / axis.resized, widened = maximum(scale, 1);
  const Value support = widened * pillow_support(interpolation), centre = (axis.i + 0.5) * scale;
  const Value first = maximum(floor(centre - support + 0.5), 0), end = minimum(floor(centre + support + 0.5), axis.in);
  const Value distance = (axis.x - centre + 0.5) * (1 / widened);
  const Value filtered = interpolation == Interpolation::area      ? box(distance)
                         : interpolation == Interpolation::bicubic ? cubic(distance, -0.5)
                                                                   : triangle(distance);
  const Value weights = where(both(less_or_equal(first, axis.x), less(axis.x, end)), filtered, 0);
  const Value sum = summed(weights, 0, true), zero = sum.of->number(Type::DOUBLE, 0);
  return weights / where(equal(sum, zero), sum.of->number(Type::DOUBLE, 1), sum);
}

// `weight` at the pixel `at`, or at the edge where that is outside.
Value clamped(const Axis& axis, const Value& at, const Value& weight) {
  return where(equal(axis.x, minimum(maximum(at, 0), axis.in - 1)), weight, 0);
}

Value between_two(const Axis& axis, const Value& left, const Value& part) {  // part: FLOAT
  return clamped(axis, left, (1 - part).as(Type::DOUBLE)) + clamped(axis, left + 1, part.as(Type::DOUBLE));
}

Value opencv_area(const Axis& axis, const Value& scale) {
  constexpr double kSliver = 1e-3;
  const Value begin = axis.i * scale, end = begin + scale, cell = minimum(scale, axis.in - begin);
  const Value last = minimum(floor(end), axis.in - 1), first = minimum(ceil(begin), last);
  const Value before = first - begin, behind = end - last;
  const Value one = axis.x.of->number(Type::DOUBLE, 1);
  const Value inside = where(both(less_or_equal(first, axis.x), less(axis.x, last)), one / cell, 0);
  const Value front = where(less(kSliver, before), clamped(axis, first - 1, before / cell), 0);
  const Value back = clamped(axis, last, minimum(minimum(behind, 1), cell) / cell);
  return front + inside + where(less(kSliver, behind), back, 0);
}

Value opencv_weights(Interpolation interpolation, const Axis& axis, const Value& shrinks) {
  const Value inverse = axis.resized / axis.in, scale = 1 / inverse;
  if (interpolation == Interpolation::area) {
    const Value left = floor(axis.i * scale);
    const Value over = ((axis.i + 1) - (left + 1) * inverse).as(Type::FLOAT);
    const Value part = where(less_or_equal(over, 0), over.of->number(Type::FLOAT, 0), over - floor(over));
    return where(shrinks, opencv_area(axis, scale), between_two(axis, left, part));
  }
  const Value at = ((axis.i + 0.5) * scale - 0.5).as(Type::FLOAT), whole = floor(at), part = at - whole;
  const Value left = whole.as(Type::DOUBLE);
  if (interpolation == Interpolation::bilinear) return between_two(axis, left, part);
  constexpr double kSharpness = -0.75;
  const auto tap = [&](int t) { return clamped(axis, left + t, cubic((t - part).as(Type::DOUBLE), kSharpness)); };
  return tap(-1) + tap(0) + tap(1) + tap(2);
}

}  // namespace

WindowNodes window_nodes(const Value& in, const Value& resized, int output) {
  WindowNodes window{.in = in, .resized = resized};
  window.count = minimum(resized, output);
  const Value missing = maximum(output - resized, 0), cut = maximum(resized - output, 0);
  window.before = missing / 2;
  window.after = missing - window.before;
  const Value half = cut / 2;
  window.first = half + (cut % 2) * (half % 2);
  return window;
}

AxisWeights weight_nodes(const preprocess::Resize& resize, const WindowNodes& window, const Value& shrinks) {
  const Value in = window.in.as(Type::DOUBLE), resized = window.resized.as(Type::DOUBLE);
  // Pixels further away than this weigh nothing, whatever the filter.
  const Value scale = in / resized, reach = maximum(scale, 1) * 3 + 3, first = window.first.as(Type::DOUBLE);
  AxisWeights made;
  made.begin = maximum(floor(first * scale - reach), 0).as(Type::INT64);
  made.end = minimum(ceil((first + window.count.as(Type::DOUBLE)) * scale + reach), in).as(Type::INT64);
  const Axis axis{.in = in,
                  .resized = resized,
                  .x = unsqueezed(range(made.begin, made.end).as(Type::DOUBLE), 1),
                  .i = unsqueezed(range(window.first, window.first + window.count).as(Type::DOUBLE), 0)};
  const Value weights = resize.resampler == Resampler::pillow ? pillow_weights(resize.interpolation, axis)
                                                              : opencv_weights(resize.interpolation, axis, shrinks);
  const Value fixed = weights * double(1 << preprocess::kWeightBits);
  made.weights = sign(fixed) * floor(abs(fixed) + 0.5);
  return made;
}

Value nearest_nodes(Resampler resampler, const WindowNodes& window) {
  const Value in = window.in.as(Type::DOUBLE), resized = window.resized.as(Type::DOUBLE);
  const Value end = window.first + window.count;
  Value places;
  if (resampler == Resampler::pillow) {  // summed up one by one, as Pillow does: the last bits decide
    const Value step = in / resized, zero = in.of->number(Type::INT64, 0);
    const Value steps = where(equal(range(zero, end), zero), step * 0.5, step);
    places = sliced(in.of->node("CumSum", {steps, zero}), 0, window.first, end);
  } else {
    places = floor(range(window.first, end).as(Type::DOUBLE) * (1 / (resized / in)));
  }
  return minimum(places.as(Type::INT64), window.in - 1);
}

}  // namespace triage::exporting
