// Small classifiers as others export them, for tests: the mean of each channel, then a linear layer.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "core/test_support.h"
#include "exporting/graph_builder.h"
#include "importing/adapt.h"

namespace triage::importing::testing_nets {

using exporting::GraphBuilder;
using exporting::TensorDimension;

enum class Answer { logits, softmax, log_softmax };

struct TestNet {
  int channels = 3, height = 4, width = 5, classes = 3;
  bool nhwc = false;
  int batch = 0;      // fixed; 0: free
  bool flat = false;  // answers [C], of batch 1
  Answer answer = Answer::logits;
  onnx::TensorProto::DataType input = onnx::TensorProto::FLOAT;
  bool second_output = false;  // the channels' means, too
  std::string input_name = "x", output_name = "y", inner_name = "pooled";
  int opset = 17;

  std::vector<float> weights() const {  // [classes, channels]
    std::vector<float> values;
    for (int i = 0; i < classes * channels; ++i) values.push_back(static_cast<float>((i * 7 % 5) - 2) / 2);
    return values;
  }

  onnx::ModelProto model() const {
    onnx::ModelProto model = exporting::new_model("test");
    model.mutable_opset_import(0)->set_version(opset);
    onnx::GraphProto& graph = *model.mutable_graph();
    GraphBuilder builder(graph);
    std::string value = input_name;
    if (input != onnx::TensorProto::FLOAT) {
      value = builder.node("Cast", {value}, "float");
      builder.attribute("to", std::int64_t{onnx::TensorProto::FLOAT});
    }
    if (nhwc) {
      value = builder.node("Transpose", {value}, "turned");
      builder.attribute("perm", std::vector<std::int64_t>{0, 3, 1, 2});
    }
    value = builder.node("GlobalAveragePool", {value}, inner_name);
    const std::vector<std::int64_t> shape{batch > 0 ? batch : -1, channels};
    value = builder.node("Reshape", {value, builder.constant("shape", {2}, std::span(shape))}, "row");
    const std::string row = value;
    value = builder.node(
        "Gemm",
        {value, builder.constant("weights", {classes, channels}, std::span<const float>(weights())),
         builder.constant("bias", {classes}, std::vector<float>(static_cast<std::size_t>(classes), 0.25f))},
        "linear");
    builder.attribute("transB", std::int64_t{1});
    if (answer != Answer::logits) {
      value = builder.node(answer == Answer::softmax ? "Softmax" : "LogSoftmax", {value}, "probabilities");
      builder.attribute("axis", std::int64_t{1});
    }
    if (flat) {
      const std::vector<std::int64_t> one{classes};
      value = builder.node("Reshape", {value, builder.constant("one", {1}, std::span(one))}, "flat");
    }
    builder.node("Identity", {value}, output_name);
    const TensorDimension n = batch > 0 ? TensorDimension{batch, {}} : TensorDimension{0, "batch_size"};
    *graph.add_input() =
        exporting::value_info(input_name, input,
                              nhwc ? std::vector<TensorDimension>{n, {height, {}}, {width, {}}, {channels, {}}}
                                   : std::vector<TensorDimension>{n, {channels, {}}, {height, {}}, {width, {}}});
    *graph.add_output() = exporting::value_info(
        output_name, exporting::kFloat,
        flat ? std::vector<TensorDimension>{{classes, {}}} : std::vector<TensorDimension>{n, {classes, {}}});
    if (second_output) {
      builder.node("Identity", {row}, "means");
      *graph.add_output() = exporting::value_info("means", exporting::kFloat, {n, {channels, {}}});
    }
    return model;
  }

  // Of one image, in the net's layout: what it answers before any softmax.
  std::vector<float> logits(std::span<const float> image) const {
    std::vector<float> mean(static_cast<std::size_t>(channels));
    const int pixels = height * width;
    for (int c = 0; c < channels; ++c) {
      for (int p = 0; p < pixels; ++p)
        mean[static_cast<std::size_t>(c)] += image[static_cast<std::size_t>(nhwc ? p * channels + c : c * pixels + p)];
      mean[static_cast<std::size_t>(c)] /= static_cast<float>(pixels);
    }
    std::vector<float> out(static_cast<std::size_t>(classes), 0.25f);
    const std::vector<float> w = weights();
    for (int k = 0; k < classes; ++k) {
      for (int c = 0; c < channels; ++c)
        out[static_cast<std::size_t>(k)] +=
            w[static_cast<std::size_t>(k * channels + c)] * mean[static_cast<std::size_t>(c)];
    }
    return out;
  }
};

inline fs::path save(const onnx::ModelProto& model, const fs::path& file) {
  std::string bytes;
  EXPECT_TRUE(model.SerializeToString(&bytes));
  write_file_atomic(file, bytes);
  return file;
}

}  // namespace triage::importing::testing_nets
