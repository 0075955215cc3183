#include <algorithm>
#include <numeric>

#include "model/interpreter/ops.h"

namespace triage::model {
namespace {

Tensor with_dims(const Tensor& from, Dims dims) { return {from.type, std::move(dims), from.values}; }

// Dims of the result, and for each of its places the place in the input; -1: a value of its own.
template <class From>
Tensor gathered(const Tensor& input, Dims dims, const From& from, double otherwise = 0) {
  Tensor result = zeros(input.type, std::move(dims));
  for_each_place(result.dims, [&](const Dims& at, std::size_t i) {
    const std::int64_t place = from(at);
    result.values[i] = place < 0 ? otherwise : input.values.at(static_cast<std::size_t>(place));
  });
  return result;
}

Tensor reshape(const Call& call) {
  const Tensor& input = call.in(0);
  Dims dims = call.integers(1);
  std::int64_t rest = -1, known = 1;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 0 && call.node.integer("allowzero") == 0) {
      if (d >= input.dims.size()) call.refuse("dimension {}: found 0, expected an input that has it", d);
      dims[d] = input.dims[d];
    }
    if (dims[d] == -1) {
      if (rest >= 0) call.refuse("found -1 twice, expected it once");
      rest = static_cast<std::int64_t>(d);
    } else {
      if (dims[d] < 0) call.refuse("dimension {}: found {}, expected a size or -1", d, dims[d]);
      known *= dims[d];
    }
  }
  if (rest >= 0) dims[static_cast<std::size_t>(rest)] = known == 0 ? 0 : input.size() / known;
  if (elements(dims) != input.size()) call.refuse("found {} values, expected {}", input.size(), elements(dims));
  return with_dims(input, dims);
}

Tensor flatten(const Call& call) {
  const Tensor& input = call.in(0);
  const auto rank = static_cast<std::int64_t>(input.dims.size());
  const std::int64_t axis = call.node.integer("axis"), cut = axis < 0 ? axis + rank : axis;
  if (cut < 0 || cut > rank) call.refuse("attribute axis: found {}, expected one of {} dimensions", axis, rank);
  const std::int64_t rows = elements(std::span(input.dims).first(static_cast<std::size_t>(cut)));
  const std::int64_t columns = elements(std::span(input.dims).subspan(static_cast<std::size_t>(cut)));
  return with_dims(input, {rows, columns});
}

Tensor squeeze(const Call& call) {
  const Tensor& input = call.in(0);
  std::vector<bool> gone(input.dims.size(), false);
  for (const std::int64_t axis : call.integers(1)) gone[call.axis(axis, input.dims.size())] = true;
  Dims dims;
  for (std::size_t d = 0; d < input.dims.size(); ++d) {
    if (call.has(1) ? !gone[d] : input.dims[d] != 1) dims.push_back(input.dims[d]);
  }
  if (elements(dims) != input.size()) call.refuse("found a dimension above 1, expected 1");
  return with_dims(input, dims);
}

Tensor unsqueeze(const Call& call) {
  const Tensor& input = call.in(0);
  const auto axes = call.integers(1);
  const std::size_t rank = input.dims.size() + axes.size();
  Dims dims(rank, 0);
  for (const std::int64_t axis : axes) dims[call.axis(axis, rank)] = 1;
  std::size_t next = 0;
  for (std::int64_t& size : dims) {
    if (size == 0 && next < input.dims.size()) size = input.dims[next++];
  }
  return with_dims(input, dims);
}

Tensor transpose(const Call& call) {
  const Tensor& input = call.in(0);
  std::vector<std::int64_t> order = call.node.integers("perm");
  if (order.empty()) {
    order.resize(input.dims.size());
    std::iota(order.rbegin(), order.rend(), 0);
  }
  if (order.size() != input.dims.size())
    call.refuse("attribute perm: found {} numbers, expected {}", order.size(), input.dims.size());
  const Dims strides = strides_of(input.dims);
  Dims dims, steps;
  for (const std::int64_t axis : order) {
    dims.push_back(input.dims[call.axis(axis, order.size())]);
    steps.push_back(strides[call.axis(axis, order.size())]);
  }
  return gathered(input, dims, [&](const Dims& at) {
    return std::inner_product(at.begin(), at.end(), steps.begin(), std::int64_t{0});
  });
}

