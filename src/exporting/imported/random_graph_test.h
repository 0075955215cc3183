// Random ONNX models of one chain of nodes. What a model holds is a function of its seed.
#pragma once

#include <algorithm>
#include <cmath>
#include <format>
#include <string>
#include <vector>

#include "core/rng.h"
#include "exporting/graph_builder.h"
#include "model/graph.h"

namespace triage::exporting::testing {

using model::Dims;
using model::Op;

// A chain of nodes from one input, each value an output of the model.
class RandomGraph {
 public:
  explicit RandomGraph(std::uint64_t seed, int opset) : rng_(seed), opset_(opset), builder_(graph_) {
    dims_ = {2, 4, pick(5, 8), pick(5, 8)};
    *graph_.add_input() = value_info("x", kFloat, {{dims_[0], {}}, {dims_[1], {}}, {dims_[2], {}}, {dims_[3], {}}});
    graph_.set_name("random");
    input_ = dims_;
  }

  void add(Op op) {
    at_ = value_;
    switch (op) {
      case Op::conv:
        return conv();
      case Op::max_pool:
      case Op::average_pool:
        return pool(op);
      case Op::global_max_pool:
      case Op::global_average_pool:
        node(op, {at_});
        dims_[2] = dims_[3] = 1;
        return;
      case Op::gemm:
        return gemm();
      case Op::matmul:
        node(op, {at_, weights({dims_[3], 3})});
        dims_[3] = 3;
        return;
      case Op::reduce_mean:
      case Op::reduce_sum:
      case Op::reduce_max:
      case Op::reduce_min:
        return reduce(op);
      case Op::leaky_relu:
      case Op::elu:
        node(op, {at_});
        set("alpha", 0.3f);
        return;
      case Op::hard_sigmoid:
        node(op, {at_});
        set("alpha", 0.25f);
        set("beta", 0.4f);
        return;
      case Op::clip:
        node(op, {at_, number(-0.5f), number(0.7f)});
        return;
      case Op::prelu:
        node(op, {at_, weights({dims_[1], 1, 1})});
        return;
      case Op::gelu:
        node(op, {at_});
        set("approximate", coin() ? "none" : "tanh");
        return;
      case Op::softmax:
      case Op::log_softmax:
        node(op, {at_});
        set("axis", std::int64_t{pick(0, 3)} - 4);
        return;
      case Op::add:
      case Op::sub:
      case Op::mul:
      case Op::max:
      case Op::min:
      case Op::sum:
        node(op, {at_, coin() ? weights({dims_[1], 1, 1}) : weights({1, dims_[1], dims_[2], 1})});
        return;
      case Op::div:
        node(op, {at_, number(1.7f)});
        return;
      case Op::sqrt:
      case Op::log:
        node(Op::abs, {at_});
        node(Op::add, {value_, number(0.2f)});
        node(op, {value_});
        return;
      case Op::pow:
        node(Op::abs, {at_});
        node(op, {value_, number(1.5f)});
        return;
      case Op::exp:
        node(Op::tanh, {at_});
        node(op, {value_});
        return;
      case Op::reciprocal:
        node(Op::sigmoid, {at_});
        node(Op::add, {value_, number(0.5f)});
        node(op, {value_});
        return;
      case Op::batch_norm:
        return batch_norm();
      case Op::instance_norm:
        node(op, {at_, weights({dims_[1]}), weights({dims_[1]})});
        return;
      case Op::layer_norm:
        if (dims_[3] == 1) return add(Op::relu);  // ONNX Runtime refuses lines of one number
        node(op, {at_, weights({dims_[3]}), weights({dims_[3]})});
        return;
      case Op::lrn:
        node(op, {at_});
        set("size", std::int64_t{3 + 2 * pick(0, 1)});
        return;
      case Op::concat:
        node(op, {at_, at_});
        set("axis", std::int64_t{2});
        dims_[2] *= 2;
        return;
      case Op::transpose:
        node(op, {at_});
        set("perm", Dims{0, 1, 3, 2});
        std::swap(dims_[2], dims_[3]);
        return;
      case Op::reshape:
      case Op::flatten:
        return reshape(op);
      case Op::squeeze:
      case Op::unsqueeze:
        node(Op::unsqueeze, {at_, ints({2})});
        node(Op::squeeze, {value_, ints({2})});
        return;
      case Op::slice:
        if (dims_[3] == 1) return add(Op::relu);  // nothing would be left
        node(op, {at_, ints({-1, 1}), ints({-100, 100}), ints({2, 3}), ints({-2, 1})});
        dims_[2] = (dims_[2] + 1) / 2;
        dims_[3] -= 1;
        return;
      case Op::split:
        return split();
      case Op::gather:
        node(op, {at_, ints({-1, 0, -1})});
        set("axis", std::int64_t{3});
        dims_[3] = 3;
        return;
      case Op::pad:
        return pad();
      case Op::expand:
        node(Op::global_max_pool, {at_});
        node(op, {value_, ints({1, 1, 3, 4})});
        dims_[2] = 3;
        dims_[3] = 4;
        return;
      case Op::resize:
        return resize();
      case Op::where:
        node(Op::equal, {at_, at_}, false);
        node(op, {value_, weights({dims_[1], 1, 1}), at_});
        return;
      case Op::dequantize:
        return rounded();
      default:
        node(op, {at_});
        return;  // one input, element by element
    }
  }

