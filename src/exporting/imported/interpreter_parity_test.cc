// The interpreter of src/model against ONNX Runtime, value by value, over random graphs of every operator that it
// knows. What a graph holds is a function of its seed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "exporting/imported/random_graph_test.h"
#include "exporting/onnx_engine.h"
#include "model/interpreter/interpreter.h"
#include "model/onnx/read.h"
#include "model/onnx/write.h"

namespace triage::exporting {
namespace {

using model::Op;
using testing::RandomGraph;

constexpr Op kOperators[] = {Op::conv,
                             Op::max_pool,
                             Op::average_pool,
                             Op::global_max_pool,
                             Op::global_average_pool,
                             Op::gemm,
                             Op::matmul,
                             Op::reduce_mean,
                             Op::reduce_sum,
                             Op::reduce_max,
                             Op::reduce_min,
                             Op::relu,
                             Op::leaky_relu,
                             Op::elu,
                             Op::clip,
                             Op::prelu,
                             Op::sigmoid,
                             Op::hard_sigmoid,
                             Op::hard_swish,
                             Op::tanh,
                             Op::softplus,
                             Op::gelu,
                             Op::softmax,
                             Op::log_softmax,
                             Op::add,
                             Op::sub,
                             Op::mul,
                             Op::div,
                             Op::pow,
                             Op::max,
                             Op::min,
                             Op::sum,
                             Op::where,
                             Op::sqrt,
                             Op::exp,
                             Op::log,
                             Op::erf,
                             Op::neg,
                             Op::abs,
                             Op::reciprocal,
                             Op::floor,
                             Op::ceil,
                             Op::identity,
                             Op::batch_norm,
                             Op::layer_norm,
                             Op::instance_norm,
                             Op::lrn,
                             Op::concat,
                             Op::reshape,
                             Op::flatten,
                             Op::transpose,
                             Op::squeeze,
                             Op::slice,
                             Op::split,
                             Op::gather,
                             Op::pad,
                             Op::expand,
                             Op::resize,
                             Op::dequantize};

// Largest difference of all values, in units of the largest one of each or 1. steps: values that ONNX Runtime may round
// to the neighbouring integer (Floor, Ceil, QuantizeLinear) are allowed that step.
double largest_difference(RandomGraph& random, double step, const std::string& what) {
  const onnx::ModelProto model = random.model();
  const std::vector<float> image = random.image();
  const NamedOutputs expected = onnx_engine(what, model).run(image, 2);
  const model::Graph graph = model::from_onnx(model, what, {});
  const auto found =
      model::interpret(graph, {{"x", {model::Type::float32, random.input(), {image.begin(), image.end()}}}});
  const NamedOutputs again = onnx_engine(what, model::to_onnx(graph)).run(image, 2);
  double largest = 0;
  for (const auto& [name, values] : expected) {
    const auto& ours = found.at(name).values;
    EXPECT_EQ(ours.size(), values.size()) << what << ' ' << name;
    EXPECT_EQ(again.at(name), values) << what << ' ' << name << ": read and written";
    double size = 1;
    for (const float value : values) size = std::max<double>(size, std::abs(value));
    for (std::size_t i = 0; i < std::min(ours.size(), values.size()); ++i) {
      const double difference = std::abs(ours[i] - values[i]);
      if (std::abs(difference - step) > 1e-5 * size) largest = std::max(largest, difference / size);
    }
  }
  return largest;
}

// One operator behind a convolution, and every one of them.
TEST(InterpreterParity, EveryOperator) {
  double largest = 0;
  for (const int opset : {13, 17, 20}) {
    for (const Op op : kOperators) {
      if (op == Op::gelu && opset < 20) continue;
      if (op == Op::hard_swish && opset < 14) continue;
      if (op == Op::layer_norm && opset < 17) continue;
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const std::string what = std::format("{} of set {}, seed {}", model::to_string(op), opset, seed);
        RandomGraph random(derive_seed(seed, model::to_string(op)), opset);
        random.add(Op::conv);
        random.add(op);
        const double step = op == Op::floor || op == Op::ceil ? 1 : op == Op::dequantize ? 0.05 : 0;
        const double difference = largest_difference(random, step, what);
        // Lines of few numbers that are nearly the same: ONNX Runtime takes the square of the mean from the mean of
        // squares.
        const bool line = op == Op::layer_norm || op == Op::instance_norm;
        EXPECT_LT(difference, line ? 1e-3 : 2e-5) << what;
        largest = std::max(largest, difference);
      }
    }
  }
  RecordProperty("largest_difference", std::format("{:.1e}", largest));
}

// Chains of ten: rounding adds up, what rounds to integers is left out.
TEST(InterpreterParity, RandomChains) {
  std::vector<Op> smooth(std::begin(kOperators), std::end(kOperators));
  std::erase_if(smooth, [](Op op) { return op == Op::floor || op == Op::ceil || op == Op::dequantize; });
  double largest = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    RandomGraph random(seed, 20);
    Rng rng(derive_seed(seed, "chain"));
    std::string what = std::format("seed {}:", seed);
    for (int i = 0; i < 10; ++i) {
      const Op op = smooth[rng.below(static_cast<std::uint32_t>(smooth.size()))];
      what += " " + std::string(model::to_string(op));
      random.add(op);
    }
    const double difference = largest_difference(random, 0, what);
    EXPECT_LT(difference, 1e-3) << what;
    largest = std::max(largest, difference);
  }
  RecordProperty("largest_difference", std::format("{:.1e}", largest));
}

}  // namespace
}  // namespace triage::exporting