Tensor slice(const Call& call) {
  const Tensor& input = call.in(0);
  const auto starts = call.integers(1), ends = call.integers(2);
  std::vector<std::int64_t> axes = call.integers(3), steps = call.integers(4);
  if (!call.has(3)) {
    axes.resize(starts.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (!call.has(4)) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    call.refuse("found {} starts, {} ends, {} axes, {} steps, expected as many", starts.size(), ends.size(),
                axes.size(), steps.size());
  Dims dims = input.dims, first(dims.size(), 0), step(dims.size(), 1);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t d = call.axis(axes[i], dims.size());
    const std::int64_t size = input.dims[d], by = steps[i];
    if (by == 0) call.refuse("steps: found 0, expected another number");
    if (size == 0) continue;
    const auto place = [&](std::int64_t at) { return at < 0 ? at + size : at; };
    const std::int64_t from = std::clamp<std::int64_t>(place(starts[i]), 0, by > 0 ? size : size - 1);
    const std::int64_t to = std::clamp<std::int64_t>(place(ends[i]), by > 0 ? 0 : -1, size);
    dims[d] = std::max<std::int64_t>(0, by > 0 ? (to - from + by - 1) / by : (from - to - by - 1) / -by);
    first[d] = from;
    step[d] = by;
  }
  const Dims strides = strides_of(input.dims);
  return gathered(input, dims, [&](const Dims& at) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < at.size(); ++d) place += (first[d] + at[d] * step[d]) * strides[d];
    return place;
  });
}

Tensor gather(const Call& call) {
  const Tensor &input = call.in(0), &index = call.in(1);
  const std::size_t axis = call.axis(call.node.integer("axis"), input.dims.size());
  Dims dims(input.dims.begin(), input.dims.begin() + static_cast<std::ptrdiff_t>(axis));
  dims.insert(dims.end(), index.dims.begin(), index.dims.end());
  dims.insert(dims.end(), input.dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, input.dims.end());
  const Dims strides = strides_of(input.dims), index_strides = strides_of(index.dims);
  const std::vector<std::int64_t> chosen = call.integers(1);
  return gathered(input, dims, [&](const Dims& at) {
    std::int64_t place = 0, which = 0;
    for (std::size_t d = 0; d < axis; ++d) place += at[d] * strides[d];
    for (std::size_t d = 0; d < index.dims.size(); ++d) which += at[axis + d] * index_strides[d];
    for (std::size_t d = axis + 1; d < input.dims.size(); ++d) place += at[d - 1 + index.dims.size()] * strides[d];
    const std::int64_t at_axis = chosen[static_cast<std::size_t>(which)];
    const std::int64_t size = input.dims[axis], counted = at_axis < 0 ? at_axis + size : at_axis;
    if (counted < 0 || counted >= size) call.refuse("index: found {}, expected one of {}", at_axis, size);
    return place + counted * strides[axis];
  });
}

Tensor pad(const Call& call) {
  const Tensor& input = call.in(0);
  const std::size_t rank = input.dims.size();
  const std::string& mode = call.node.text("mode");
  const auto given = call.integers(1);
  std::vector<std::int64_t> axes = call.integers(3), begin(rank, 0), end(rank, 0);
  if (!call.has(3)) {
    axes.resize(rank);
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (given.size() != 2 * axes.size())
    call.refuse("pads: found {} numbers, expected {}", given.size(), 2 * axes.size());
  if (mode != "constant" && mode != "reflect" && mode != "edge")
    call.refuse("attribute mode: found {}, expected constant, reflect or edge", mode);
  Dims dims = input.dims;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t d = call.axis(axes[i], rank);
    begin[d] = given[i];
    end[d] = given[axes.size() + i];
    dims[d] += begin[d] + end[d];
  }
  const Dims strides = strides_of(input.dims);
  const auto from = [&](const Dims& at) -> std::int64_t {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < rank; ++d) {
      std::int64_t x = at[d] - begin[d];
      const std::int64_t last = input.dims[d] - 1;
      if (mode == "constant" && (x < 0 || x > last)) return -1;
      if (mode == "edge") x = std::clamp<std::int64_t>(x, 0, last);
      if (mode == "reflect") x = std::abs(x) > last ? 2 * last - std::abs(x) : std::abs(x);
      place += x * strides[d];
    }
    return place;
  };
  return gathered(input, dims, from, call.has(2) ? call.in(2).values.at(0) : 0.0);
}

