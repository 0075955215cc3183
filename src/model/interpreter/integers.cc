// Between real numbers and integers, and the operators on integers: what they read is made real, the operator on real
// numbers runs, its result is rounded to the integers of the output.
#include <algorithm>
#include <cmath>
#include <limits>

#include "model/interpreter/interpreter.h"
#include "model/interpreter/ops.h"
#include "model/quantized.h"

namespace triage::model {
namespace {

// scale and zero are one number, or one for each index of `axis`.
template <class Change>
void change_by_scale(const Call& call, Tensor& tensor, const Tensor& scale, const Tensor* zero, std::int64_t axis,
                     const Change& change) {
  const std::size_t scales = scale.values.size();
  if (scales == 0) call.refuse("found no scale, expected one at least");
  if (zero != nullptr && zero->values.size() != scales)
    call.refuse("found {} scales and {} zero points, expected as many", scales, zero->values.size());
  std::int64_t inner = 1;
  if (scales != 1) {
    const std::size_t d = call.axis(axis, tensor.dims.size());
    if (tensor.dims[d] != static_cast<std::int64_t>(scales))
      call.refuse("found {} scales, expected {}", scales, tensor.dims[d]);
    inner = strides_of(tensor.dims)[d];
  }
  for (std::size_t i = 0; i < tensor.values.size(); ++i) {
    const std::size_t k = i / static_cast<std::size_t>(inner) % scales;
    tensor.values[i] = change(tensor.values[i], scale.values[k], zero == nullptr ? 0.0 : zero->values[k]);
  }
}

double round_to_integer(double value, double scale, double zero) {
  // As engines do it: the division in fp32, then to even.
  return std::nearbyint(static_cast<double>(static_cast<float>(value) / static_cast<float>(scale))) + zero;
}

Tensor real_input(const Call& call, const QuantizedOperand& operand) {
  Tensor tensor = call.in(operand.value);
  change_by_scale(call, tensor, call.in(operand.scale), call.has(operand.zero) ? &call.in(operand.zero) : nullptr,
                  operand.axis.value_or(0), [](double q, double scale, double zero) { return scale * (q - zero); });
  tensor.type = Type::float64;
  return tensor;
}

Tensor real_bias(const Call& call, const QuantizedForm& form) {
  Tensor tensor = call.in(*form.bias);
  const auto &a = call.in(form.inputs[0].scale).values, &b = call.in(form.inputs[1].scale).values;
  for (std::size_t i = 0; i < tensor.values.size(); ++i) tensor.values[i] *= a[0] * b[b.size() == 1 ? 0 : i % b.size()];
  tensor.type = Type::float64;
  return tensor;
}

}  // namespace

Tensor quantize(const Call& call) {
  Tensor result = call.in(0);
  const Tensor* zero = call.has(2) ? &call.in(2) : nullptr;
  change_by_scale(call, result, call.in(1), zero, call.node.integer("axis"), round_to_integer);
  const bool typed = zero == nullptr && call.node.attributes.contains("output_dtype");
  result.type = zero != nullptr ? zero->type
                : typed         ? static_cast<Type>(call.node.integer("output_dtype"))
                                : Type::uint8;
  if (!integral(result.type)) call.refuse("found a zero point of {}, expected integers", to_string(result.type));
  return result;
}

Tensor dequantize(const Call& call) {
  Tensor result = call.in(0);
  change_by_scale(call, result, call.in(1), call.has(2) ? &call.in(2) : nullptr, call.node.integer("axis"),
                  [](double q, double scale, double zero) { return scale * (q - zero); });
  result.type = call.in(1).type;
  return result;
}

Tensor quantized_operator(const Call& call) {
  const auto form = quantized_form(call.graph, call.node);
  if (!form) call.refuse("cannot be interpreted");
  std::vector<Tensor> inputs;
  for (const QuantizedOperand& operand : form->inputs) inputs.push_back(real_input(call, operand));
  if (form->bias && call.has(*form->bias)) inputs.push_back(real_bias(call, *form));
  std::vector<const Tensor*> given;
  for (const Tensor& input : inputs) given.push_back(&input);
  Tensor result = evaluate(call.graph, real_node(call.node, *form), given).front();
  if (!call.has(form->output_scale)) {  // QGemm may give real numbers
    result.type = Type::float32;
    return result;
  }
  const bool has_zero = call.has(form->output_zero);
  change_by_scale(call, result, call.in(form->output_scale), has_zero ? &call.in(form->output_zero) : nullptr, 0,
                  round_to_integer);
  result.type = has_zero ? call.in(form->output_zero).type : call.in(form->inputs.front().value).type;
  return result;
}

}  // namespace triage::model
