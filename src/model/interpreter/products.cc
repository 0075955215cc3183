#include <algorithm>
#include <cmath>

#include "model/interpreter/ops.h"

namespace triage::model {
namespace {

double activated(const Call& call, double value) {  // FusedConv's
  const auto kind = call.node.attributes.find("activation");
  if (kind == call.node.attributes.end()) return value;
  std::vector<float> numbers;
  if (const auto found = call.node.attributes.find("activation_params"); found != call.node.attributes.end())
    numbers = std::get<std::vector<float>>(found->second);
  const std::string& name = std::get<std::string>(kind->second);
  if (name == "Relu") return std::max(value, 0.0);
  if (name == "Sigmoid") return 1 / (1 + std::exp(-value));
  if (name == "Tanh") return std::tanh(value);
  if (name == "LeakyRelu" && numbers.size() == 1) return value < 0 ? numbers[0] * value : value;
  if (name == "Clip" && numbers.size() == 2) return std::clamp<double>(value, numbers[0], numbers[1]);
  if (name == "HardSigmoid" && numbers.size() == 2) return std::clamp(numbers[0] * value + numbers[1], 0.0, 1.0);
  call.refuse("attribute activation: found {} with {} numbers, expected one that is known", name, numbers.size());
}

// Dims of a product of stacks of matrices without their last two.
Dims stacked(const Call& call, const Dims& a, const Dims& b) {
  Dims longer(a.begin(), a.end() - 2), shorter(b.begin(), b.end() - 2);
  if (longer.size() < shorter.size()) std::swap(longer, shorter);
  for (std::size_t d = 0; d < shorter.size(); ++d) {
    std::int64_t& size = longer[longer.size() - shorter.size() + d];
    if (size != shorter[d] && size != 1 && shorter[d] != 1)
      call.refuse("found stacks of {} and {} matrices, expected as many", size, shorter[d]);
    size = std::max(size, shorter[d]);
  }
  return longer;
}

// Place of the first element of a matrix in a stack that is broadcast.
std::int64_t matrix_at(const Dims& place, const Dims& dims) {
  const Dims strides = strides_of(dims);
  std::int64_t at = 0;
  for (std::size_t d = 0; d + 2 < dims.size(); ++d) {
    const std::size_t of_place = place.size() - (dims.size() - 2) + d;
    if (dims[d] != 1) at += place[of_place] * strides[d];
  }
  return at;
}

}  // namespace

Tensor convolve(const Call& call) {
  const Tensor &input = call.in(0), &weight = call.in(1);
  const std::size_t rank = input.dims.size() < 2 ? 0 : input.dims.size() - 2;
  if (rank == 0 || weight.dims.size() != input.dims.size())
    call.refuse("found an input of {} and weights of {} dimensions, expected the same, 3 or more", input.dims.size(),
                weight.dims.size());
  const Dims spatial(input.dims.begin() + 2, input.dims.end()), kernel(weight.dims.begin() + 2, weight.dims.end());
  const Window window = window_of(call.graph, call.node, spatial, kernel);
  const std::int64_t in = weight.dims[1], out = weight.dims[0];
  if (input.dims[1] != in * window.groups || out % window.groups != 0)
    call.refuse("found {} channels, {} groups, weights for {} of them and {} outputs: expected them to fit",
                input.dims[1], window.groups, in, out);
  if (call.has(2) && call.in(2).size() != out)
    call.refuse("found {} numbers of bias, expected {}", call.in(2).size(), out);
  Dims dims{input.dims[0], out};
  const Dims size = window.output(spatial);
  dims.insert(dims.end(), size.begin(), size.end());
  Tensor result = zeros(input.type, dims);
  const Dims plane_strides = strides_of(spatial);
  const std::int64_t plane = elements(spatial), taps = elements(kernel);
  // Where the taps of one window lie in a plane; -1: in the padding.
  std::vector<std::int64_t> places(static_cast<std::size_t>(taps));
  const std::int64_t outside = elements(size);
  for_each_place(size, [&](const Dims& at, std::size_t pixel) {
    for_each_place(kernel, [&](const Dims& tap, std::size_t t) {
      places[t] = 0;
      for (std::size_t d = 0; d < rank && places[t] >= 0; ++d) {
        const std::int64_t x = at[d] * window.strides[d] + tap[d] * window.dilations[d] - window.begin[d];
        places[t] = x < 0 || x >= spatial[d] ? -1 : places[t] + x * plane_strides[d];
      }
    });
    for (std::int64_t n = 0; n < input.dims[0]; ++n) {
      for (std::int64_t o = 0; o < out; ++o) {
        double sum = call.has(2) ? call.in(2).values[static_cast<std::size_t>(o)] : 0.0;
        const std::int64_t first = o / (out / window.groups) * in;
        for (std::int64_t i = 0; i < in; ++i) {
          const double* from = input.values.data() + (n * input.dims[1] + first + i) * plane;
          const double* with = weight.values.data() + (o * in + i) * taps;
          for (std::int64_t t = 0; t < taps; ++t) {
            const std::int64_t place = places[static_cast<std::size_t>(t)];
            if (place >= 0) sum += from[place] * with[t];
          }
        }
        result.values[static_cast<std::size_t>((n * out + o) * outside) + pixel] =
            call.node.op == Op::fused_conv ? activated(call, sum) : sum;
      }
    }
  });
  return result;
}

Tensor gemm(const Call& call) {
  const Tensor &a = call.in(0), &b = call.in(1);
  if (a.dims.size() != 2 || b.dims.size() != 2)
    call.refuse("found inputs of {} and {} dimensions, expected 2 each", a.dims.size(), b.dims.size());
  const bool turn_a = call.node.integer("transA") != 0, turn_b = call.node.integer("transB") != 0;
  const std::int64_t rows = a.dims[turn_a ? 1 : 0], depth = a.dims[turn_a ? 0 : 1], columns = b.dims[turn_b ? 0 : 1];
  if (b.dims[turn_b ? 1 : 0] != depth)
    call.refuse("found {} columns and {} rows, expected as many", depth, b.dims[turn_b ? 1 : 0]);
  const double alpha = call.node.real("alpha"),
               beta = call.node.attributes.contains("beta") ? call.node.real("beta") : 1;
  // The bias is broadcast to [rows, columns].
  std::int64_t wide = 1, high = 1;
  if (call.has(2)) {
    const Dims& dims = call.in(2).dims;
    if (!dims.empty()) wide = dims.back();
    if (dims.size() == 2) high = dims.front();
    if (dims.size() > 2 || (wide != 1 && wide != columns) || (high != 1 && high != rows))
      call.refuse("found {} numbers of bias, expected {} or 1", call.in(2).size(), columns);
  }
  Tensor result = zeros(a.type, {rows, columns});
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (std::int64_t k = 0; k < depth; ++k) {
        sum += a.values[static_cast<std::size_t>(turn_a ? k * rows + r : r * depth + k)] *
               b.values[static_cast<std::size_t>(turn_b ? c * depth + k : k * columns + c)];
      }
      double& to = result.values[static_cast<std::size_t>(r * columns + c)];
      to = alpha * sum;
      if (!call.has(2)) continue;
      to += beta * call.in(2).values[static_cast<std::size_t>((high == 1 ? 0 : r) * wide + (wide == 1 ? 0 : c))];
    }
  }
  return result;
}

