// Resize: nearest and linear, of images without antialiasing.
#include <algorithm>
#include <cmath>

#include "model/interpreter/ops.h"

namespace triage::model {
namespace {

struct ResizedAxis {
  std::int64_t from = 1, to = 1;
  double scale = 1;
};

double source(const Call& call, const ResizedAxis& axis, std::int64_t at) {
  const std::string& how = call.node.text("coordinate_transformation_mode");
  const auto x = static_cast<double>(at);
  if (how == "half_pixel") return (x + 0.5) / axis.scale - 0.5;
  if (how == "asymmetric") return x / axis.scale;
  if (how == "pytorch_half_pixel") return axis.to > 1 ? (x + 0.5) / axis.scale - 0.5 : 0;
  if (how == "align_corners")
    return axis.to == 1 ? 0 : x * static_cast<double>(axis.from - 1) / static_cast<double>(axis.to - 1);
  call.refuse(
      "attribute coordinate_transformation_mode: found {}, expected half_pixel, pytorch_half_pixel, "
      "align_corners or asymmetric",
      how);
}

std::int64_t nearest(const Call& call, double x) {
  const std::string& how = call.node.text("nearest_mode");
  if (how == "floor") return static_cast<std::int64_t>(std::floor(x));
  if (how == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  const double low = std::floor(x), rest = x - low;
  const bool up = rest > 0.5 || (rest == 0.5 && how == "round_prefer_ceil");
  return static_cast<std::int64_t>(low) + (up ? 1 : 0);
}

std::vector<ResizedAxis> resized_axes(const Call& call, const Dims& dims) {
  std::vector<ResizedAxis> axes;
  for (const std::int64_t size : dims) axes.push_back({size, size, 1});
  std::vector<std::int64_t> chosen = call.node.integers("axes");
  if (!call.node.attributes.contains("axes"))
    for (std::size_t d = 0; d < dims.size(); ++d) chosen.push_back(static_cast<std::int64_t>(d));
  if (call.node.text("keep_aspect_ratio_policy") != "stretch")
    call.refuse("attribute keep_aspect_ratio_policy: found {}, expected stretch",
                call.node.text("keep_aspect_ratio_policy"));
  const bool by_size = call.has(3) && call.in(3).size() > 0;
  const Tensor& numbers = by_size ? call.in(3) : call.in(2);
  if (numbers.values.size() != chosen.size())
    call.refuse("found {} sizes or scales, expected {}", numbers.values.size(), chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    ResizedAxis& axis = axes[call.axis(chosen[i], dims.size())];
    const double number = numbers.values[i];
    axis.to = static_cast<std::int64_t>(by_size ? number : std::floor(static_cast<double>(axis.from) * number));
    axis.scale = by_size ? number / static_cast<double>(axis.from) : number;
  }
  return axes;
}

// One dimension after the other: linear interpolation in several is the product of that in each.
Tensor resized(const Call& call, const Tensor& input, std::size_t d, const ResizedAxis& axis) {
  Dims dims = input.dims;
  dims[d] = axis.to;
  Tensor result = zeros(input.type, dims);
  const std::int64_t inner = strides_of(dims)[d], last = axis.from - 1;
  const bool linear = call.node.text("mode") == "linear";
  for_each_place(dims, [&](const Dims& at, std::size_t i) {
    const std::int64_t rest = static_cast<std::int64_t>(i) % inner;
    const std::int64_t outer = static_cast<std::int64_t>(i) / (inner * axis.to);
    const auto value = [&](std::int64_t x) {
      const std::int64_t place = (outer * axis.from + std::clamp<std::int64_t>(x, 0, last)) * inner + rest;
      return input.values[static_cast<std::size_t>(place)];
    };
    const double x = source(call, axis, at[d]);
    if (!linear) {
      result.values[i] = value(nearest(call, x));
      return;
    }
    const double low = std::floor(x);
    const auto first = static_cast<std::int64_t>(low);
    result.values[i] = value(first) * (1 - (x - low)) + value(first + 1) * (x - low);
  });
  return result;
}

}  // namespace

Tensor resize(const Call& call) {
  const std::string& mode = call.node.text("mode");
  if (mode != "nearest" && mode != "linear") call.refuse("attribute mode: found {}, expected nearest or linear", mode);
  Tensor result = call.in(0);
  const auto axes = resized_axes(call, result.dims);
  for (std::size_t d = 0; d < axes.size(); ++d) {
    if (axes[d].from != axes[d].to || axes[d].scale != 1) result = resized(call, result, d, axes[d]);
  }
  return result;
}

}  // namespace triage::model
