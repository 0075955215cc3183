#include "exporting/plan/preprocess_nodes.h"

#include <algorithm>
#include <cstdint>

#include "core/error.h"
#include "exporting/plan/axis_nodes.h"

namespace triage::exporting {
namespace {

using preprocess::Interpolation;
using preprocess::Layout;
using preprocess::Preprocess;
using preprocess::Resampler;
using preprocess::ResizeMode;
using Type = onnx::TensorProto;

// Rec. 601 as preprocess/resize_kernels-inl.h has it; pixels [H, W, 3] INT32.
Value grey(const Value& pixels) {
  const Value weighted = pixels * pixels.of->table({3}, std::vector<std::int32_t>{19595, 38470, 7471});
  return ((summed(weighted, 2, true) + 32768) / 65536).as(Type::UINT8);
}

struct Windows {
  WindowNodes rows, columns;
  Value shrinks;  // BOOL: no axis becomes longer
};

Windows windows(const Preprocess& spec, const Value& image) {
  Formula& formula = *image.of;
  const Value shape = formula.node("Shape", {image}, Type::INT64);
  const Value height = element(shape, 0), width = element(shape, 1);
  Value rows = height, columns = width;
  if (spec.resize.mode == ResizeMode::exact) {
    rows = formula.number(Type::INT64, spec.resize.height), columns = formula.number(Type::INT64, spec.resize.width);
  } else if (spec.resize.mode == ResizeMode::shorter) {
    const Value shorter = formula.number(Type::INT64, spec.resize.height);
    const Value longer = shorter * maximum(height, width) / minimum(height, width);
    const Value upright = less(width, height);
    rows = where(upright, longer, shorter), columns = where(upright, shorter, longer);
  }
  return {.rows = window_nodes(height, rows, spec.height),
          .columns = window_nodes(width, columns, spec.width),
          .shrinks = both(less_or_equal(rows, height), less_or_equal(columns, width))};
}

// Whole numbers [in, count] DOUBLE -> their digits of 8 bits, from the lowest, each plus 128: [in, 3 * count] UINT8.
Value digits(const Value& weights) {
  constexpr double kBase = 256, kHalf = 128;
  std::vector<Value> parts;
  Value rest = weights;
  for (int digit = 0; digit < 3; ++digit) {
    const Value higher = floor((rest + kHalf) / kBase);
    parts.push_back((rest - higher * kBase + kHalf).as(Type::UINT8));
    rest = higher;
  }
  const Value made = weights.of->node("Concat", parts);
  weights.of->builder().attribute("axis", std::int64_t{1});
  return made;
}

// pixels [C, lines, in] UINT8 -> sums [C, lines, count] INT32 of pixel times weight, exact.
Value exact_sums(const Value& pixels, const AxisWeights& axis) {
  Formula& formula = *pixels.of;
  const auto zero_point = [&](std::uint8_t value) { return formula.table({}, std::vector{value}); };
  const Value product = formula.node(
      "MatMulInteger", {sliced(pixels, 2, axis.begin, axis.end), digits(axis.weights), zero_point(0), zero_point(128)},
      Type::INT32);
  const Value by_digit = formula.node("Reshape", {product, formula.list({0, 0, 3, -1})});
  const auto digit = [&](int k) { return gathered(by_digit, 2, formula.number(Type::INT64, k)); };
  return (digit(2) * 256 + digit(1)) * 256 + digit(0);  // in this order nothing on the way is larger than the sum
}

constexpr double kWeightUnit = 1.0 / (1 << preprocess::kWeightBits);

// [C, lines, in] -> [C, lines, count] UINT8, as Pillow rounds each pass.
Value rounded_pass(const Value& pixels, const AxisWeights& axis) {
  const Value sums = exact_sums(pixels, axis) + double(1 << (preprocess::kWeightBits - 1));
  return minimum(maximum(sums, 0) / double(1 << preprocess::kWeightBits), 255).as(Type::UINT8);
}

// The second pass of OpenCV: lines [C, count, in] FLOAT of the first one; rounded once, half to even.
Value precise_pass(const Value& lines, const AxisWeights& axis) {
  const Value weights = axis.weights.as(Type::FLOAT) * kWeightUnit;
  const Value sums = lines.of->node("MatMul", {sliced(lines, 2, axis.begin, axis.end), weights});
  return minimum(maximum(lines.of->node("Round", {sums}), 0), 255).as(Type::UINT8);
}

// pixels [C, H, W] UINT8 -> [C, rows, columns] UINT8 of the kept ones.
Value resized(const Preprocess& spec, const Value& pixels, const Windows& kept) {
  const WindowNodes &rows = kept.rows, &columns = kept.columns;
  if (spec.resize.mode == ResizeMode::none) {
    const Value lines = sliced(pixels, 1, rows.first, rows.first + rows.count);
    return sliced(lines, 2, columns.first, columns.first + columns.count);
  }
  if (spec.resize.interpolation == Interpolation::nearest) {
    const Value lines = gathered(pixels, 1, nearest_nodes(spec.resize.resampler, rows));
    return gathered(lines, 2, nearest_nodes(spec.resize.resampler, columns));
  }
  const AxisWeights across = weight_nodes(spec.resize, columns, kept.shrinks);
  const AxisWeights down = weight_nodes(spec.resize, rows, kept.shrinks);
  const std::vector<std::int64_t> turn{0, 2, 1};
  if (spec.resize.resampler == Resampler::pillow)
    return transposed(rounded_pass(transposed(rounded_pass(pixels, across), turn), down), turn);
  const Value lines = exact_sums(pixels, across).as(Type::FLOAT) * kWeightUnit;
  return transposed(precise_pass(transposed(lines, turn), down), turn);
}

// Whether the kept pixels may be fewer than the output.
bool may_be_smaller(const Preprocess& spec) {
  switch (spec.resize.mode) {
    case ResizeMode::none:
      return true;
    case ResizeMode::shorter:
      return spec.resize.height < std::max(spec.height, spec.width);
    case ResizeMode::exact:
      return spec.resize.height < spec.height || spec.resize.width < spec.width;
  }
  return true;
}

}  // namespace

std::string add_preprocess(GraphBuilder& builder, const Preprocess& spec, const std::string& image, int channels) {
  if (channels != spec.channels && !(channels == 1 && spec.channels == 3) && !(channels == 3 && spec.channels == 1))
    fail("preprocessing: found images of {} channels, expected {}", channels, spec.channels);
  Formula formula(builder, "input");
  Value pixels = formula.value(image, Type::UINT8);
  const Windows kept = windows(spec, pixels);
  if (channels == 3 && spec.channels == 1) pixels = grey(pixels.as(Type::INT32)), channels = 1;
  pixels = resized(spec, transposed(pixels, {2, 0, 1}), kept);
  if (may_be_smaller(spec)) {
    const Value none = formula.number(Type::INT64, 0);
    pixels = formula.node(
        "Pad",
        {pixels, listed({none, kept.rows.before, kept.columns.before, none, kept.rows.after, kept.columns.after})});
  }
  if (spec.order == preprocess::ChannelOrder::bgr && channels == 3)
    pixels = gathered(pixels, 0, formula.list({2, 1, 0}));
  std::vector<float> level, factor;  // as Preprocessor has them
  for (std::size_t c = 0; c < static_cast<std::size_t>(spec.channels); ++c) {
    level.push_back(static_cast<float>(spec.mean[c] / spec.scale));
    factor.push_back(static_cast<float>(spec.scale / spec.stddev[c]));
  }
  const bool planes = spec.layout == Layout::nchw;
  if (!planes) pixels = transposed(pixels, {1, 2, 0});
  const std::vector<std::int64_t> along =
      planes ? std::vector<std::int64_t>{spec.channels, 1, 1} : std::vector<std::int64_t>{spec.channels};
  const Value values = (pixels.as(Type::FLOAT) - formula.table(along, level)) * formula.table(along, factor);
  const Value shape = formula.list(planes ? std::vector<std::int64_t>{1, spec.channels, spec.height, spec.width}
                                          : std::vector<std::int64_t>{1, spec.height, spec.width, spec.channels});
  return formula.node("Reshape", {values, shape}).name;
}

}  // namespace triage::exporting