Tensor matmul(const Call& call) {
  Dims a_dims = call.in(0).dims, b_dims = call.in(1).dims;
  if (a_dims.empty() || b_dims.empty()) call.refuse("found a single number, expected matrices");
  const bool row = a_dims.size() == 1, column = b_dims.size() == 1;
  if (row) a_dims.insert(a_dims.begin(), 1);
  if (column) b_dims.push_back(1);
  const std::int64_t rows = a_dims[a_dims.size() - 2], depth = a_dims.back(), columns = b_dims.back();
  if (b_dims[b_dims.size() - 2] != depth)
    call.refuse("found {} columns and {} rows, expected as many", depth, b_dims[b_dims.size() - 2]);
  const Dims stack = stacked(call, a_dims, b_dims);
  Dims dims = stack;
  if (!row) dims.push_back(rows);
  if (!column) dims.push_back(columns);
  Tensor result = zeros(call.in(0).type, dims);
  for_each_place(stack, [&](const Dims& place, std::size_t at) {
    const double* a = call.in(0).values.data() + matrix_at(place, a_dims);
    const double* b = call.in(1).values.data() + matrix_at(place, b_dims);
    double* to = result.values.data() + static_cast<std::int64_t>(at) * rows * columns;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) {
        double sum = 0;
        for (std::int64_t k = 0; k < depth; ++k) sum += a[r * depth + k] * b[k * columns + c];
        to[r * columns + c] = sum;
      }
    }
  });
  return result;
}

}  // namespace triage::model
