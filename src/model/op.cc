#include "model/op.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace triage::model {
namespace {

using Ints = std::vector<std::int64_t>;
constexpr std::int64_t kNo = 0, kOne = 1;
constexpr int kNever = 1 << 20;  // an attribute of ours, of no file

AttributeSpec integer(std::string_view name, std::int64_t value, int since = 1) { return {name, value, since}; }
AttributeSpec real(std::string_view name, float value) { return {name, value}; }
AttributeSpec text(std::string_view name, const char* value, int since = 1) {
  return {name, std::string(value), since};
}
AttributeSpec maybe(std::string_view name, int since = 1) { return {name, std::nullopt, since}; }
AttributeSpec only(std::string_view name, Attribute value, int since) { return {name, std::move(value), since, true}; }

std::vector<AttributeSpec> window(std::vector<AttributeSpec> more, bool dilated = true, int dilations_since = 1) {
  more.insert(more.end(), {text("auto_pad", "NOTSET"), maybe("kernel_shape"), maybe("pads"), maybe("strides")});
  if (dilated) more.push_back(maybe("dilations", dilations_since));
  return more;
}

std::vector<AttributeSpec> reduction(int noop_since) {
  return {integer("keepdims", 1), integer("noop_with_empty_axes", 0, noop_since)};
}

std::vector<OpSpec> all_ops() {
  return {
      {Op::conv, "", "Conv", window({integer("group", 1)})},
      {Op::fused_conv, kMicrosoft, "FusedConv",
       window({integer("group", 1), maybe("activation"), maybe("activation_params")})},
      {Op::gemm, "", "Gemm", {real("alpha", 1), real("beta", 1), integer("transA", 0), integer("transB", 0)}},
      {Op::matmul, "", "MatMul", {}},
      {Op::max_pool, "", "MaxPool", window({integer("ceil_mode", 0, 10), only("storage_order", kNo, 8)}, true, 10)},
      {Op::average_pool, "", "AveragePool",
       window({integer("ceil_mode", 0, 10), integer("count_include_pad", 0)}, true, 19)},
      {Op::global_max_pool, "", "GlobalMaxPool", {}},
      {Op::global_average_pool, "", "GlobalAveragePool", {}},
      {Op::reduce_mean, "", "ReduceMean", reduction(18)},
      {Op::reduce_sum, "", "ReduceSum", reduction(13)},
      {Op::reduce_max, "", "ReduceMax", reduction(18)},
      {Op::reduce_min, "", "ReduceMin", reduction(18)},
      {Op::relu, "", "Relu", {}},
      {Op::leaky_relu, "", "LeakyRelu", {real("alpha", 0.01f)}},
      {Op::prelu, "", "PRelu", {}},
      {Op::elu, "", "Elu", {real("alpha", 1)}},
      {Op::clip, "", "Clip", {}},
      {Op::sigmoid, "", "Sigmoid", {}},
      {Op::hard_sigmoid, "", "HardSigmoid", {real("alpha", 0.2f), real("beta", 0.5f)}},
      {Op::hard_swish, "", "HardSwish", {}},
      {Op::tanh, "", "Tanh", {}},
      {Op::softplus, "", "Softplus", {}},
      {Op::gelu, "", "Gelu", {text("approximate", "none")}},
      {Op::quick_gelu, kMicrosoft, "QuickGelu", {real("alpha", 1.702f)}},
      // Before set 13 all dimensions from the axis on are one: "flattened" is 1 (read.cc).
      {Op::softmax, "", "Softmax", {integer("axis", -1), integer("flattened", 0, kNever)}},
      {Op::log_softmax, "", "LogSoftmax", {integer("axis", -1), integer("flattened", 0, kNever)}},
      {Op::add, "", "Add", {}},
      {Op::sub, "", "Sub", {}},
      {Op::mul, "", "Mul", {}},
      {Op::div, "", "Div", {}},
      {Op::pow, "", "Pow", {}},
      {Op::max, "", "Max", {}},
      {Op::min, "", "Min", {}},
      {Op::sum, "", "Sum", {}},
      {Op::equal, "", "Equal", {}},
      {Op::where, "", "Where", {}},
      {Op::sqrt, "", "Sqrt", {}},
      {Op::exp, "", "Exp", {}},
      {Op::log, "", "Log", {}},
      {Op::erf, "", "Erf", {}},
      {Op::neg, "", "Neg", {}},
      {Op::abs, "", "Abs", {}},
      {Op::reciprocal, "", "Reciprocal", {}},
      {Op::floor, "", "Floor", {}},
      {Op::ceil, "", "Ceil", {}},
      {Op::cast, "", "Cast", {maybe("to"), integer("saturate", 1, 19)}},
      {Op::identity, "", "Identity", {}},
      {Op::batch_norm,
       "",
       "BatchNormalization",
       {real("epsilon", 1e-5f), real("momentum", 0.9f), only("training_mode", kNo, 14)}},
      {Op::layer_norm,
       "",
       "LayerNormalization",
       {integer("axis", -1), real("epsilon", 1e-5f), only("stash_type", kOne, 17)}},
      {Op::instance_norm, "", "InstanceNormalization", {real("epsilon", 1e-5f)}},
      {Op::lrn, "", "LRN", {real("alpha", 1e-4f), real("beta", 0.75f), real("bias", 1), maybe("size")}},
      {Op::concat, "", "Concat", {maybe("axis")}},
      {Op::reshape, "", "Reshape", {integer("allowzero", 0, 14)}},
      {Op::flatten, "", "Flatten", {integer("axis", 1)}},
      {Op::transpose, "", "Transpose", {maybe("perm")}},
      {Op::squeeze, "", "Squeeze", {}},
      {Op::unsqueeze, "", "Unsqueeze", {}},
      {Op::slice, "", "Slice", {}},
      {Op::split, "", "Split", {integer("axis", 0), maybe("num_outputs", 18)}},
      {Op::gather, "", "Gather", {integer("axis", 0)}},
      {Op::pad, "", "Pad", {text("mode", "constant")}},
      {Op::expand, "", "Expand", {}},
      {Op::resize,
       "",
       "Resize",
       {text("coordinate_transformation_mode", "half_pixel"), real("cubic_coeff_a", -0.75f),
        integer("exclude_outside", 0), real("extrapolation_value", 0), text("mode", "nearest"),
        text("nearest_mode", "round_prefer_floor"), only("antialias", kNo, 18), maybe("axes", 18),
        text("keep_aspect_ratio_policy", "stretch", 18)}},
      {Op::shape, "", "Shape", {integer("start", 0, 15), maybe("end", 15)}},
      {Op::quantize,
       "",
       "QuantizeLinear",
       {integer("axis", 1, 13), integer("saturate", 1, 19), only("block_size", kNo, 21), maybe("output_dtype", 21)}},
      {Op::dequantize, "", "DequantizeLinear", {integer("axis", 1, 13), only("block_size", kNo, 21)}},
      {Op::qlinear_conv, "", "QLinearConv", window({integer("group", 1)})},
      {Op::qlinear_matmul, "", "QLinearMatMul", {}},
      {Op::qlinear_add, kMicrosoft, "QLinearAdd", {}},
      {Op::qlinear_mul, kMicrosoft, "QLinearMul", {}},
      {Op::qlinear_sigmoid, kMicrosoft, "QLinearSigmoid", {}},
      {Op::qlinear_leaky_relu, kMicrosoft, "QLinearLeakyRelu", {real("alpha", 0.01f)}},
      {Op::qlinear_average_pool, kMicrosoft, "QLinearAveragePool",
       window({integer("ceil_mode", 0), integer("count_include_pad", 0), only("channels_last", kNo, 1)}, false)},
      {Op::qlinear_global_average_pool, kMicrosoft, "QLinearGlobalAveragePool", {only("channels_last", kNo, 1)}},
      {Op::qlinear_concat, kMicrosoft, "QLinearConcat", {maybe("axis")}},
      {Op::qgemm, kMicrosoft, "QGemm", {real("alpha", 1), integer("transA", 0), integer("transB", 0)}},
  };
}

const std::vector<OpSpec>& op_table() {
  static const std::vector<OpSpec> ops = all_ops();
  return ops;
}

constexpr std::array kFormerAttributes = {
    FormerAttribute{Op::clip, 1, "min", 11},         FormerAttribute{Op::clip, 2, "max", 11},
    FormerAttribute{Op::squeeze, 1, "axes", 13},     FormerAttribute{Op::unsqueeze, 1, "axes", 13},
    FormerAttribute{Op::slice, 1, "starts", 10},     FormerAttribute{Op::slice, 2, "ends", 10},
    FormerAttribute{Op::slice, 3, "axes", 10},       FormerAttribute{Op::split, 1, "split", 13},
    FormerAttribute{Op::pad, 1, "pads", 11},         FormerAttribute{Op::pad, 2, "value", 11},
    FormerAttribute{Op::reduce_mean, 1, "axes", 18}, FormerAttribute{Op::reduce_sum, 1, "axes", 13},
    FormerAttribute{Op::reduce_max, 1, "axes", 18},  FormerAttribute{Op::reduce_min, 1, "axes", 18},
};

}  // namespace

const OpSpec* find_op(std::string_view domain, std::string_view name) {
  if (domain == "ai.onnx") domain = "";
  for (const OpSpec& spec : op_table()) {
    if (spec.name == name && spec.domain == domain) return &spec;
  }
  return nullptr;
}

const OpSpec& spec_of(Op op) {
  const auto found = std::ranges::find(op_table(), op, &OpSpec::op);
  if (found == op_table().end()) fail("model: operator {} has no form of its own", static_cast<int>(op));
  return *found;
}

std::string_view to_string(Op op) { return op == Op::opaque ? "opaque" : spec_of(op).name; }

std::span<const FormerAttribute> former_attributes() { return kFormerAttributes; }

}  // namespace triage::model
