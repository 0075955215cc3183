// The operators that a graph knows (model/graph.h), with their attributes. All others are opaque.
//
// A graph holds each operator in the form of ONNX's operator set 18 and later, whichever set its file has: what was an
// attribute once and is an input now is an input (the bounds of Clip, the axes of Squeeze, Unsqueeze and reductions,
// Slice, Split, Pad), and each attribute that has a default is there. Reading (read.h) and writing (write.h) translate.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace triage::model {

enum class Op {
  opaque,
  // sums of products
  conv,
  fused_conv,  // com.microsoft: with an activation
  gemm,
  matmul,
  // pools and reductions
  max_pool,
  average_pool,
  global_max_pool,
  global_average_pool,
  reduce_mean,
  reduce_sum,
  reduce_max,
  reduce_min,
  // activations
  relu,
  leaky_relu,
  prelu,
  elu,
  clip,
  sigmoid,
  hard_sigmoid,
  hard_swish,
  tanh,
  softplus,
  gelu,
  quick_gelu,  // com.microsoft: x * sigmoid(alpha x); with alpha 1 SiLU
  softmax,
  log_softmax,
  // element by element, with broadcasting
  add,
  sub,
  mul,
  div,
  pow,
  max,
  min,
  sum,
  equal,
  where,
  // element by element
  sqrt,
  exp,
  log,
  erf,
  neg,
  abs,
  reciprocal,
  floor,
  ceil,
  cast,
  identity,
  // normalisation
  batch_norm,
  layer_norm,
  instance_norm,
  lrn,
  // layout
  concat,
  reshape,
  flatten,
  transpose,
  squeeze,
  unsqueeze,
  slice,
  split,
  gather,
  pad,
  expand,
  resize,
  shape,
  // 8 bits: values between real numbers and integers, and operators that read and give integers
  quantize,
  dequantize,
  qlinear_conv,
  qlinear_matmul,
  qlinear_add,
  qlinear_mul,
  qlinear_sigmoid,
  qlinear_leaky_relu,
  qlinear_average_pool,
  qlinear_global_average_pool,
  qlinear_concat,
  qgemm,
};

using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>>;

struct AttributeSpec {
  std::string_view name;
  std::optional<Attribute> value;   // the default; none: it may be absent
  int since = 1;                    // first operator set that has it; before, the default is meant
  bool holds_default_only = false;  // another value is not known: the node is opaque
};

struct OpSpec {
  Op op;
  std::string_view domain, name;  // of ONNX: "" is its own domain
  std::vector<AttributeSpec> attributes;
};

inline constexpr std::string_view kMicrosoft = "com.microsoft";

// Null where the operator is not known. Both names of ONNX's own domain are taken ("" and "ai.onnx").
const OpSpec* find_op(std::string_view domain, std::string_view name);
const OpSpec& spec_of(Op op);       // not of opaque
std::string_view to_string(Op op);  // "Conv"; "opaque"

// An input that was an attribute before operator set `since`.
struct FormerAttribute {
  Op op;
  std::size_t input;
  std::string_view name;
  int since;
};
std::span<const FormerAttribute> former_attributes();

}  // namespace triage::model
