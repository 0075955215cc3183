#include <algorithm>
#include <limits>
#include <set>

#include "model/interpreter/ops.h"

namespace triage::model {
namespace {

struct Gathered {  // of the values of one window or one reduction
  double sum = 0, largest = -std::numeric_limits<double>::infinity(),
         smallest = std::numeric_limits<double>::infinity();
  std::int64_t count = 0;
  void add(double value) {
    sum += value;
    largest = std::max(largest, value);
    smallest = std::min(smallest, value);
    ++count;
  }
};

Tensor pool_all(const Call& call) {
  const Tensor& input = call.in(0);
  if (input.dims.size() < 3) call.refuse("found {} dimensions, expected 3 or more", input.dims.size());
  Dims dims(input.dims.size(), 1);
  dims[0] = input.dims[0];
  dims[1] = input.dims[1];
  Tensor result = zeros(input.type, dims);
  const std::size_t plane = input.values.size() / std::max<std::size_t>(1, result.values.size());
  for (std::size_t i = 0; i < result.values.size(); ++i) {
    Gathered found;
    for (std::size_t p = 0; p < plane; ++p) found.add(input.values[i * plane + p]);
    result.values[i] =
        call.node.op == Op::global_max_pool ? found.largest : found.sum / static_cast<double>(found.count);
  }
  return result;
}

double reduced(const Call& call, const Gathered& found) {
  switch (call.node.op) {
    case Op::reduce_sum:
      return found.sum;
    case Op::reduce_max:
      return found.largest;
    case Op::reduce_min:
      return found.smallest;
    default:
      return found.sum / static_cast<double>(found.count);
  }
}

}  // namespace

Tensor pool(const Call& call) {
  if (call.node.op == Op::global_max_pool || call.node.op == Op::global_average_pool) return pool_all(call);
  const Tensor& input = call.in(0);
  if (input.dims.size() < 3) call.refuse("found {} dimensions, expected 3 or more", input.dims.size());
  const Dims spatial(input.dims.begin() + 2, input.dims.end());
  const Window window = window_of(call.graph, call.node, spatial);
  const Dims size = window.output(spatial);
  Dims dims{input.dims[0], input.dims[1]};
  dims.insert(dims.end(), size.begin(), size.end());
  Tensor result = zeros(input.type, dims);
  const Dims strides = strides_of(spatial);
  const std::int64_t plane = elements(spatial), out_plane = elements(size);
  for (std::int64_t channel = 0; channel < input.dims[0] * input.dims[1]; ++channel) {
    for_each_place(size, [&](const Dims& at, std::size_t pixel) {
      Gathered found;
      std::int64_t padded = 0;  // taps inside the input or its padding
      for_each_place(window.kernel, [&](const Dims& tap, std::size_t) {
        std::int64_t place = channel * plane;
        bool inside = true, in_padding = true;
        for (std::size_t d = 0; d < spatial.size(); ++d) {
          const std::int64_t x = at[d] * window.strides[d] + tap[d] * window.dilations[d] - window.begin[d];
          inside = inside && x >= 0 && x < spatial[d];
          in_padding = in_padding && x < spatial[d] + window.end[d];
          place += x * strides[d];
        }
        padded += in_padding ? 1 : 0;
        if (inside) found.add(input.values[static_cast<std::size_t>(place)]);
      });
      const std::int64_t count = window.count_padding ? padded : found.count;
      result.values[static_cast<std::size_t>(channel * out_plane) + pixel] =
          call.node.op == Op::max_pool ? found.largest
          : count == 0                 ? 0
                                       : found.sum / static_cast<double>(count);
    });
  }
  return result;
}

Tensor reduce(const Call& call) {
  const Tensor& input = call.in(0);
  const std::size_t rank = input.dims.size();
  const std::vector<std::int64_t> axes = call.integers(1);
  if (axes.empty() && call.node.integer("noop_with_empty_axes") != 0) return input;
  std::set<std::size_t> gone;
  for (const std::int64_t axis : axes) gone.insert(call.axis(axis, rank));
  for (std::size_t d = 0; axes.empty() && d < rank; ++d) gone.insert(d);
  Dims kept = input.dims, dims;
  for (std::size_t d = 0; d < rank; ++d) {
    if (gone.contains(d)) kept[d] = 1;
    if (!gone.contains(d) || call.node.integer("keepdims") != 0) dims.push_back(kept[d]);
  }
  const Dims strides = strides_of(kept);
  std::vector<Gathered> found(static_cast<std::size_t>(elements(kept)));
  for_each_place(input.dims, [&](const Dims& at, std::size_t i) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < rank; ++d) place += gone.contains(d) ? 0 : at[d] * strides[d];
    found[static_cast<std::size_t>(place)].add(input.values[i]);
  });
  Tensor result = zeros(input.type, dims);
  for (std::size_t i = 0; i < found.size(); ++i) result.values[i] = reduced(call, found[i]);
  return result;
}

}  // namespace triage::model