Tensor expand(const Call& call) {
  const Tensor& input = call.in(0);
  Dims dims = call.integers(1), from = input.dims;
  while (dims.size() < from.size()) dims.insert(dims.begin(), 1);
  while (from.size() < dims.size()) from.insert(from.begin(), 1);
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (from[d] != dims[d] && from[d] != 1 && dims[d] != 1)
      call.refuse("found dimensions of {} and {}, expected the same or 1", from[d], dims[d]);
    if (dims[d] == 1) dims[d] = from[d];
  }
  const Dims strides = strides_of(from);
  return gathered(input, dims, [&](const Dims& at) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < at.size(); ++d) place += from[d] == 1 ? 0 : at[d] * strides[d];
    return place;
  });
}

Tensor concat(const Call& call) {
  Dims dims = call.in(0).dims;
  const std::size_t axis = call.axis(call.node.integer("axis"), dims.size());
  for (std::size_t i = 1; i < call.inputs.size(); ++i) {
    Dims rest = call.in(i).dims;
    if (rest.size() != dims.size())
      call.refuse("found {} and {} dimensions, expected as many", dims.size(), rest.size());
    dims[axis] += rest[axis];
    rest[axis] = dims[axis];
    if (rest != dims) call.refuse("input {}: found another size than that of the first", i);
  }
  Tensor result = zeros(call.in(0).type, dims);
  const std::int64_t outer = elements(std::span(dims).first(axis));
  std::size_t to = 0;
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      const std::int64_t part = call.in(i).size() / outer;
      std::copy_n(call.in(i).values.begin() + o * part, part, result.values.begin() + static_cast<std::ptrdiff_t>(to));
      to += static_cast<std::size_t>(part);
    }
  }
  return result;
}

Tensor shape(const Call& call) {
  const Dims& dims = call.in(0).dims;
  const auto rank = static_cast<std::int64_t>(dims.size());
  const auto place = [rank](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t end = call.node.attributes.contains("end") ? place(call.node.integer("end")) : rank;
  Tensor result{Type::int64, {}, {}};
  for (std::int64_t d = place(call.node.integer("start")); d < end; ++d)
    result.values.push_back(static_cast<double>(dims[static_cast<std::size_t>(d)]));
  result.dims = {result.size()};
  return result;
}

}  // namespace

Tensor layout(const Call& call) {
  switch (call.node.op) {
    case Op::concat:
      return concat(call);
    case Op::flatten:
      return flatten(call);
    case Op::transpose:
      return transpose(call);
    case Op::squeeze:
      return squeeze(call);
    case Op::unsqueeze:
      return unsqueeze(call);
    case Op::slice:
      return slice(call);
    case Op::gather:
      return gather(call);
    case Op::pad:
      return pad(call);
    case Op::expand:
      return expand(call);
    case Op::shape:
      return shape(call);
    default:
      return reshape(call);
  }
}

std::vector<Tensor> split(const Call& call) {
  const Tensor& input = call.in(0);
  const std::size_t axis = call.axis(call.node.integer("axis"), input.dims.size());
  const std::int64_t size = input.dims[axis];
  const auto count = static_cast<std::int64_t>(call.node.outputs.size());
  std::vector<std::int64_t> sizes = call.integers(1);
  if (!call.has(1)) {
    const std::int64_t each = (size + count - 1) / count;
    for (std::int64_t i = 0; i < count; ++i) sizes.push_back(std::min(each, size - i * each));
  }
  if (static_cast<std::int64_t>(sizes.size()) != count ||
      std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) != size)
    call.refuse("split: found {} parts, expected {} that make {}", sizes.size(), count, size);
  const Dims strides = strides_of(input.dims);
  std::vector<Tensor> parts;
  std::int64_t first = 0;
  for (const std::int64_t part : sizes) {
    Dims dims = input.dims;
    dims[axis] = part;
    parts.push_back(gathered(input, dims, [&](const Dims& at) {
      return std::inner_product(at.begin(), at.end(), strides.begin(), first * strides[axis]);
    }));
    first += part;
  }
  return parts;
}

}  // namespace triage::model