  onnx::ModelProto model() const {
    onnx::ModelProto made = new_model("random");
    made.mutable_opset_import(0)->set_version(opset_);
    made.set_ir_version(10);
    *made.mutable_graph() = graph_;
    return made;
  }
  std::vector<float> image() {
    std::vector<float> values(static_cast<std::size_t>(model::elements(input_)));
    for (float& value : values) value = static_cast<float>(rng_.normal());
    return values;
  }
  const Dims& input() const { return input_; }

 private:
  int pick(int low, int high) { return low + static_cast<int>(rng_.below(static_cast<std::uint32_t>(high - low + 1))); }
  bool coin() { return rng_.below(2) == 1; }

  void node(Op op, const std::vector<std::string>& inputs, bool output = true) {
    value_ = builder_.node(std::string(model::to_string(op)), inputs, std::format("v{}", count_++));
    if (output) *graph_.add_output() = value_info(value_, kFloat, {});
    if (output) graph_.mutable_output(graph_.output_size() - 1)->mutable_type()->mutable_tensor_type()->clear_shape();
  }
  onnx::AttributeProto& attribute(const std::string& name, onnx::AttributeProto::AttributeType type) {
    auto& made = *graph_.mutable_node(graph_.node_size() - 1)->add_attribute();
    made.set_name(name);
    made.set_type(type);
    return made;
  }
  void set(const std::string& name, float value) { attribute(name, onnx::AttributeProto::FLOAT).set_f(value); }
  void set(const std::string& name, const char* value) { attribute(name, onnx::AttributeProto::STRING).set_s(value); }
  void set(const std::string& name, std::int64_t value) { builder_.attribute(name, value); }
  void set(const std::string& name, const Dims& values) { builder_.attribute(name, values); }

  std::string weights(const Dims& dims, double low = -2) {
    std::vector<float> values(static_cast<std::size_t>(model::elements(dims)));
    for (float& value : values) value = static_cast<float>(std::max(low, 0.5 * rng_.normal()));
    return builder_.constant(std::format("c{}", count_++), dims, std::span<const float>(values));
  }
  std::string number(float value) { return builder_.constant(std::format("c{}", count_++), value); }
  std::string ints(const Dims& values) {
    return builder_.constant(std::format("c{}", count_++), {static_cast<std::int64_t>(values.size())},
                             std::span<const std::int64_t>(values));
  }

