#include <algorithm>
#include <cmath>

#include "model/interpreter/ops.h"

namespace triage::model {
namespace {

// A tensor as [outer, size, inner].
struct Lines {
  std::int64_t outer = 1, size = 1, inner = 1;
};

Lines lines_of(const Dims& dims, std::size_t axis, bool to_the_end) {
  Lines lines;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (d < axis)
      lines.outer *= dims[d];
    else if (d == axis || to_the_end)
      lines.size *= dims[d];
    else
      lines.inner *= dims[d];
  }
  return lines;
}

// change(values of one line)
template <class Change>
void change_lines(Tensor& tensor, const Lines& lines, const Change& change) {
  std::vector<double> line(static_cast<std::size_t>(lines.size));
  for (std::int64_t o = 0; o < lines.outer; ++o) {
    for (std::int64_t i = 0; i < lines.inner; ++i) {
      double* first = tensor.values.data() + o * lines.size * lines.inner + i;
      for (std::int64_t k = 0; k < lines.size; ++k) line[static_cast<std::size_t>(k)] = first[k * lines.inner];
      change(line);
      for (std::int64_t k = 0; k < lines.size; ++k) first[k * lines.inner] = line[static_cast<std::size_t>(k)];
    }
  }
}

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(std::span<const double> values) {
  Moments found;
  for (const double value : values) found.mean += value / static_cast<double>(values.size());
  for (const double value : values)
    found.variance += (value - found.mean) * (value - found.mean) / static_cast<double>(values.size());
  return found;
}

double at_channel(const Call& call, std::size_t input, std::size_t channel) {
  const auto& values = call.in(input).values;
  if (channel >= values.size()) call.refuse("input {}: found {} numbers, expected one a channel", input, values.size());
  return values[channel];
}

Tensor by_channel(const Call& call) {  // batch and instance normalisation
  Tensor result = call.in(0);
  if (result.dims.size() < 2) call.refuse("found {} dimensions, expected 2 or more", result.dims.size());
  const Lines lines = lines_of(result.dims, 2, true);
  const double epsilon = call.node.real("epsilon");
  const auto channels = static_cast<std::size_t>(result.dims[1]);
  std::size_t plane = 0;
  change_lines(result, lines, [&](std::vector<double>& values) {
    const std::size_t channel = plane++ % channels;
    const Moments found = call.node.op == Op::instance_norm
                              ? moments(values)
                              : Moments{at_channel(call, 3, channel), at_channel(call, 4, channel)};
    const double scale = at_channel(call, 1, channel) / std::sqrt(found.variance + epsilon);
    for (double& value : values) value = (value - found.mean) * scale + at_channel(call, 2, channel);
  });
  return result;
}

Tensor by_layer(const Call& call) {
  Tensor result = call.in(0);
  const std::size_t axis = call.axis(call.node.integer("axis"), result.dims.size());
  const Lines lines = lines_of(result.dims, axis, true);
  const double epsilon = call.node.real("epsilon");
  if (call.in(1).size() != lines.size || (call.has(2) && call.in(2).size() != lines.size))
    call.refuse("found {} scales, expected {}", call.in(1).size(), lines.size);
  change_lines(result, lines, [&](std::vector<double>& values) {
    const Moments found = moments(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = (values[i] - found.mean) / std::sqrt(found.variance + epsilon) * call.in(1).values[i];
      if (call.has(2)) values[i] += call.in(2).values[i];
    }
  });
  return result;
}

Tensor by_neighbours(const Call& call) {  // LRN
  Tensor result = call.in(0);
  if (result.dims.size() < 2) call.refuse("found {} dimensions, expected 2 or more", result.dims.size());
  const std::int64_t size = call.node.integer("size");
  const double alpha = call.node.real("alpha"), beta = call.node.real("beta"), bias = call.node.real("bias");
  change_lines(result, lines_of(result.dims, 1, false), [&](std::vector<double>& values) {
    const std::vector<double> from = values;
    const auto last = static_cast<std::int64_t>(values.size()) - 1;
    for (std::int64_t c = 0; c <= last; ++c) {
      double squares = 0;
      for (std::int64_t i = std::max<std::int64_t>(0, c - (size - 1) / 2); i <= std::min(last, c + size / 2); ++i)
        squares += from[static_cast<std::size_t>(i)] * from[static_cast<std::size_t>(i)];
      values[static_cast<std::size_t>(c)] /= std::pow(bias + alpha / static_cast<double>(size) * squares, beta);
    }
  });
  return result;
}

}  // namespace

Tensor softmax(const Call& call) {
  Tensor result = call.in(0);
  const std::size_t axis = call.axis(call.node.integer("axis"), result.dims.size());
  const Lines lines = lines_of(result.dims, axis, call.node.integer("flattened") != 0);
  change_lines(result, lines, [&](std::vector<double>& values) {
    const double largest = std::ranges::max(values);
    double sum = 0;
    for (const double value : values) sum += std::exp(value - largest);
    for (double& value : values) {
      value = value - largest - std::log(sum);
      if (call.node.op == Op::softmax) value = std::exp(value);
    }
  });
  return result;
}

Tensor normalize(const Call& call) {
  switch (call.node.op) {
    case Op::layer_norm:
      return by_layer(call);
    case Op::lrn:
      return by_neighbours(call);
    default:
      return by_channel(call);
  }
}

}  // namespace triage::model
