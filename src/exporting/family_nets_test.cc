// Nets of all families as files: ONNX Runtime against model::interpret(), and plain's lowering against a stage's.
#include <gtest/gtest.h>

#include "core/rng.h"
#include "exporting/onnx_engine.h"
#include "exporting/stage_model.h"
#include "family/lower.h"
#include "model/interpreter/interpreter.h"
#include "model/onnx/write.h"

namespace triage::exporting {
namespace {

std::vector<float> random_images(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.uniform());
  return values;
}

TEST(Families, OnnxRuntimeAndTheInterpreterAgree) {
  constexpr int kImages = 2;
  const plan::InputShape input{3, 24, 20};
  for (const char* text : {"8-8,12-16", "residual:8-8s4x2-16b4,b8h/2", "residual:8k5/4-8m4x2-12/2",
                           "mbconv:8h/2-8e1-12k5e3s4hx2/2-12k7m20-c24h-f20h@32"}) {
    const family::Blueprint net = family::blueprint(family::ArchSpec::parse(text), input, 7);
    const model::Graph graph = family::lower(net, family::random_weights(2), {.features = 1, .carry = 0}).graph;
    const onnx::ModelProto file = model::to_onnx(graph);
    check_model(file, text);
    const auto size = static_cast<std::size_t>(net.input.channels * net.input.height * net.input.width);
    const std::vector<float> images = random_images(kImages * size, 5);
    const NamedOutputs found = onnx_engine(text, file).run(images, kImages);
    model::Tensor batch{model::Type::float32, {kImages, 3, net.input.height, net.input.width}, {}};
    batch.values.assign(images.begin(), images.end());
    const model::NamedTensors expected = model::interpret(graph, {{"image", batch}});
    ASSERT_EQ(found.size(), 3U);
    for (const auto& [name, tensor] : expected) {
      const std::vector<float>& values = found.at(name);
      ASSERT_EQ(values.size(), tensor.values.size()) << text << " " << name;
      for (std::size_t i = 0; i < values.size(); ++i)  // fp32 against sums in double
        EXPECT_NEAR(values[i], tensor.values[i], 1e-4 * (1 + std::abs(tensor.values[i]))) << text << " " << name;
    }
  }
}

// The two ways in which a plain net becomes nodes: with the same numbers the same graph.
TEST(Families, PlainLowersToTheGraphOfAStage) {
  StageModel stage{.arch = plan::ArchSpec::parse("8-8,12-16"), .input = {3, 12, 12}, .classes = {"a", "b", "c"}};
  stage.mean = {0.5F, 0.25F, 0.125F};
  stage.stddev = {0.5F, 0.25F, 2};
  stage.features_block = 1;
  const family::Weights weights = family::random_weights(1);
  for (const plan::ConvLayer& layer : stage_layers(stage)) {
    stage.convs.push_back({weights(layer.name() + "/weight", {layer.out_channels, layer.in_channels, 3, 3}),
                           weights(layer.name() + "/bias", {layer.out_channels})});
  }
  stage.head_weight = weights("head/weight", {3, 16});
  stage.head_bias = weights("head/bias", {3});
  const model::Graph expected = stage_to_graph(stage);
  const family::Blueprint net = family::blueprint(family::ArchSpec::parse(stage.arch.text()), stage.input, 3);
  const model::Graph found =
      family::lower(net, weights, {.features = 1, .mean = stage.mean, .stddev = stage.stddev}).graph;
  ASSERT_EQ(found.nodes.size(), expected.nodes.size());
  for (std::size_t i = 0; i < found.nodes.size(); ++i) {
    const model::Node &a = found.nodes[i], &b = expected.nodes[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.op, b.op);
    EXPECT_EQ(a.attributes, b.attributes) << a.name;
    ASSERT_EQ(a.inputs.size(), b.inputs.size()) << a.name;
    for (std::size_t k = 0; k < a.inputs.size(); ++k) {
      EXPECT_EQ(found.value(a.inputs[k]).name, expected.value(b.inputs[k]).name) << a.name;
      if (found.constant(a.inputs[k])) {
        EXPECT_EQ(found.data(a.inputs[k]).floats(), expected.data(b.inputs[k]).floats()) << a.name;
      }
    }
  }
}

}  // namespace
}  // namespace triage::exporting