  void window(std::int64_t kernel, std::int64_t stride, const Dims& pads, std::int64_t dilation, bool ceil) {
    set("kernel_shape", Dims{kernel, kernel});
    set("strides", Dims{stride, stride});
    set("pads", pads);
    if (dilation > 1) set("dilations", Dims{dilation, dilation});
    for (int d = 0; d < 2; ++d) {
      const std::int64_t room = dims_[2 + d] + pads[d] + pads[2 + d] - dilation * (kernel - 1) - 1;
      std::int64_t size = (room + (ceil ? stride - 1 : 0)) / stride + 1;
      if (ceil && (size - 1) * stride >= dims_[2 + d] + pads[d]) --size;
      dims_[2 + d] = size;
    }
  }
  void conv() {
    const std::int64_t kernel = std::min<std::int64_t>({pick(1, 3), dims_[2], dims_[3]});
    const std::int64_t groups = coin() && dims_[1] % 2 == 0 ? (coin() ? 2 : dims_[1]) : 1, out = groups * pick(1, 2);
    node(Op::conv, coin() ? std::vector{at_, weights({out, dims_[1] / groups, kernel, kernel}), weights({out})}
                          : std::vector{at_, weights({out, dims_[1] / groups, kernel, kernel})});
    set("group", groups);
    const std::int64_t dilation = kernel == 2 && dims_[2] > 4 && dims_[3] > 4 ? 2 : 1;
    if (coin()) {
      set("auto_pad", coin() ? "SAME_UPPER" : "SAME_LOWER");
      set("strides", Dims{2, 2});
      dims_ = {dims_[0], out, (dims_[2] + 1) / 2, (dims_[3] + 1) / 2};
    } else {
      window(kernel, pick(1, 2), {pick(0, 1), pick(0, 1), pick(0, 1), pick(0, 1)}, dilation, false);
      dims_[1] = out;
    }
  }
  void pool(Op op) {
    node(op, {at_});
    // Where padding is counted, ONNX Runtime 1.21 forgets that behind the image from operator set 19 on, and before
    // counts what stands out of it as well.
    const bool ceil = coin(), padding = op == Op::average_pool && !ceil && opset_ < 19;
    const std::int64_t kernel = std::min<std::int64_t>({pick(2, 3), dims_[2], dims_[3]});
    if (op == Op::average_pool) set("count_include_pad", std::int64_t{padding});
    set("ceil_mode", std::int64_t{ceil});
    const std::int64_t begin = kernel > 1 ? pick(0, 1) : 0;
    window(kernel, pick(1, 2), {begin, 0, begin, 0}, 1, ceil);
  }
  void gemm() {
    const std::int64_t depth = dims_[1] * dims_[2] * dims_[3];
    const bool turned = coin();
    node(Op::flatten, {at_});
    node(Op::gemm, {value_, weights(turned ? Dims{12, depth} : Dims{depth, 12}), weights({12})});
    set("transB", std::int64_t{turned});
    set("alpha", 0.5f);
    set("beta", 1.5f);
    dims_ = {2, 3, 2, 2};
    node(Op::reshape, {value_, ints({0, 3, 2, -1})});
  }
  void reduce(Op op) {
    const std::int64_t axis = pick(1, 3);
    if (op == Op::reduce_sum || opset_ >= 18) {
      node(op, {at_, ints({axis})});
    } else {
      node(op, {at_});
      set("axes", Dims{axis});
    }
    dims_[axis] = 1;
  }
  void batch_norm() {
    node(Op::batch_norm,
         {at_, weights({dims_[1]}), weights({dims_[1]}), weights({dims_[1]}), weights({dims_[1]}, 0.1)});
    set("epsilon", 1e-3f);
  }
  void reshape(Op op) {
    if (op == Op::flatten) {
      node(op, {at_});
      set("axis", std::int64_t{-2});
    }
    node(Op::reshape, {value_, ints({2, dims_[1], dims_[3], -1})});
    std::swap(dims_[2], dims_[3]);
  }
  void split() {
    onnx::NodeProto& made = *graph_.add_node();
    made.set_op_type("Split");
    const std::string first = std::format("v{}", count_++), second = std::format("v{}", count_++);
    made.add_input(at_);
    made.add_input(ints({1, dims_[1] * dims_[2] - 1}));
    set("axis", std::int64_t{1});
    onnx::NodeProto split = made;
    graph_.mutable_node()->RemoveLast();
    node(Op::reshape, {at_, ints({2, dims_[1] * dims_[2], 1, dims_[3]})});
    split.set_input(0, value_);
    split.add_output(first);
    split.add_output(second);
    *graph_.add_node() = split;
    node(Op::concat, {second, first});
    set("axis", std::int64_t{1});
    node(Op::reshape, {value_, ints({2, dims_[1], dims_[2], dims_[3]})});
  }
  void pad() {
    const char* modes[] = {"constant", "reflect", "edge"};
    const int mode = dims_[2] > 2 && dims_[3] > 2 ? pick(0, 2) : 0;
    const std::vector<std::string> inputs{at_, ints({0, 0, 1, 2, 0, 0, 2, 0})};
    node(Op::pad, mode == 0 ? std::vector{inputs[0], inputs[1], number(0.3f)} : inputs);
    set("mode", modes[mode]);
    dims_[2] += 3;
    dims_[3] += 2;
  }
  void resize() {
    const bool linear = coin();
    const char* ways[] = {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"};
    const char* near[] = {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"};
    node(Op::resize, {at_, "", "", ints({dims_[0], dims_[1], 7, 4})});
    set("mode", linear ? "linear" : "nearest");
    // Where a nearest place lies exactly between two, ONNX Runtime's fp32 may take the other one.
    set("coordinate_transformation_mode", linear ? ways[pick(0, 3)] : "asymmetric");
    if (!linear) set("nearest_mode", near[pick(0, 1)]);
    dims_[2] = 7;
    dims_[3] = 4;
  }
  void rounded() {
    const std::string scale = number(0.05f);
    const std::uint8_t zero = 120;
    const std::string point =
        builder_.constant(std::format("c{}", count_++), {}, std::span<const std::uint8_t>(&zero, 1));
    node(Op::quantize, {at_, scale, point}, false);
    node(Op::dequantize, {value_, scale, point});
  }

  Rng rng_;
  int opset_, count_ = 0;
  onnx::GraphProto graph_;
  GraphBuilder builder_;
  Dims dims_, input_;
  std::string value_ = "x", at_;
};

}  // namespace triage::exporting::testing
