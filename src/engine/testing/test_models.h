// Tiny ONNX models for tests, made with the ONNX protobuf classes, and the same networks as plain loops.
#pragma once

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

namespace triage::engine {

// 3x3 convolution (padding 1), ReLU: the map; its mean per channel: the features; a linear layer: the logits; another
// and a sigmoid: the score. A feature stage starts at the map.
struct TestModel {
  int channels = 3, height = 4, width = 5, features = 6, classes = 4;
  bool from_carry = false, with_carry = false, with_features = true;
  unsigned seed = 1;

  std::vector<float> weights(int count, int stream) const {
    std::vector<float> result(count);
    unsigned state = seed * 7919u + stream * 104729u + 1;
    for (float& value : result) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(state >> 8) / (1 << 23) - 1;
    }
    return result;
  }
  int input_size() const { return (from_carry ? features : channels) * height * width; }

  // One image.
  std::vector<float> carry(std::span<const float> image) const {
    if (from_carry) return {image.begin(), image.end()};
    const std::vector<float> kernel = weights(features * channels * 9, 0), bias = weights(features, 1);
    std::vector<float> map(features * height * width);
    for (int f = 0; f < features; ++f) {
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          float sum = bias[f];
          for (int c = 0; c < channels; ++c) {
            for (int k = 0; k < 9; ++k) {
              const int yy = y + k / 3 - 1, xx = x + k % 3 - 1;
              if (yy < 0 || yy >= height || xx < 0 || xx >= width) continue;
              sum += kernel[(f * channels + c) * 9 + k] * image[(c * height + yy) * width + xx];
            }
          }
          map[(f * height + y) * width + x] = std::max(sum, 0.0f);
        }
      }
    }
    return map;
  }
  std::vector<float> pooled(std::span<const float> image) const {
    const std::vector<float> map = carry(image);
    std::vector<float> result(features);
    for (int f = 0; f < features; ++f) {
      for (int i = 0; i < height * width; ++i) result[f] += map[f * height * width + i] / (height * width);
    }
    return result;
  }
  std::vector<float> logits(std::span<const float> image) const {
    const std::vector<float> matrix = weights(classes * features, 2), pool = pooled(image);
    std::vector<float> result = weights(classes, 3);
    for (int c = 0; c < classes; ++c) {
      for (int f = 0; f < features; ++f) result[c] += matrix[c * features + f] * pool[f];
    }
    return result;
  }

  onnx::ModelProto model() const {
    onnx::ModelProto model;
    model.set_ir_version(8);
    model.add_opset_import()->set_version(13);
    onnx::GraphProto& graph = *model.mutable_graph();
    graph.set_name("test");
    const auto value = [](onnx::ValueInfoProto* info, const std::string& name, const std::vector<int>& dims) {
      info->set_name(name);
      auto* tensor = info->mutable_type()->mutable_tensor_type();
      tensor->set_elem_type(onnx::TensorProto::FLOAT);
      tensor->mutable_shape()->add_dim()->set_dim_param("N");
      for (int dim : dims) tensor->mutable_shape()->add_dim()->set_dim_value(dim);
    };
    const auto tensor = [&](const std::string& name, const std::vector<int>& dims, int stream) {
      onnx::TensorProto& made = *graph.add_initializer();
      made.set_name(name);
      made.set_data_type(onnx::TensorProto::FLOAT);
      int count = 1;
      for (int dim : dims) {
        made.add_dims(dim);
        count *= dim;
      }
      for (float v : weights(count, stream)) made.add_float_data(v);
    };
    const auto node = [&](const std::string& op, const std::vector<std::string>& in, const std::string& out) {
      onnx::NodeProto* made = graph.add_node();
      made->set_op_type(op);
      for (const std::string& name : in) made->add_input(name);
      made->add_output(out);
      return made;
    };
    const auto transposed = [](onnx::NodeProto* gemm) {
      onnx::AttributeProto& attribute = *gemm->add_attribute();
      attribute.set_name("transB");
      attribute.set_type(onnx::AttributeProto::INT);
      attribute.set_i(1);
    };
    std::string map = "carry_in";
    if (from_carry) {
      value(graph.add_input(), "carry_in", {features, height, width});
    } else {
      value(graph.add_input(), "image", {channels, height, width});
      tensor("kernel", {features, channels, 3, 3}, 0);
      tensor("kernel_bias", {features}, 1);
      onnx::AttributeProto& pads = *node("Conv", {"image", "kernel", "kernel_bias"}, "conv")->add_attribute();
      pads.set_name("pads");
      pads.set_type(onnx::AttributeProto::INTS);
      for (int i = 0; i < 4; ++i) pads.add_ints(1);
      map = "carry";
      node("Relu", {"conv"}, map);
    }
    node("GlobalAveragePool", {map}, "pooled");
    node("Flatten", {"pooled"}, "features");
    tensor("head", {classes, features}, 2);
    tensor("head_bias", {classes}, 3);
    transposed(node("Gemm", {"features", "head", "head_bias"}, "logits"));
    tensor("router", {1, features}, 4);
    tensor("router_bias", {1}, 5);
    transposed(node("Gemm", {"features", "router", "router_bias"}, "router_logit"));
    node("Sigmoid", {"router_logit"}, "score");
    value(graph.add_output(), "logits", {classes});
    if (with_features) value(graph.add_output(), "features", {features});
    value(graph.add_output(), "score", {1});
    if (with_carry) value(graph.add_output(), "carry", {features, height, width});
    return model;
  }
  std::string bytes() const { return model().SerializeAsString(); }
};

}  // namespace triage::engine
