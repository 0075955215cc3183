#include "exporting/imported/quantize_onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnxruntime_cxx_api.h>

#include <utility>

#include "core/test_support.h"
#include "engine/onnxruntime/onnx_session.h"
#include "exporting/imported/graph_runner.h"
#include "exporting/imported/int8_graph.h"
#include "exporting/imported/normal_form.h"
#include "model/interpreter/interpreter.h"
#include "model/model_test_support.h"
#include "model/onnx/write.h"

namespace triage::exporting {
namespace {

using model::Dims;
using model::Graph;
using model::Op;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;

// A net in text and the sizes of its weights, which are drawn from the seed.
onnx::ModelProto net(const std::string& text, const std::vector<std::pair<std::string, Dims>>& weights, int opset) {
  onnx::ModelProto made = model::testing::parsed(text, opset);
  Rng rng(5);
  for (const auto& [name, dims] : weights) {
    auto& tensor = *made.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    std::int64_t taps = 1;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      tensor.add_dims(dims[d]);
      taps *= d == 0 ? 1 : dims[d];
    }
    const bool positive = name.starts_with("var");
    for (std::int64_t i = 0; i < model::elements(dims); ++i) {
      const double value = rng.normal() / std::sqrt(static_cast<double>(taps));
      tensor.add_float_data(static_cast<float>(positive ? std::abs(value) + 0.5 : value));
    }
  }
  return made;
}

// What MobileNetV3 is made of.
onnx::ModelProto mobile(int opset = 17) {
  return net(
      "(float[N,3,16,16] x) => (float[N,5] y) {\n"
      " c1 = Conv<strides = [2,2], pads = [1,1,1,1]>(x, w1, b1)\n h1 = HardSwish(c1)\n"
      " c2 = Conv<group = 8, pads = [1,1,1,1]>(h1, w2, b2)\n r2 = Relu(c2)\n"
      " m = ReduceMean<axes = [2,3]>(r2)\n s1 = Conv(m, w3, b3)\n s2 = Relu(s1)\n s3 = Conv(s2, w4, b4)\n"
      " g = HardSigmoid<alpha = 0.16666667, beta = 0.5>(s3)\n p = Mul(g, r2)\n c3 = Conv(p, w5)\n a = Add(c3, h1)\n"
      " c4 = Conv(a, w6, b6)\n k = Clip(c4, zero, six)\n q = GlobalAveragePool(k)\n f = Flatten(q)\n"
      " l = Gemm<transB = 1>(f, w7, b7)\n z = HardSwish(l)\n y = Gemm(z, w8, b8)\n}",
      {{"w1", {8, 3, 3, 3}},
       {"b1", {8}},
       {"w2", {8, 1, 3, 3}},
       {"b2", {8}},
       {"w3", {4, 8, 1, 1}},
       {"b3", {4}},
       {"w4", {8, 4, 1, 1}},
       {"b4", {8}},
       {"w5", {8, 8, 1, 1}},
       {"w6", {12, 8, 1, 1}},
       {"b6", {12}},
       {"w7", {10, 12}},
       {"b7", {10}},
       {"w8", {10, 5}},
       {"b8", {5}},
       {"zero", {}},
       {"six", {}}},
      opset);
}

Graph mobile_graph() {
  onnx::ModelProto made = mobile();
  for (auto& tensor : *made.mutable_graph()->mutable_initializer()) {
    if (tensor.name() == "zero") tensor.set_float_data(0, 0);
    if (tensor.name() == "six") tensor.set_float_data(0, 6);
  }
  return model::from_onnx(made, "mobile.onnx", {});
}

// What ShuffleNetV2 is made of, in operator set 9 and with batch normalisation.
Graph shuffle_graph() {
  return model::from_onnx(
      net("(float[N,3,16,16] x) => (float[N,4] y) <int64[5] grouped = {-1,2,4,8,8}, int64[4] back = {-1,8,8,8}> {\n"
          " c1 = Conv<pads = [1,1,1,1]>(x, w1)\n n1 = BatchNormalization(c1, s1, b1, m1, var1)\n r1 = Relu(n1)\n"
          " p = MaxPool<kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]>(r1)\n"
          " left = Slice<axes = [1], starts = [0], ends = [4]>(p)\n right = Slice<axes = [1], starts = [4], ends = "
          "[8]>(p)\n"
          " c2 = Conv(right, w2)\n r2 = Relu(c2)\n j = Concat<axis = 1>(left, r2)\n g = Reshape(j, grouped)\n"
          " t = Transpose<perm = [0,2,1,3,4]>(g)\n u = Reshape(t, back)\n c3 = Conv(u, w3)\n r3 = LeakyRelu(c3)\n"
          " e = Sigmoid(c3)\n v = Mul(r3, e)\n o = AveragePool<kernel_shape = [8,8]>(v)\n f = Flatten(o)\n k = "
          "MatMul(f, w4)\n"
          " y = Softmax(k)\n}",
          {{"w1", {8, 3, 3, 3}},
           {"s1", {8}},
           {"b1", {8}},
           {"m1", {8}},
           {"var1", {8}},
           {"w2", {4, 4, 1, 1}},
           {"w3", {6, 8, 1, 1}},
           {"w4", {6, 4}}},
          9),
      "shuffle.onnx", {});
}

std::vector<float> images(std::size_t count) {
  std::vector<float> values(count * 3 * 16 * 16);
  Rng rng(9);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

model::Tensor tensor_of(const std::vector<float>& values, std::int64_t count) {
  return {model::Type::float32, {count, 3, 16, 16}, {values.begin(), values.end()}};
}

onnx::ModelProto parsed_bytes(const std::string& bytes) {
  onnx::ModelProto made;
  made.ParseFromString(bytes);
  return made;
}

// How many nodes of each operator ONNX Runtime runs, after all that it changes.
std::map<std::string, int> operators_run(const std::string& bytes) {
  const TempDir directory;
  Ort::SessionOptions options;
  options.SetOptimizedModelFilePath((directory / "optimized.onnx").c_str());
  options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_ERROR);
  const Ort::Session session(engine::ort_environment(), bytes.data(), bytes.size(), options);
  std::map<std::string, int> counts;
  const onnx::ModelProto optimized = load_model(directory / "optimized.onnx");
  for (const auto& node : optimized.graph().node()) ++counts[node.op_type()];
  return counts;
}

double db_between(const std::vector<double>& reference, const std::vector<float>& values) {
  SignalToNoise found;
  found.add(std::vector<float>(reference.begin(), reference.end()), values);
  return found.db();
}

class QuantizeOnnxTest : public ::testing::TestWithParam<bool> {
 protected:
  Graph graph() const { return GetParam() ? mobile_graph() : shuffle_graph(); }
};
INSTANTIATE_TEST_SUITE_P(Nets, QuantizeOnnxTest, ::testing::Bool());

// The normal form computes the same.
TEST_P(QuantizeOnnxTest, NormalFormChangesNothing) {
  Graph normal = graph();
  normalize_graph(normal);
  const model::NamedTensors inputs{{"x", tensor_of(images(2), 2)}};
  const auto expected = interpret(graph(), inputs).at("y"), found = interpret(normal, inputs).at("y");
  for (std::size_t i = 0; i < expected.values.size(); ++i) EXPECT_NEAR(found.values[i], expected.values[i], 1e-5);
}

// What is written means the same to the interpreter, which knows nothing of fused operators, and to ONNX Runtime, which
// sums integers; and it is near to the net in fp32.
TEST_P(QuantizeOnnxTest, EngineAndInterpreterAgreeAboutTheResult) {
  const std::vector<float> some = images(12);
  const QuantizedModel made = quantize_graph(graph(), some, 12);
  const auto fp32 = interpret(graph(), {{"x", tensor_of(some, 12)}}).at("y");
  const Graph again = model::from_onnx(parsed_bytes(made.bytes), "again.onnx", {});
  EXPECT_GE(again.opset, 13);
  const auto found = interpret(again, {{"x", tensor_of(some, 12)}}).at("y");
  const auto engine = onnx_engine("int8", parsed_bytes(made.bytes)).run(some, 12).at("y");
  EXPECT_GT(db_between(found.values, engine), 35);
  EXPECT_GT(db_between(fp32.values, engine), 20);
  EXPECT_NEAR(made.report.final_sqnr_db, db_between(fp32.values, engine), 0.5);
  EXPECT_THAT(made.report.nodes, Each(Field(&QuantizedNode::int8, true)));
}

TEST(QuantizeOnnx, EngineRunsIntegers) {
  const std::vector<float> some = images(4);
  const auto mobile_run = operators_run(quantize_graph(mobile_graph(), some, 4).bytes);
  EXPECT_EQ(mobile_run.at("QLinearConv"), 6);
  EXPECT_EQ(mobile_run.at("QGemm"), 2);
  EXPECT_EQ(mobile_run.at("QLinearMul"), 3);
  EXPECT_EQ(mobile_run.at("QLinearAdd"), 1);
  EXPECT_EQ(mobile_run.at("QLinearGlobalAveragePool"), 2);
  const auto shuffle_run = operators_run(quantize_graph(shuffle_graph(), some, 4).bytes);
  EXPECT_EQ(shuffle_run.at("QLinearConv"), 3);
  EXPECT_EQ(shuffle_run.at("QLinearConcat"), 1);
  for (const auto& run : {mobile_run, shuffle_run}) {
    for (const char* op : {"Conv", "FusedConv", "HardSigmoid", "HardSwish", "Relu", "Clip", "Concat"})
      EXPECT_FALSE(run.contains(op)) << op;
  }
}

TEST(QuantizeOnnx, NodesStayInFp32WhereAskedFor) {
  const std::vector<float> some = images(4);
  const std::vector<std::string> nodes{"c1", "g"};
  const QuantizedModel made = quantize_graph(mobile_graph(), some, 4, {.fp32 = nodes});
  for (const QuantizedNode& node : made.report.nodes) {
    const bool stays = std::ranges::find(nodes, node.name) != nodes.end();
    EXPECT_EQ(node.int8, !stays) << node.name;
    EXPECT_EQ(node.reason, stays ? "asked for" : "") << node.name;
  }
  EXPECT_EQ(operators_run(made.bytes).at("QLinearConv"), 5);
  EXPECT_THAT(error_of([&] { quantize_graph(mobile_graph(), some, 4, {.fp32 = {"z9"}}); }),
              HasSubstr("found 'z9', expected one that can be in 8 bits, such as 'c1'"));
}

bool holds(const std::string& bytes, const std::string& constant) {
  const onnx::ModelProto made = parsed_bytes(bytes);
  return std::ranges::any_of(made.graph().initializer(), [&](const auto& tensor) { return tensor.name() == constant; });
}

// The accuracy falls with one convolution: it and those that are worse go back, nothing else.
TEST(QuantizeOnnx, WorstNodesGoBackUntilTheLossIsWithinTheBudget) {
  const std::vector<float> some = images(4);
  int asked = 0;
  const auto ask = [&](const std::string& bytes) {
    ++asked;
    return holds(bytes, "c2/weight/int8") ? 0.70 : 0.80;
  };
  const QuantizeReport report = quantize_graph(mobile_graph(), some, 4, {.ask = ask, .max_loss = 0.05}).report;
  double of_c2 = 0;
  for (const QuantizedNode& node : report.nodes) of_c2 = node.name == "c2" ? node.alone_sqnr_db : of_c2;
  for (const QuantizedNode& node : report.nodes) {
    EXPECT_EQ(node.int8, node.alone_sqnr_db > of_c2) << node.name;
    EXPECT_EQ(node.reason, node.int8 ? "" : "accuracy") << node.name;
  }
  EXPECT_EQ(report.fp32_accuracy, 0.80);
  EXPECT_EQ(report.all_int8_accuracy, 0.70);
  EXPECT_EQ(report.accuracy, 0.80);
  EXPECT_LE(asked, 7);  // two, and the logarithm of 17 nodes
  const QuantizeReport loose = quantize_graph(mobile_graph(), some, 4, {.ask = ask, .max_loss = 0.2}).report;
  EXPECT_THAT(loose.nodes, Each(Field(&QuantizedNode::int8, true)));
}

// A part of a net: what the parts before it lost is held against it, which nothing of its own may make good.
TEST(QuantizeOnnx, TheLossIsThatOfTheWholeNetWhereItIsKnown) {
  const std::vector<float> some = images(4);
  const auto ask = [&](const std::string& bytes) { return holds(bytes, "c2/weight/int8") ? 0.70 : 0.80; };
  const auto within = [&](double loss) {
    return quantize_graph(mobile_graph(), some, 4, {.ask = ask, .max_loss = loss, .fp32_accuracy = 0.90}).report;
  };
  const QuantizeReport report = within(0.15);
  EXPECT_EQ(report.fp32_accuracy, 0.90);
  EXPECT_EQ(report.accuracy, 0.80);
  EXPECT_TRUE(report.any_int8());
  const QuantizeReport lost = within(0.05);
  EXPECT_EQ(lost.accuracy, 0.80);
  EXPECT_FALSE(lost.any_int8());
}

TEST(QuantizeOnnx, WithoutProbesItIsTheSameNet) {
  const std::vector<float> some = images(4);
  const QuantizedModel probed = quantize_graph(mobile_graph(), some, 4, {}),
                       quick = quantize_graph(mobile_graph(), some, 4, {.probes = 0});
  EXPECT_EQ(quick.bytes, probed.bytes);
  EXPECT_EQ(quick.report.final_sqnr_db, probed.report.final_sqnr_db);
  EXPECT_THAT(quick.report.nodes, Each(Field(&QuantizedNode::alone_sqnr_db, 0)));
  EXPECT_THAT(
      error_of([&] { quantize_graph(mobile_graph(), some, 4, {.ask = [](const auto&) { return 1.0; }, .probes = 0}); }),
      HasSubstr("probes: found 0, expected 1 or more"));
}

auto in_turns(std::function<double(const std::string&)> one) {
  return [one](std::span<const std::string> models) {
    std::vector<double> us;
    for (const std::string& bytes : models) us.push_back(one(bytes));
    return us;
  };
}

// Ended at each of its questions in turn, it asks in all what one run asks, and makes the same net.
TEST(QuantizeOnnx, GoesOnWhereItWasKilled) {
  const std::vector<float> some = images(4);
  int asked = 0, left = 0;
  const auto ask = [&](const std::string& bytes) {
    if (left-- == 0) throw Interrupted("killed");
    ++asked;
    return 0.5 + 0.4 * std::abs(std::sin(static_cast<double>(bytes.size())));
  };
  const auto time = [&](std::span<const std::string> models) {
    std::vector<double> us;
    for (const std::string& model : models) us.push_back(ask(model));
    return us;
  };
  QuantizeOptions options{.ask = ask, .time = time, .max_loss = 0.01};
  left = 1000;
  const QuantizedModel whole = quantize_graph(mobile_graph(), some, 4, options);
  const int questions = std::exchange(asked, 0);
  ASSERT_GT(questions, 5);
  const TempDir directory;
  std::optional<QuantizedModel> made;
  for (int kills = 0; !made && kills < 100; ++kills) {
    KeptNumbers kept(directory / "kept", "net");
    options.kept = &kept;
    left = 2;  // a turn of two forms is whole or not at all
    try {
      made = quantize_graph(mobile_graph(), some, 4, options);
    } catch (const Interrupted&) {
      continue;
    }
  }
  ASSERT_TRUE(made);
  EXPECT_LE(asked, 2 * questions);
  EXPECT_EQ(made->bytes, whole.bytes);
  EXPECT_EQ(to_json(made->report), to_json(whole.report));
}

TEST(QuantizeOnnx, KindsThatAreNotFasterStayInFp32) {
  const auto time = in_turns([](const std::string& bytes) {  // depthwise ones are slower in 8 bits, the others faster
    double us = 300;
    const onnx::ModelProto made = parsed_bytes(bytes);
    for (const auto& tensor : made.graph().initializer()) {
      if (tensor.name().ends_with("/weight/int8")) us += tensor.name() == "c2/weight/int8" ? 60 : -20;
      if (tensor.name().ends_with("/scale")) us -= 3;
    }
    for (const auto& node : made.graph().node()) {
      const bool sum = node.op_type() == "Mul" || node.op_type() == "Add";
      if (sum && node.input(0).ends_with("/real") && node.input(1).ends_with("/real")) us -= 5;
    }
    return us;
  });
  const QuantizeReport report = quantize_graph(mobile_graph(), images(4), 4, {.time = time}).report;
  for (const QuantizedNode& node : report.nodes) {
    EXPECT_EQ(node.int8, node.name != "c2") << node.name;
    EXPECT_EQ(node.reason, node.name != "c2" ? "" : "not faster") << node.name;
  }
  EXPECT_LT(*report.us, *report.fp32_us);
}

std::int64_t largest_weight(const std::string& bytes) {  // of the first convolution
  const Graph graph = model::from_onnx(parsed_bytes(bytes), "int8.onnx", {});
  std::int64_t largest = 0;
  for (const auto weight : graph.data(graph.find("c1/weight/int8")).integers())
    largest = std::max(largest, std::abs(weight));
  return largest;
}

// Weights of 7 bits, where they are faster: no pair of products leaves 16 bits.
TEST(QuantizeOnnx, WeightsLoseABitWhereThatIsFaster) {
  const auto time = [](double of_seven) {
    return in_turns([of_seven](const std::string& bytes) {
      if (!holds(bytes, "c1/weight/int8")) return 100.0;
      return largest_weight(bytes) > 64 ? 80.0 : of_seven;
    });
  };
  const QuantizedModel seven = quantize_graph(mobile_graph(), images(4), 4, {.time = time(60)});
  EXPECT_EQ(seven.report.weight_bits, 7);
  EXPECT_EQ(largest_weight(seven.bytes), 64);
  EXPECT_GT(seven.report.final_sqnr_db, 20);
  const QuantizedModel eight = quantize_graph(mobile_graph(), images(4), 4, {.time = time(80)});
  EXPECT_EQ(eight.report.weight_bits, 8);
  EXPECT_EQ(largest_weight(eight.bytes), 127);
  EXPECT_THAT(error_of([] { quantize_graph(mobile_graph(), images(1), 1, {.weight_bits = 4}); }),
              HasSubstr("weight_bits: found 4, expected 7 or 8"));
}

TEST(QuantizeOnnx, ANetThatIsNotFasterStaysInFp32) {
  const auto time =
      in_turns([](const std::string& bytes) { return bytes.find("/weight/int8") == std::string::npos ? 50.0 : 60.0; });
  const QuantizedModel made = quantize_graph(mobile_graph(), images(4), 4, {.time = time});
  EXPECT_FALSE(made.report.any_int8());
  EXPECT_THAT(made.report.nodes, Each(Field(&QuantizedNode::reason, "not faster")));
  EXPECT_EQ(made.report.us, 50.0);
  EXPECT_EQ(made.report.final_sqnr_db, 200);
  EXPECT_EQ(made.bytes.find("QuantizeLinear"), std::string::npos);
}

TEST(QuantizeOnnx, RefusesWhatItCannotRun) {
  EXPECT_EQ(error_of([] { quantize_graph(mobile_graph(), images(4), 3); }),
            "mobile.onnx: found 3072 values of 3 calibration images, expected 768 each and at least one image");
  EXPECT_EQ(error_of([] {
              quantize_graph(model::testing::graph_of("(float[N,3,16,16] x) => (float[N,3,16,16] y) { y = Exp(x) }"),
                             images(1), 1);
            }),
            "test.onnx: found no node that can be in 8 bits, expected a convolution or a linear layer");
}

// A file whose batch is 2: five images are three runs.
TEST(QuantizeOnnx, FixedBatchesAreFilledUp) {
  onnx::ModelProto made = mobile();
  made.mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(0)
      ->set_dim_value(2);
  for (auto& tensor : *made.mutable_graph()->mutable_initializer()) {
    if (tensor.name() == "zero") tensor.set_float_data(0, 0);
    if (tensor.name() == "six") tensor.set_float_data(0, 6);
  }
  const std::vector<float> some = images(5);
  const QuantizeOptions minmax{.range = RangeMethod::minmax};
  const auto fixed = quantize_graph(model::from_onnx(made, "mobile.onnx", {}), some, 5, minmax).report;
  const auto free = quantize_graph(mobile_graph(), some, 5, minmax).report;
  EXPECT_NEAR(fixed.final_sqnr_db, free.final_sqnr_db, 0.5);
}

}  // namespace
}  // namespace triage::exporting
