// The operators of the interpreter, by family; interpreter.cc alone calls them. Results may hold more digits than their
// type: evaluate() rounds them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "model/graph.h"

namespace triage::model {

struct Call {
  const Graph& graph;
  const Node& node;
  std::span<const Tensor* const> inputs;

  bool has(std::size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
  const Tensor& in(std::size_t i) const {
    if (!has(i)) fail("{}: input {}: found none, expected one", graph.label(node), i);
    return *inputs[i];
  }
  template <class... Args>
  [[noreturn]] void refuse(std::format_string<Args...> format, Args&&... args) const {
    fail("{}: {}", graph.label(node), std::format(format, std::forward<Args>(args)...));
  }
  std::vector<std::int64_t> integers(std::size_t i) const;       // of an input; empty where it is absent
  std::size_t axis(std::int64_t value, std::size_t rank) const;  // negative ones count from the end
};

Tensor zeros(Type type, Dims dims);  // throws Error where dims are negative or too large to compute
// Elements from one index of a dimension to the next.
std::vector<std::int64_t> strides_of(const Dims& dims);
// use(index, place) for all places of `dims`, in order.
template <class Use>
void for_each_place(const Dims& dims, const Use& use) {
  Dims at(dims.size(), 0);
  const std::int64_t count = elements(dims);
  for (std::int64_t i = 0; i < count; ++i) {
    use(at, static_cast<std::size_t>(i));
    for (std::size_t d = dims.size(); d-- > 0;) {
      if (++at[d] < dims[d]) break;
      at[d] = 0;
    }
  }
}

Tensor convolve(const Call& call);  // Conv, FusedConv
Tensor gemm(const Call& call);
Tensor matmul(const Call& call);
Tensor pool(const Call& call);  // max, average; global ones
Tensor reduce(const Call& call);
Tensor unary(const Call& call);   // one input, element by element
Tensor binary(const Call& call);  // two inputs or more, broadcast
Tensor where(const Call& call);
Tensor softmax(const Call& call);  // and its logarithm
Tensor normalize(const Call& call);
Tensor layout(const Call& call);  // one output
std::vector<Tensor> split(const Call& call);
Tensor resize(const Call& call);
Tensor quantize(const Call& call);    // QuantizeLinear
Tensor dequantize(const Call& call);  // DequantizeLinear
Tensor quantized_operator(const Call& call);

}  // namespace triage::model
