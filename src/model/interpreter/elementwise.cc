#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "model/interpreter/ops.h"

namespace triage::model {
namespace {

double gelu(const Call& call, double x) {
  if (call.node.text("approximate") == "tanh")
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
  return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
}

double unary_value(const Call& call, double x) {
  const Node& node = call.node;
  switch (node.op) {
    case Op::relu:
      return std::max(x, 0.0);
    case Op::leaky_relu:
      return x < 0 ? node.real("alpha") * x : x;
    case Op::elu:
      return x < 0 ? node.real("alpha") * std::expm1(x) : x;
    case Op::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Op::hard_sigmoid:
      return std::clamp(double{node.real("alpha")} * x + node.real("beta"), 0.0, 1.0);
    case Op::hard_swish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case Op::tanh:
      return std::tanh(x);
    case Op::softplus:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    case Op::gelu:
      return gelu(call, x);
    case Op::quick_gelu:
      return x / (1 + std::exp(-x * node.real("alpha")));
    case Op::sqrt:
      return std::sqrt(x);
    case Op::exp:
      return std::exp(x);
    case Op::log:
      return std::log(x);
    case Op::erf:
      return std::erf(x);
    case Op::neg:
      return -x;
    case Op::abs:
      return std::abs(x);
    case Op::reciprocal:
      return 1 / x;
    case Op::floor:
      return std::floor(x);
    case Op::ceil:
      return std::ceil(x);
    default:
      return x;
  }
}

double binary_value(const Call& call, double a, double b, Type type) {
  switch (call.node.op) {
    case Op::prelu:
      return a < 0 ? a * b : a;
    case Op::sub:
      return a - b;
    case Op::mul:
      return a * b;
    case Op::div:
      if (integral(type) && b == 0) call.refuse("found a division of integers by 0");
      return integral(type) ? std::trunc(a / b) : a / b;
    case Op::pow:
      return std::pow(a, b);
    case Op::max:
      return std::max(a, b);
    case Op::min:
      return std::min(a, b);
    case Op::equal:
      return a == b;
    default:
      return a + b;
  }
}

Dims broadcast(const Call& call, const Dims& a, const Dims& b) {
  Dims longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  for (std::size_t d = 0; d < shorter.size(); ++d) {
    std::int64_t& size = longer[longer.size() - shorter.size() + d];
    if (size != shorter[d] && size != 1 && shorter[d] != 1)
      call.refuse("found dimensions of {} and {}, expected the same or 1", size, shorter[d]);
    if (size == 1) size = shorter[d];
  }
  return longer;
}

// Steps of a tensor along the dimensions of what it is broadcast to.
Dims steps_within(const Dims& dims, const Dims& to) {
  Dims steps(to.size(), 0);
  const Dims strides = strides_of(dims);
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] != 1) steps[to.size() - dims.size() + d] = strides[d];
  }
  return steps;
}

double at_place(const Tensor& tensor, const Dims& steps, const Dims& place) {
  std::int64_t at = 0;
  for (std::size_t d = 0; d < place.size(); ++d) at += steps[d] * place[d];
  return tensor.values[static_cast<std::size_t>(at)];
}

Tensor pairwise(const Call& call, const Tensor& a, const Tensor& b) {
  Tensor result = zeros(call.node.op == Op::equal ? Type::boolean : a.type, broadcast(call, a.dims, b.dims));
  const Dims a_steps = steps_within(a.dims, result.dims), b_steps = steps_within(b.dims, result.dims);
  for_each_place(result.dims, [&](const Dims& place, std::size_t i) {
    result.values[i] = binary_value(call, at_place(a, a_steps, place), at_place(b, b_steps, place), a.type);
  });
  return result;
}

}  // namespace

Tensor unary(const Call& call) {
  Tensor result = call.in(0);
  if (call.node.op == Op::cast) {
    result.type = static_cast<Type>(call.node.integer("to"));
    if (bits_of(result.type) < 8) call.refuse("attribute to: found {}, expected numbers", to_string(result.type));
    return result;
  }
  if (call.node.op == Op::clip) {
    const double low = call.has(1) ? call.in(1).values.at(0) : -std::numeric_limits<double>::infinity();
    const double high = call.has(2) ? call.in(2).values.at(0) : std::numeric_limits<double>::infinity();
    for (double& value : result.values) value = std::min(std::max(value, low), high);
    return result;
  }
  for (double& value : result.values) value = unary_value(call, value);
  return result;
}

Tensor binary(const Call& call) {
  Tensor result = call.in(0);
  for (std::size_t i = 1; i < call.inputs.size(); ++i) result = pairwise(call, result, call.in(i));
  return result;
}

Tensor where(const Call& call) {
  const Tensor &chosen = call.in(0), &yes = call.in(1), &no = call.in(2);
  Tensor result = zeros(yes.type, broadcast(call, broadcast(call, chosen.dims, yes.dims), no.dims));
  const Dims chosen_steps = steps_within(chosen.dims, result.dims), yes_steps = steps_within(yes.dims, result.dims),
             no_steps = steps_within(no.dims, result.dims);
  for_each_place(result.dims, [&](const Dims& place, std::size_t i) {
    result.values[i] =
        at_place(chosen, chosen_steps, place) != 0 ? at_place(yes, yes_steps, place) : at_place(no, no_steps, place);
  });
  return result;
}

}  // namespace triage::model
